"""Whole outputs, by their digests: what a change of the program's inside must leave as it is.

Where a change of an output is meant: `python -m tests.golden --dump DIR` before and after it, `diff -r` of the two, and
then `python -m tests.golden --write`.
"""

from __future__ import annotations

import json

import pytest

from tests.golden.__main__ import DIGESTS_FILE
from tests.golden.capturing import RUNS, capture, digests
from tests.golden.fleets import FLEETS, MULTI_DAY, drawn
from tests.test_schemas import require_fits

DIGESTS: dict[str, dict[str, str]] = (
    json.loads(DIGESTS_FILE.read_text(encoding="utf-8")) if DIGESTS_FILE.exists() else {}
)


def test_every_run_has_its_digests() -> None:
    assert list(DIGESTS) == list(RUNS)


def test_there_are_thirty_fleets_and_each_is_the_same_again() -> None:
    assert (len(FLEETS), len(MULTI_DAY)) == (30, 6)
    for name in FLEETS:
        assert drawn(name) == drawn(name)


@pytest.mark.parametrize("run", RUNS)
def test_a_run_prints_and_writes_what_it_did_before(run: str) -> None:
    entries = capture(run)
    for name, text in entries.items():
        if name.endswith("json") and text.startswith("{") and (document := json.loads(text)).get("schema"):
            require_fits(document["schema"].split("/")[1], document)
    expected, actual = DIGESTS.get(run, {}), digests(entries)
    changed = [f"  changed: {name}" for name in expected if name in actual and actual[name] != expected[name]]
    changed += [f"  gone:    {name}" for name in expected if name not in actual]
    changed += [f"  new:     {name}" for name in actual if name not in expected]
    if changed:
        pytest.fail("\n".join([f"{run}: not what it was", *changed]), pytrace=False)
