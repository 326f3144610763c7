"""Judging leaves Arrow tables in the public columns; the frames made of them say the same."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from analyzer.controls.checklist import Checklist, make_checklist
from analyzer.controls.control import Severity
from analyzer.controls.policy import Policy, Waiver
from analyzer.controls.vocabulary import Outcome, Reason, Status
from analyzer.evidence import schema
from analyzer.judging.findings import FINDINGS
from analyzer.judging.judge import _OUTCOME_OF_STATUS, CREDENTIALS, judge, judge_tables
from analyzer.judging.snapshots import Selection
from analyzer.judging.waivers import cover, cover_table
from analyzer.reading.issues import IssueLog
from analyzer.reading.layout import Kind, State
from analyzer.reading.normalizing import Tables, normalize
from analyzer.reading.parsing import parse
from analyzer.survey.selection import select
from tests.reports import csv_of, key, password, read_sources, root, unused, user, write

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


@pytest.fixture(params=["rows", "no rows", "two snapshots"])
def read(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Tables, Selection]:
    rows = ROWS if request.param != "no rows" else []
    names = ["2026-10-31.csv", *(["2026-09-30.csv"] if request.param == "two snapshots" else [])]
    paths = [write(tmp_path / name, csv_of(*rows)) for name in names]
    log = IssueLog()
    sources = read_sources(paths, log)
    tables = normalize(parse(sources, log), sources, log)
    return tables, select(tables, sources, log, as_of=AS_OF, every_snapshot=False)


@pytest.mark.parametrize("checklist", LISTS.values(), ids=LISTS)
def test_tables_and_frames_say_the_same(read: tuple[Tables, Selection], checklist: Checklist) -> None:
    tables, selection = read
    frames, found = judge(tables, selection, checklist), judge_tables(tables, selection, checklist)
    covered = [cover(frames[0], checklist), cover_table(found[0], checklist)]
    assert covered[0][1].counts.equals(covered[1][1].counts)
    assert covered[0][1].newest == covered[1][1].newest
    expected = schema.to_arrow(covered[0][0], schema.FINDINGS)
    assert covered[1][0].select(schema.FINDINGS.names).to_pylist() == expected.to_pylist()
    assert covered[1][0]["chosen"].to_pylist() == frames[0]["chosen"].tolist()
    expected = schema.to_arrow(frames[1], schema.CREDENTIALS)
    assert found[1].select(expected.column_names).to_pylist() == expected.to_pylist()
    outcome = frames[1]["outcome"].astype("object")
    assert found[1]["outcome"].to_pylist() == [None if one != one else one for one in outcome]  # noqa: PLR0124 - NaN


def test_tables_are_in_the_public_columns_and_types(read: tuple[Tables, Selection]) -> None:
    findings, credentials = judge_tables(*read, make_checklist())
    public = [name for name in FINDINGS if name != "chosen"]
    assert public == schema.FINDINGS.names
    assert findings.column_names == list(FINDINGS)
    assert credentials.column_names == list(CREDENTIALS)
    for table, expected in ((findings, schema.FINDINGS), (credentials, schema.CREDENTIALS)):
        for field in expected:
            assert table.schema.field(field.name).type == field.type, field.name


def test_codes_are_positions() -> None:
    for texts in (Kind, State, Status, Reason, Outcome, Severity):
        assert [one.code for one in texts] == list(range(len(texts)))
        assert [str(one) for one in texts] == [one.value for one in texts]


def test_a_status_is_the_outcome_of_the_same_name() -> None:
    assert [list(Outcome)[code].value for code in _OUTCOME_OF_STATUS] == [status.value for status in Status]
