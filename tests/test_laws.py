"""Laws that hold for every report, and the independent oracle's verdicts on them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from hypothesis import example, given
from hypothesis import strategies as st

from analyzer.controls.checklist import make_checklist
from analyzer.survey.names import CaptureTime
from tests.oracle import Verdict, judge
from tests.reports import ACCOUNT, csv_of, unused, user
from tests.running import Audit, Settings, audit
from tests.strategies import Report, as_ofs, containers, reports

if TYPE_CHECKING:
    from analyzer.controls.checklist import Checklist

GENERATED = datetime(2026, 11, 1, 8, tzinfo=UTC)
AS_OF = datetime(2026, 10, 31, 23, 59, 59, 999999, tzinfo=UTC)


@contextmanager
def files(**contents: bytes | str) -> Iterator[dict[str, str]]:
    """Yield the paths of files with the given contents, by their keys."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        for key, content in contents.items():
            path = Path(folder) / f"{key}_{ACCOUNT}"
            path.write_bytes(content.encode() if isinstance(content, str) else content)
            paths[key] = str(path)
        yield paths


def run(content: bytes | str, as_of: datetime = AS_OF, limit: int = 45) -> Audit:
    return run_plan(content, unused(limit), as_of)


def run_plan(content: bytes | str, checklist: Checklist, as_of: datetime = AS_OF) -> Audit:
    with files(report=content) as paths:
        return audit(list(paths.values()), Settings(checklist, as_of=as_of))


def verdicts(result: Audit) -> list[Verdict]:
    """Return the findings in the oracle's form."""

    def plain(value: Any) -> Any:  # noqa: ANN401 - whatever a cell holds
        return None if pd.isna(value) else value

    columns = ["user", "credential", "status", "basis", "basis_time", "idle_days", "reason", "line"]
    rows = result.findings[columns].to_dict("records")
    return [Verdict(**{str(key): plain(value) for key, value in row.items()}) for row in rows]


@st.composite
def cases(draw: st.DrawFn) -> tuple[Report, datetime, int]:
    as_of, limit = draw(as_ofs()), draw(st.sampled_from([45, 45, 90, 1]))
    return draw(reports(as_of=as_of, limit=limit, drop_column=True)), as_of, limit


@given(cases(), st.sampled_from(sorted(containers)))
def test_the_oracle_says_the_same(case: tuple[Report, datetime, int], container: str) -> None:
    report, as_of, limit = case
    text = report.to_csv()
    result = run(containers[container](text, GENERATED), as_of, limit)
    assert judge(text, as_of, limit) == verdicts(result)
    assert len(report.rows) == len(result.users)


AROUND = [timedelta(days=-1), timedelta(microseconds=-1), timedelta(), timedelta(microseconds=1), timedelta(days=700)]


@given(reports(as_of=AS_OF), st.sampled_from([1, 45, 90]), st.sampled_from(AROUND))
def test_messages_end_with_the_day_of_an_old_report(report: Report, limit: int, more: timedelta) -> None:
    """A report is old from as many days before the reference date as `unused-credentials` has for its limit."""
    captured = AS_OF - timedelta(days=limit) - more

    def messages(*times: CaptureTime, as_of: datetime | None = AS_OF) -> list[str]:
        settings = Settings(make_checklist(max_idle_days=limit), as_of=as_of, captured_at=times)
        result = audit(list(paths.values()), settings).findings
        # This control reads the capture time.
        return result["message"][result["control"] != "root-not-in-daily-use"].tolist()

    with files(report=report.to_csv()) as paths:
        plain, dated = messages(), messages(CaptureTime("*", captured))
        at_capture = messages(CaptureTime("*", captured), as_of=None)
    ending = f"; report of {captured:%Y-%m-%d}" if more >= timedelta() else ""
    assert dated == [f"{message}{ending}" for message in plain]
    assert not any("; report of" in message for message in (*plain, *at_capture))


