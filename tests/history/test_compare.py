"""compare, from the choice of snapshots to the evidence set: of reports, of a store, of two audits."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pyarrow import parquet

from analyzer import batch, pipeline
from analyzer.controls.checklist import make_checklist
from analyzer.errors import InputError, UsageError
from analyzer.evidence.opened import EvidenceSet
from analyzer.evidence.seal import MANIFEST, read_manifest, unseal
from analyzer.history import compare as module
from analyzer.pipeline import Engine, Settings
from tests.history.running import compare, compare_stored
from tests.reports import csv_of, key, password, root, unused, user, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.evidence.comparison import Comparison
    from analyzer.reading.source import Source

SAMPLES = Path(__file__).resolve().parents[2] / "sample_reports"
SETTINGS = Settings(make_checklist())
ONLY = Settings(unused())
A, B, C = "111122223333", "222233334444", "333344445555"
OLD = "2026-01-01T00:00:00Z"
IDLE = key(rotated=OLD)
USED = key(rotated=OLD, used="2026-09-29T00:00:00Z")
MANY = 900
"""Users of a report that is longer than a look."""


def report(account: str, *users: dict[str, str]) -> str:
    return csv_of(root(account), *users)


def user_of(account: str, name: str = "a", **cells: str) -> dict[str, str]:
    return user(name, account=account, **cells)


def failure_events(comparison: Comparison) -> list[tuple[str, str, str]]:
    """Return the events of failures: event, account, user."""
    rows = comparison.events[comparison.events["control"].notna().to_numpy()]
    return sorted(zip(*(rows[name].astype("str") for name in ("event", "account_id", "user")), strict=True))


def event_lines(comparison: Comparison) -> list[str]:
    return sorted(json.dumps(row, default=str) for row in comparison.tables["events"].to_pylist())


# --- which snapshots are compared ------------------------------------------------------------------------------------


def test_the_newest_snapshots_are_compared_and_earlier_ones_show_what_had_failed(tmp_path: Path) -> None:
    days = {"2026-06-01": IDLE, "2026-07-01": {**IDLE, **key(rotated=OLD, used="2026-06-29T00:00:00Z")}}
    for day, cells in days.items():
        write(tmp_path / f"old/{day}.csv", report(A, user_of(A, **cells)))
    write(
        tmp_path / "new/2026-07-15.csv", report(A, user_of(A, "never"))
    )  # an older one of the newer side is not needed
    write(tmp_path / "new/2026-09-15.csv", report(A, user_of(A, **key(rotated=OLD, used="2026-06-29T00:00:00Z"))))
    comparison = compare([str(tmp_path / "old")], [str(tmp_path / "new")], ONLY)
    assert failure_events(comparison) == [("regressed", A, "a")]
    assert {Path(file["name"]).name: file["judged"] for file in comparison.inputs} == {
        "2026-06-01.csv": True,
        "2026-07-01.csv": True,
        "2026-07-15.csv": False,
        "2026-09-15.csv": True,
    }


def test_reports_that_are_not_needed_are_not_parsed_and_the_others_are_judged_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for side, days in (("old", ("2026-06-01", "2026-07-01")), ("new", ("2026-08-01", "2026-09-01"))):
        for day in days:
            write(tmp_path / f"{side}/{day}_{A}.csv", report(A, user_of(A, **IDLE)))
            second_account = B if side == "old" else C
            write(
                tmp_path / f"{side}/{day}_{second_account}.csv", report(second_account, user_of(second_account, **IDLE))
            )
    parsed: list[str] = []
    judged: list[int] = []
    parse, verdicts = batch.parse, module.verdicts  # type: ignore[attr-defined]

    def watched_parse(sources: Sequence[Source], *args: object, **options: object) -> object:
        parsed.extend(Path(source.name).name for source in sources)
        return parse(sources, *args, **options)  # type: ignore[arg-type]

    def watched_verdicts(tables: object, as_of: object, checklist: object) -> object:
        judged.append(len(as_of))  # type: ignore[arg-type]
        return verdicts(tables, as_of, checklist)  # type: ignore[arg-type]

    monkeypatch.setattr(batch, "parse", watched_parse)
    monkeypatch.setattr(module, "verdicts", watched_verdicts)
    comparison = compare([str(tmp_path / "old")], [str(tmp_path / "new")], SETTINGS)
    assert (comparison.accounts, comparison.only_old, comparison.only_new) == ((A,), (B,), (C,))
    assert sorted(parsed) == [f"2026-06-01_{A}.csv", f"2026-07-01_{A}.csv", f"2026-09-01_{A}.csv"]
    assert judged == [6], "two rows a snapshot, each once"
    assert len(comparison.inputs) == 8
    assert sum(file["judged"] for file in comparison.inputs) == 3


def test_one_file_of_several_accounts_is_compared_account_by_account(tmp_path: Path) -> None:
    two_accounts = "\n".join([report(A, user_of(A, **IDLE)), *report(B, user_of(B, **IDLE)).splitlines()[1:]])
    old = write(tmp_path / "old/2026-08-31.csv", two_accounts)
    later = write(
        tmp_path / "old/2026-09-02.csv", report(B, user_of(B, **key(rotated=OLD, used="2026-09-01T00:00:00Z")))
    )
    new = write(tmp_path / "new/2026-09-30.csv", two_accounts)
    comparison = compare([old, later], [new], ONLY)
    assert comparison.accounts == (A, B)
    assert failure_events(comparison) == [("regressed", B, "a"), ("still_failing", A, "a")]
    # Of one side alone, the file is judged for the accounts that it decides.
    comparison = compare([old], [write(tmp_path / "one/2026-09-30.csv", report(B, user_of(B, **USED)))], ONLY)
    assert (comparison.accounts, comparison.only_old) == ((B,), (A,))
    assert failure_events(comparison) == [("fixed", B, "a")]
    roles = {part["account_id"]: part["role"] for part in comparison.inputs[0]["accounts"]}
    assert roles == {A: "not_judged", B: "judged"}


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("2026-10-31", "2026-10-31", f"the newest snapshot of account {A} is the same on both sides"),
        ("2026-10-31", "2026-09-30", f"the newest snapshot of account {A} is earlier on the newer side"),
    ],
)
def test_an_error_says_why_nothing_is_compared(tmp_path: Path, old: str, new: str, why: str) -> None:
    for day in (old, new):
        write(tmp_path / f"{day}.csv", report(A, user_of(A)))
    with pytest.raises(InputError, match=r"^nothing to compare: ") as error:
        compare([str(tmp_path / f"{old}.csv")], [str(tmp_path / f"{new}.csv")], SETTINGS)
    assert error.value.message.endswith(why)
    assert "older one" in error.value.hint
    assert ("swap OLD and NEW" in error.value.hint) == (new < old)


def test_an_error_says_why_nothing_is_compared_for_many_accounts(tmp_path: Path) -> None:
    for number in range(7):
        account = f"{A[:-1]}{number}"
        write(tmp_path / f"day/2026-10-31/{account}.csv", report(account, user_of(account)))
    write(tmp_path / "day/2026-11-30/x.csv", report(B, user_of(B)))
    write(tmp_path / f"other/2026-10-30/{B}.csv", report(B, user_of(B)))
    write(tmp_path / "undated.csv", report(C, user_of(C)))
    everywhere = [str(tmp_path / "other"), str(tmp_path / "day/2026-10-31"), str(tmp_path / "undated.csv")]
    with pytest.raises(InputError) as error:
        compare([str(tmp_path / "day")], everywhere, SETTINGS)
    summary, *reasons = error.value.message.split("\n")
    names = ", ".join(f"{A[:-1]}{number}" for number in range(5))
    assert summary == (
        "nothing to compare: the newest snapshot of 7 accounts: "
        f"{names} and 2 more is the same on both sides; the newest snapshot of account {B} is earlier on the newer side"
    )
    assert "undated.csv: left out, because its capture time is not known" in reasons[0]
    with pytest.raises(InputError, match=r"(?m)no account has a snapshot on both sides$"):
        compare([str(tmp_path / "day/2026-11-30")], [str(tmp_path / "day/2026-10-31")], SETTINGS)


def test_reports_without_a_known_account_are_on_both_sides(tmp_path: Path) -> None:
    write(tmp_path / f"in/2026-08-31/{A}.csv", report(A, user_of(A, **IDLE)))
    write(tmp_path / "in/2026-08-31/empty.csv", csv_of())
    nameless = {**user_of(A), "arn": ""}
    write(tmp_path / "in/2026-08-31/unknown.csv", csv_of(nameless))
    write(tmp_path / f"in/2026-09-30/{A}.csv", report(A, user_of(A, **USED)))
    comparison = compare([str(tmp_path / "in/2026-08-31")], [str(tmp_path / "in")], ONLY)
    assert failure_events(comparison) == [("fixed", A, "a")]
    assert comparison.issue_counts["no_rows"] == comparison.issue_counts["account_unknown"] == 1
    assert comparison.exit_code == 3


# --- corrections, batches --------------------------------------------------------------------------------------------


def long_report(account: str, hidden: str, **cells: str) -> str:
    """Return a report that a look shows to be of one account; its last row is of another one."""
    users = [user_of(account, f"user-{number:04d}") for number in range(MANY)]
    text = report(account, *users, user_of(hidden, "hidden", **cells))
    assert len(text) > 2 * 65_536
    return text


def test_a_hidden_account_is_found_on_either_side(tmp_path: Path) -> None:
    # The same names on both sides: a correction of one says nothing about the other.
    write(tmp_path / "old/x/2026-08-31.csv", long_report(A, B, **IDLE))
    write(tmp_path / "new/x/2026-09-30.csv", long_report(A, B, **USED))
    write(tmp_path / "new/x/2026-08-31.csv", long_report(A, C, **IDLE))
    comparison = compare([str(tmp_path / "old")], [str(tmp_path / "new")], ONLY)
    assert (comparison.accounts, comparison.only_new) == ((A, B), (C,))
    assert failure_events(comparison) == [("fixed", B, "hidden")]
    # A report that is not needed is counted, and accounts that it hides are found as well.
    write(tmp_path / "more/2026-07-31.csv", long_report(A, C, **IDLE))
    write(tmp_path / f"more/2026-08-31_{A}.csv", report(A, user_of(A)))
    write(tmp_path / "most/2026-09-30.csv", long_report(A, C, **USED))
    write(tmp_path / "most/2026-10-31.csv", report(A, user_of(A)))
    comparison = compare([str(tmp_path / "more")], [str(tmp_path / "most")], ONLY)
    assert comparison.accounts == (A, C)
    assert ("fixed", C, "hidden") in failure_events(comparison)


def test_a_report_that_is_the_same_on_both_sides_is_corrected_on_both(tmp_path: Path) -> None:
    write(tmp_path / "in/2026-08-31/x.csv", long_report(A, B, **IDLE))
    write(tmp_path / "in/2026-09-30/y.csv", long_report(A, B, **USED))
    comparison = compare([str(tmp_path / "in/2026-08-31")], [str(tmp_path / "in")], ONLY)
    assert (comparison.accounts, failure_events(comparison)) == ((A, B), [("fixed", B, "hidden")])


def test_a_file_that_changes_between_look_and_read_is_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = write(tmp_path / "2026-08-31.csv", report(A, user_of(A, **IDLE)))
    new = tmp_path / "2026-09-30.csv"
    write(new, report(A, user_of(A, **IDLE)))
    original = module.Comparer.choose

    def choose(self: module.Comparer, *args: object) -> object:
        write(new, report(A, user_of(A, **USED)))
        return original(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(module.Comparer, "choose", choose)
    comparison = compare([old], [str(new)], ONLY)
    assert failure_events(comparison) == [("fixed", A, "a")]


@pytest.mark.parametrize("size", [1, 20_000])
def test_batches_change_nothing(size: int) -> None:
    sides = [str(SAMPLES / "2026-09-30"), str(SAMPLES / "2026-08-31")], [str(SAMPLES)]
    whole = compare(*sides, SETTINGS)
    in_batches = compare(sides[0][::-1], sides[1], SETTINGS, where=Engine(batch=size))
    assert len(whole.accounts) == 3
    assert in_batches.facts == whole.facts
    assert in_batches.lines == whole.lines
    for name, table in whole.tables.items():
        assert in_batches.tables[name].to_pylist() == table.to_pylist(), name


# --- the evidence set ------------------------------------------------------------------------------------------------


def test_a_set_that_is_opened_again_is_the_same_and_gives_the_same_bytes(tmp_path: Path) -> None:
    run = pipeline.compare(
        [str(SAMPLES / "2026-09-30")], [str(SAMPLES / "2026-10-31")], SETTINGS, str(tmp_path / "out")
    )
    evidence = EvidenceSet.of(run.folder, unseal((tmp_path / "out" / MANIFEST).read_bytes()))
    again = evidence.comparison
    assert evidence.kind == "comparison"
    assert again.facts == run.summary.facts
    assert again.lines == run.summary.lines
    assert again.exit_code == run.summary.exit_code
    for name, table in run.summary.tables.items():
        assert again.tables[name].to_pylist() == table.to_pylist(), name
        assert again.tables[name].schema == table.schema, name
    pipeline.render(tmp_path / "out", ["excel"], tmp_path / "again")
    assert (tmp_path / "again/workbook.xlsx").read_bytes() == (tmp_path / "out/workbook.xlsx").read_bytes()
    assert pipeline.verify(tmp_path / "out", [str(SAMPLES)]).holds
    assert run.files == [
        *("events.parquet", "issues.parquet", "manifest.json", "report.html", "workbook.xlsx", "rendered.json"),
    ]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(run.files)


def test_reports_in_archives_are_compared(tmp_path: Path) -> None:
    write(tmp_path / f"2026-08-31_{A}.csv.gz", gzip.compress(report(A, user_of(A, **IDLE)).encode()))
    write(tmp_path / f"2026-09-30_{A}.csv.gz", gzip.compress(gzip.compress(report(A, user_of(A, **USED)).encode())))
    names = [str(tmp_path / f"{day}_{A}.csv.gz") for day in ("2026-08-31", "2026-09-30")]
    run = pipeline.compare(names[:1], names[1:], ONLY, str(tmp_path / "out"), formats=[])
    assert failure_events(run.summary) == [("fixed", A, "a")]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("events.parquet", "issues.parquet", "manifest.json"),
    ]


# --- two audits ------------------------------------------------------------------------------------------------------


def audit(paths: list[str], folder: Path, **options: object) -> str:
    settings = Settings(make_checklist(controls=["root-mfa"]), every_snapshot=True)
    pipeline.audit(paths, settings, str(folder), formats=[], **options)  # type: ignore[arg-type]
    return str(folder)


def test_two_audits_say_the_same_as_their_reports(tmp_path: Path) -> None:
    sides = [str(SAMPLES / "2026-08-31"), str(SAMPLES / "2026-09-30")], [str(SAMPLES / "2026-10-31")]
    of_reports = compare(*sides, SETTINGS)
    sets = [audit(side, tmp_path / name) for name, side in zip(("a", "b"), sides, strict=True)]
    # They were judged by one control alone; the checklist of the comparison counts.
    of_audits = compare(sets[:1], sets[1:], SETTINGS)
    assert {"regressed", "new_failure", "fixed", "still_failing", "key_rotated"} <= set(of_audits.events["event"])
    assert of_audits.tables["events"].to_pylist() == of_reports.tables["events"].to_pylist()
    assert of_audits.lines == of_reports.lines
    assert of_audits.issue_counts == of_reports.issue_counts
    for facts in ("accounts", "only_old", "only_new", "events", "settings"):
        assert of_audits.facts[facts] == of_reports.facts[facts], facts
    accounts = set(of_audits.accounts)
    sides_of = [
        sorted((file["sha256"], file["as_of"]) for file in comparison.inputs if file["account_id"] in accounts)
        for comparison in (of_audits, of_reports)
    ]
    assert sides_of[0] == sides_of[1]


def test_audits_are_compared_some_accounts_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from analyzer.history import audits  # noqa: PLC0415

    sets = [audit([str(SAMPLES / day)], tmp_path / day) for day in ("2026-09-30", "2026-10-31")]
    whole = compare(sets[:1], sets[1:], SETTINGS)
    monkeypatch.setattr(audits, "_ROWS", 1)
    in_pieces = compare(sets[:1], sets[1:], SETTINGS)
    assert len(in_pieces.accounts) == 3
    assert in_pieces.tables["events"].to_pylist() == whole.tables["events"].to_pylist()
    # An evidence set is compared as it can be read later: with another one of the same form.
    again = compare(sets[:1], [audit([str(SAMPLES / "2026-10-31")], tmp_path / "c")], SETTINGS)
    assert event_lines(again) == event_lines(whole)


def test_issues_of_the_reports_of_audits_stay_known(tmp_path: Path) -> None:
    write(tmp_path / f"old/2026-08-31_{A}.csv", report(A, user_of(A, **IDLE)) + "\nodd,row")
    write(tmp_path / f"new/2026-09-30_{A}.csv", report(A, user_of(A, **USED), {**user_of(B, "nobody"), "arn": ""}))
    write(tmp_path / "new/2026-09-30/unknown.csv", csv_of({**user_of(A), "arn": ""}))
    sets = [audit([str(tmp_path / side)], tmp_path / f"{side} audit") for side in ("old", "new")]
    comparison = compare(sets[:1], sets[1:], ONLY)
    assert comparison.accounts == (A,)
    assert comparison.issue_counts["rejected_row"] == comparison.issue_counts["account_unknown"] == 1
    assert comparison.exit_code == 3
    settings = Settings(unused(), as_of=datetime(2026, 10, 31, tzinfo=UTC))
    write(tmp_path / "undated.csv", report(B, user_of(B)))
    pipeline.audit([str(tmp_path / "undated.csv")], settings, str(tmp_path / "undated"), formats=[])
    with pytest.raises(InputError, match=r"undated.csv: left out, because its capture time is not known"):
        compare(sets[:1], [str(tmp_path / "undated")], ONLY)


def test_only_two_audits_are_compared(tmp_path: Path) -> None:
    reports = str(SAMPLES / "2026-09-30")
    first = audit([reports], tmp_path / "a")
    with pytest.raises(UsageError, match="is an evidence set, and it can be compared only with one other") as error:
        compare([first], [str(SAMPLES / "2026-10-31")], SETTINGS)
    assert error.value.hint == "give the folders of two audits, or give reports on both sides"
    with pytest.raises(UsageError, match="is an evidence set"):
        compare([reports], [first], SETTINGS)
    second = str(tmp_path / "b")
    pipeline.compare([reports], [str(SAMPLES / "2026-10-31")], SETTINGS, second, formats=[])
    with pytest.raises(InputError, match="is the evidence set of a comparison, not of an audit"):
        compare([first], [second], SETTINGS)
    short = audit([reports], tmp_path / "short", tables=["findings"])
    assert "users" not in EvidenceSet.of(short, read_manifest(Path(short))).files
    with pytest.raises(InputError, match="was written without users") as missing:
        compare([first], [short], SETTINGS)
    assert "--tables" in missing.value.hint
    users = Path(first) / "users.parquet"
    parquet.write_table(parquet.read_table(users).slice(1), users)
    with pytest.raises(InputError, match=r"changed since it was written: users.parquet"):
        compare([first], [first], SETTINGS)


def test_passwords_compare_the_same_from_audits_as_from_reports(tmp_path: Path) -> None:
    # Only the tables hold these states: in an old report the password of root is `not_supported`.
    old = csv_of(root(A, password_enabled="not_supported"), user_of(A, **password(changed=OLD, used=OLD)))
    new = csv_of(root(A, password_enabled="not_supported"), user_of(A, **password(enabled="false")))
    names = [write(tmp_path / f"{day}_{A}.csv", text) for day, text in (("2026-08-31", old), ("2026-09-30", new))]
    sets = [audit([name], tmp_path / f"audit of {number}") for number, name in enumerate(names)]
    of_audits, of_reports = (compare(side[:1], side[1:], SETTINGS) for side in (sets, names))
    assert event_lines(of_audits) == event_lines(of_reports)
    assert of_audits.events["event"].tolist().count("password_disabled") == 1


def test_the_dates_are_those_of_the_compared_snapshots(tmp_path: Path) -> None:
    """Older snapshots of the older side, and accounts on one side only, do not count."""
    days = {"2026-07-31": ("old", A), "2026-08-31": ("old", A), "2026-08-15": ("old", B)}
    days |= {"2026-09-30": ("new", A), "2026-10-15": ("new", B), "2026-10-31": ("new", C)}
    for day, (side, account) in days.items():
        write(tmp_path / side / f"{day}_{account}.csv", csv_of(root(account), user("a", account=account)))
    spans = {"older": ("2026-08-15", "2026-08-31"), "newer": ("2026-09-30", "2026-10-15")}
    captured = {
        side: {name: f"{day}T23:59:59.999999Z" for name, day in zip(("first", "last"), of_side, strict=True)}
        for side, of_side in spans.items()
    }
    sides = [str(tmp_path / "old")], [str(tmp_path / "new")]
    pipeline.ingest([*sides[0], *sides[1]], tmp_path / "store")
    until, since = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC)
    for comparison in (compare(*sides, ONLY), compare_stored(tmp_path / "store", since, until, ONLY)):
        assert comparison.captured == captured
        assert comparison.dates == (
            "Older snapshots: captured 2026-08-15 to 2026-08-31. Newer snapshots: captured 2026-09-30 to 2026-10-15."
        )


@pytest.mark.parametrize("road", ["reports", "audits"])
def test_a_failure_that_stays_names_both_snapshots(road: str, tmp_path: Path) -> None:
    extra = user_of(A, "b")  # in another line of the newer report
    old = write(tmp_path / "in/2026-08-31.csv", report(A, user_of(A, **IDLE)))
    new = write(tmp_path / "in/2026-09-30.csv", report(A, extra, user_of(A, **IDLE)))
    sides = [old, new] if road == "reports" else [audit([old], tmp_path / "a"), audit([new], tmp_path / "b")]
    rows = compare(sides[:1], sides[1:], ONLY).tables["events"].to_pylist()
    (row,) = [row for row in rows if row["event"] == "still_failing"]
    assert (row["old_line"], row["new_line"]) == (3, 4)
    assert [Path(row[f"{side}_source"]).name for side in ("old", "new")] == ["2026-08-31.csv", "2026-09-30.csv"]
    assert [f"{row[f'{side}_captured_at']:%Y-%m-%d}" for side in ("old", "new")] == ["2026-08-31", "2026-09-30"]
