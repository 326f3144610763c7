"""Judging leaves Arrow tables in the public columns; the frames made of them have the same cells."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest

from analyzer.controls.checklist import Checklist, make_checklist
from analyzer.controls.control import Severity
from analyzer.controls.policy import Policy, Waiver
from analyzer.controls.vocabulary import Outcome, Reason, Status
from analyzer.evidence import schema
from analyzer.judging.findings import FINDINGS
from analyzer.judging.judge import _OUTCOME_OF_STATUS, CREDENTIALS, judge
from analyzer.judging.waivers import cover_table
from analyzer.reading.layout import Kind, State
from analyzer.reading.times import since_epoch
from tests.reports import csv_of, key, password, read, root, unused, user, write

if TYPE_CHECKING:
    from pathlib import Path

AS_OF = datetime(2026, 10, 31, 23, 59, 59, 999999, UTC)
OLD = "2020-01-01T00:00:00Z"
ROWS = [
    root(),
    user("ann", **key(rotated=OLD), **password(changed=OLD, used=OLD)),
    user("bob", **key(2, rotated=OLD, used="2026-10-30T00:00:00Z", active="")),
    user("cyd", **key(active="false", rotated=OLD), cert_1_active="true", cert_1_last_rotated=OLD),
]
WAIVERS = (
    Waiver("a", 1, "r", "o", date(2027, 1, 1), user="a*"),
    Waiver("b", 2, "r", "o", date(2026, 1, 1), control="unused-credentials"),
    Waiver("c", 3, "r", "o", date(2027, 1, 1), account="999999999999"),
)
LISTS = {
    "all": make_checklist(),
    "one": unused(),
    "none unused": make_checklist(controls=["root-mfa", "access-key-rotation"]),
    "waivers": make_checklist(policy=Policy("policy.toml", "", waivers=WAIVERS)),
}


@pytest.mark.parametrize("rows", [ROWS, []], ids=["rows", "no rows"])
@pytest.mark.parametrize("checklist", LISTS.values(), ids=LISTS)
def test_tables_are_in_the_public_columns_and_types(
    rows: list[dict[str, str]], checklist: Checklist, tmp_path: Path
) -> None:
    tables, _ = read(write(tmp_path / "2026-10-31.csv", csv_of(*rows)))
    as_of = np.full(len(tables.users), since_epoch(AS_OF))
    findings, credentials = judge(tables, as_of, checklist, by_capture=False)
    findings, _ = cover_table(findings, checklist)
    public = [name for name in FINDINGS if name != "chosen"]
    assert public == schema.FINDINGS.names
    assert findings.column_names == list(FINDINGS)
    assert credentials.column_names == list(CREDENTIALS)
    for table, expected in ((findings, schema.FINDINGS), (credentials, schema.CREDENTIALS)):
        for field in expected:
            assert table.schema.field(field.name).type == field.type, field.name


def test_codes_are_positions() -> None:
    for texts in (Kind, State, Status, Reason, Outcome, Severity):
        assert [text.code for text in texts] == list(range(len(texts)))
        assert [str(text) for text in texts] == [text.value for text in texts]


def test_a_status_is_the_outcome_of_the_same_name() -> None:
    assert [list(Outcome)[code].value for code in _OUTCOME_OF_STATUS] == [status.value for status in Status]
