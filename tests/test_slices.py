"""The names of tests that the gate leaves out are names of existing tests."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.slices import EVERY_NTH, SLOW

TESTS = Path(__file__).parent


@pytest.mark.parametrize("name", sorted({*EVERY_NTH, *SLOW}))
def test_each_name_is_the_name_of_a_test(name: str) -> None:
    path, _, function = name.partition("::")
    assert re.search(rf"^def {function}\(", (TESTS / path).read_text(encoding="utf-8"), re.MULTILINE)
