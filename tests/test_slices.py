"""What the gate leaves out is named by tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.slices import EVERY, SLOW

TESTS = Path(__file__).parent


@pytest.mark.parametrize("name", sorted({*EVERY, *SLOW}))
def test_each_name_is_that_of_a_test(name: str) -> None:
    path, _, function = name.partition("::")
    assert re.search(rf"^def {function}\(", (TESTS / path).read_text(encoding="utf-8"), re.MULTILINE)