@given(reports(min_users=1), st.data())
def test_splitting_a_report_changes_nothing(report: Report, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(report.rows)))
    halves = [Report(report.columns, rows).to_csv() for rows in (report.rows[:at], report.rows[at:])]
    with files(a=halves[0], b=halves[1]) as paths:
        parts = audit(list(paths.values()), Settings(unused(), as_of=AS_OF))
    columns = [name for name in parts.findings if name not in {"source", "line"}]
    whole = run(report.to_csv())
    assert _same(whole.findings[columns], parts.findings[columns])


def _same(first: pd.DataFrame, second: pd.DataFrame) -> bool:
    """Compare tables in which NaN equals NaN."""
    return bool(first.astype("str").fillna("").equals(second.astype("str").fillna("")))


@given(reports(account="111122223333"), reports(account="123456789012"))
def test_the_order_of_arguments_does_not_matter(first: Report, second: Report) -> None:
    with files(a=first.to_csv(), b=second.to_csv()) as paths:
        forth, back = (
            audit(order, Settings(unused(), as_of=AS_OF)) for order in ([*paths.values()], [*paths.values()][::-1])
        )
    for table in ("findings", "credentials", "users", "issues", "inputs"):
        assert _same(getattr(forth, table), getattr(back, table))


@given(reports(), st.integers(1, 200), st.integers(0, 200))
def test_raising_the_limit_never_adds_a_failure(report: Report, limit: int, added_days: int) -> None:
    low, high = (
        {(v.line, v.credential) for v in verdicts(run(report.to_csv(), limit=days)) if v.status == "fail"}
        for days in (limit, limit + added_days)
    )
    assert high <= low


@given(reports(consistent=True, min_users=1), st.data())
def test_removing_evidence_never_makes_a_pass(report: Report, data: st.DataObject) -> None:
    row = data.draw(st.integers(0, len(report.rows) - 1))
    column = data.draw(st.sampled_from(report.columns))
    before, after = (
        {(v.line, v.credential): v.status for v in verdicts(run(variant.to_csv()))}
        for variant in (report, report.blanked(row, column))
    )
    for subject, status in after.items():
        if status == "pass":
            # The table has one waiver, and a sound one: a never-used key created after T is not applicable. With its
            # creation blanked it is as old as its user at most; if that is young, it was in time or not there at all.
            assert before[subject] in {"pass", "not_applicable"}, subject


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Draw reports one after the other, with bytes lost, added and doubled."""
    texts = [draw(reports()).to_csv() for _ in range(draw(st.integers(1, 3)))]
    data = bytearray("".join(text + draw(st.sampled_from(["", "\n", "\n\n"])) for text in texts).encode())
    header = data.index(b"\n") + 1 if b"\n" in data else len(data)
    for _ in range(draw(st.integers(0, 4))):
        if len(data) <= header:
            break
        at = draw(st.integers(header, len(data) - 1))
        size = draw(st.integers(1, 40))
        kind = draw(st.sampled_from(["lose", "double", "comma", "quote", "newline", "byte"]))
        if kind == "lose":
            del data[at : at + size]
        elif kind == "double":
            data[at:at] = data[at : at + size]
        else:
            data[at:at] = {"comma": b",", "quote": b'"', "newline": b"\n", "byte": b"\xe9"}[kind]
    return bytes(data)


@given(damaged())
@example((csv_of(user("a")) + "\n" + ",,x").encode())
@example((csv_of(user("a")) + '\n"').encode())
def test_every_row_is_read_or_rejected_by_line(data: bytes) -> None:
    result = run(data)
    rejected = result.issues[result.issues["code"] == "rejected_row"]
    assert int(result.inputs["rows"].sum()) == len(result.users) + len(rejected)
    accounted = {*result.users["line"].tolist(), *rejected["line"].tolist()}
    split = set(result.issues.loc[result.issues["code"] == "split_report", "line"].tolist())
    for number, line in enumerate(data.split(b"\n")[1:], start=2):
        if line.strip(b', \t"'):
            assert number in accounted | split, line
    assert accounted.isdisjoint({1})
