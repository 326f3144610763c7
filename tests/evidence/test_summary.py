"""Laws of summaries: they survive writing and reading, as settings do, and tallies count as Python does."""

from __future__ import annotations

import json
import math
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from fnmatch import fnmatchcase
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer import pipeline
from analyzer.controls.checklist import make_checklist
from analyzer.controls.control import Severity
from analyzer.controls.frameworks import FRAMEWORKS
from analyzer.controls.policy import parse_policy, read_policy
from analyzer.controls.vocabulary import JUDGED_KINDS, Outcome, Status
from analyzer.evidence import storage
from analyzer.evidence.counted import UNKNOWN_ACCOUNT
from analyzer.evidence.manifest import audit_facts, manifest
from analyzer.evidence.opened import EvidenceSet
from analyzer.evidence.seal import MANIFEST, read_manifest, seal
from analyzer.evidence.settings import Settings
from analyzer.evidence.tally import Tally
from analyzer.evidence.writer import put_tables
from analyzer.judging.staleness import EXACT
from analyzer.reading.issues import CODES, Level
from tests.audits import AS_OF
from tests.reports import write
from tests.running import audit
from tests.strategies import reports

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from analyzer.controls.checklist import Checklist
    from analyzer.controls.policy import Policy, Waiver
    from analyzer.evidence.summary import Summary
    from tests.running import Audit

ACCOUNTS: Final = ("111122223333", "444455556666", "777788889999")
POLICY: Final = """# What is known, and until when.
[controls.unused-credentials]
max_idle_days = 60
severity = "high"

[controls.console-mfa]
enabled = false

[waivers.one]   # of a whole account
account = "111122223333"
reason = "r"
owner = "o"
expires = 2026-11-20

[waivers.two]
user = "*a*"
reason = "with a ü, and a \\"quote\\""
owner = "o"
expires = 2026-10-30
ticket = "T-1"

[waivers.three]
user = "nobody-of-this-name"
control = "access-key-rotation"
credential = "access_key_1"
reason = "r"
owner = "o"
expires = 2027-10-30
"""


def policy() -> Policy:
    return parse_policy("policy.toml", POLICY.encode())


def shown_facts(summary: Summary) -> dict[str, Any]:
    """Return all that outputs show of an audit, as plain data."""
    rows = {
        name: getattr(summary, name).astype("object").where(getattr(summary, name).notna(), None).to_dict("records")
        for name in ("waivers", "idle", "inputs")
    }
    crossed = {
        name: {status.value: table.to_dict("split") for status, table in getattr(summary, name).items()}
        for name in ("matrix", "open_matrix")
    }
    numbers = {
        name: getattr(summary, name)
        for name in (
            *("facts", "by_control", "totals", "unused", "issue_counts", "exit_code", "accounts", "known_accounts"),
            *("some_unknown", "rows", "root_rows", "made_later", "manual_accounts", "reference_instants"),
        )
    }
    tables = {name: getattr(summary, name).to_dict("split") for name in ("by_account", "counts")}
    covered = {"counts": summary.covered.counts.to_dict("split"), "newest": summary.covered.newest}
    return {**rows, **crossed, **numbers, **tables, "covered": covered, "settings": summary.settings}


def written_and_opened(audit_result: Audit, folder: Path) -> EvidenceSet:
    """Write the evidence set of an audit into `folder` and open it."""
    columns = ["source", "line", "column", "value", "code", "message"]
    issues = audit_result.issues[columns].astype("object")
    rows = [tuple(row) for row in issues.where(issues.notna(), None).itertuples(index=False)]
    tables = {"tallies": audit_result.tallies}
    if audit_result.trend is not None:
        tables["trend"] = audit_result.trend
    outputs = put_tables(str(folder), tables)
    storage.put(str(folder), MANIFEST, seal(manifest("audit", audit_facts(audit_result, rows), outputs)))
    return EvidenceSet.of(str(folder), read_manifest(folder))


@st.composite
def fleets(draw: st.DrawFn) -> dict[str, str]:
    """Draw reports of some accounts, of one day or two, whole or damaged, by the names of their files."""
    files = {}
    for number, account in enumerate(draw(st.lists(st.sampled_from(ACCOUNTS), min_size=1, max_size=3))):
        text = draw(reports(account=account, drop_column=True)).to_csv()
        damage = draw(st.sampled_from(["", "", "\nbroken,row\n"]))
        day = draw(st.sampled_from(["2026-10-30", "2026-10-31", "2026-11-01"]))
        hint = draw(st.sampled_from([account, "report"]))
        files[f"{day}/{number}-{hint}.csv"] = text + damage
    return files


def audited(folder: str, files: dict[str, str], settings: Settings) -> Audit:
    for name, text in files.items():
        write(Path(folder) / "in" / name, text)
    return audit([f"{folder}/in"], settings)


CHECKLISTS: Final[Mapping[str, Callable[[], Checklist]]] = {
    "all": make_checklist,
    "policy": lambda: make_checklist(policy=policy()),
    "benchmark and policy": lambda: make_checklist(benchmark="security-hub", policy=policy()),
    "others": lambda: make_checklist(controls=["root-mfa", "access-key-rotation"]),
}


@given(fleets(), st.sampled_from(list(CHECKLISTS)), st.booleans(), st.booleans())
def test_a_summary_survives_writing_and_reading(
    files: dict[str, str], checklist: str, every: bool, own_capture: bool
) -> None:
    settings = Settings(CHECKLISTS[checklist](), None if own_capture else AS_OF, every_snapshot=every)
    with tempfile.TemporaryDirectory() as folder:
        audit_result = audited(folder, files, settings)
        (Path(folder) / "set").mkdir()
        again = written_and_opened(audit_result, Path(folder) / "set").summary
        assert again.tallies.equals(audit_result.tallies)
        assert shown_facts(again) == shown_facts(audit_result)
        assert json.dumps(again.facts) == json.dumps(audit_result.facts)
        written = pipeline.audit([f"{folder}/in"], settings, f"{folder}/out", formats=["parquet"])
        opened = EvidenceSet.of(f"{folder}/out", read_manifest(Path(folder) / "out"))
        assert shown_facts(written.summary) == shown_facts(opened.summary) == shown_facts(audit_result)
        assert json.loads(json.dumps(audit_result.facts)) == opened.manifest["counts"]
        assert opened.settings == settings


# --- settings ---------------------------------------------------------------------------------------------------------


POLICIES: Final = {
    "none": None,
    "plain": POLICY.encode(),
    "with a mark": b"\xef\xbb\xbf" + POLICY.encode(),
    "of Windows": POLICY.replace("\n", "\r\n").encode(),
    "comments": b"# nothing but\n# comments\n",
    "empty": b"",
}
INSTANTS: Final = {
    "none": None,
    "end of a day": AS_OF,
    "a microsecond": datetime(2026, 10, 31, 1, 2, 3, 4, tzinfo=UTC),
    "a second": datetime(2026, 10, 31, 1, 2, 3, tzinfo=UTC),
    "elsewhere": datetime(2026, 10, 31, 1, 2, 3, 999_999, tzinfo=timezone(timedelta(hours=5, minutes=30))),
}


@pytest.mark.parametrize("text", POLICIES)
@pytest.mark.parametrize("benchmark", [None, *FRAMEWORKS])
def test_settings_survive_the_manifest(tmp_path: Path, benchmark: str | None, text: str) -> None:
    data = POLICIES[text]
    policy_read = None
    if data is not None:
        (tmp_path / "politique é.toml").write_bytes(data)
        policy_read = read_policy(tmp_path / "politique é.toml")
    for instant, (every, account, idle) in product(INSTANTS, ((False, None, None), (True, "123456789012", 30))):
        # Not every benchmark asks for a control that has the option's limit.
        has_limit = benchmark is None or FRAMEWORKS[benchmark].numbers_of("unused-credentials") != []
        checklist = make_checklist(benchmark=benchmark, policy=policy_read, max_idle_days=idle if has_limit else None)
        settings = Settings(checklist, INSTANTS[instant], every, account)
        again = Settings.of_facts(json.loads(json.dumps(settings.facts)))
        assert again == settings
        assert json.dumps(again.facts) == json.dumps(settings.facts)
        assert again.checklist.changes == settings.checklist.changes
        assert [check.title for check in again.checklist.checks] == [check.title for check in settings.checklist.checks]
        assert again.checklist.waivers == settings.checklist.waivers
        assert again.checklist.policy == policy_read


@pytest.mark.parametrize("controls", [["root-mfa"], ["unused-credentials", "console-mfa"]])
def test_chosen_controls_survive_the_manifest(controls: list[str]) -> None:
    settings = Settings(make_checklist(controls=controls, policy=policy()))
    again = Settings.of_facts(json.loads(json.dumps(settings.facts)))
    assert again == settings
    assert [check.control.id for check in again.checklist.checks] == [
        check.control.id for check in settings.checklist.checks
    ]


# --- tallies against plain counting -----------------------------------------------------------------------------------

KEYS: Final = (
    *("tally", "control", "requirement", "account_id", "kind", "status", "reason", "waiver", "idle_days"),
    *("severity", "due_days"),
)
Counts = Counter[tuple[Any, ...]]


def tally_key(tally: Tally, **keys: object) -> tuple[Any, ...]:
    return tuple({**keys, "tally": tally.value}.get(name) for name in KEYS)


def rows_of(audit_result: Audit, table: str) -> list[dict[str, Any]]:
    return [row for batch in audit_result.tables.batches(table) for row in batch.to_pylist()]


def counted_by_hand(audit_result: Audit) -> Counts:
    """Count the tables of an audit a row at a time."""
    counts: Counts = Counter()
    unused = audit_result.checklist.unused
    for row in rows_of(audit_result, "findings"):
        columns = ("control", "requirement", "account_id", "status", "reason", "waiver")
        counts[tally_key(Tally.FINDINGS, **{name: row[name] for name in columns})] += 1
        if unused and (row["control"], row["requirement"]) == (unused.control.id, unused.requirement):
            kind = "password" if row["credential"] == "password" else "access_key"
            days = row["idle_days"] if row["reason"] in EXACT else None
            reason = row["reason"] if row["reason"] == "order_unknown" else None
            counts[tally_key(Tally.IDLE, kind=kind, status=row["status"], idle_days=days, reason=reason)] += 1
        if row["fails_at"] is not None:
            due_days = math.ceil((row["fails_at"] - row["as_of"]) / timedelta(days=1))
            counts[tally_key(Tally.DUE, control=row["control"], requirement=row["requirement"], due_days=due_days)] += 1
    for row in rows_of(audit_result, "credentials"):
        if row["outcome"] is not None:
            counts[tally_key(Tally.CREDENTIALS, kind=row["kind"], status=row["outcome"])] += 1
    for row in rows_of(audit_result, "users"):
        kind = "root" if row["is_root"] else "user"
        counts[tally_key(Tally.USERS, account_id=row["account_id"], kind=kind)] += 1
    for row in rows_of(audit_result, "issues"):
        counts[tally_key(Tally.ISSUES, reason=row["code"])] += 1
    return counts + waivers_by_hand(audit_result) + open_by_hand(audit_result)


def keys_by_hand(audit_result: Audit) -> Counter[tuple[int, int, bool]]:
    """Count access keys that pass or fail by age and idle time, and whether they were never used."""
    return Counter(
        (row["age_days"], row["idle_days"], row["last_used_state"] != "value")
        for row in rows_of(audit_result, "credentials")
        if row["kind"] == "access_key" and row["outcome"] in {"pass", "fail"}
        if row["age_days"] is not None and row["idle_days"] is not None
    )


def open_by_hand(audit_result: Audit) -> Counts:
    """Count users, roots and accounts (by report) with something open."""
    subjects: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows_of(audit_result, "findings"):
        if row["status"] in {"fail", "not_checked"} and row["waiver"] is None and row["reason"] != "manual":
            subjects.setdefault((row["account_id"], row["source"], row["line"]), []).append(row)
    counts: Counts = Counter()
    severities = list(Severity)
    for (account, _, line), rows in subjects.items():
        is_root = rows[0]["user"] == "<root_account>"
        kind = "account" if line is None else "root" if is_root else "user"
        status = "fail" if any(row["status"] == "fail" for row in rows) else "not_checked"
        severity = min((Severity(row["severity"]) for row in rows), key=severities.index)
        counts[tally_key(Tally.OPEN, account_id=account, kind=kind, status=status, severity=severity.value)] += 1
    return counts


def matched_by(waiver: Waiver, finding: dict[str, Any]) -> bool:
    conditions = (("account_id", waiver.account), ("credential", waiver.credential), ("control", waiver.control))
    if any(expected not in {None, finding[name]} for name, expected in conditions):
        return False
    return waiver.user is None or fnmatchcase((finding["user"] or "").lower(), waiver.user)


def waivers_by_hand(audit_result: Audit) -> Counts:
    """Count findings that waivers cover, and findings that they match but do not cover."""
    counts: Counts = Counter()
    for row in rows_of(audit_result, "findings"):
        if row["status"] not in {"fail", "not_checked"}:
            assert row["waiver"] is None
            continue
        matching = [waiver for waiver in audit_result.checklist.waivers if matched_by(waiver, row)]
        covering = next((waiver.id for waiver in matching if row["as_of"] <= waiver.end), None)
        assert row["waiver"] == covering
        for waiver in matching:
            if covering is None:
                counts[tally_key(Tally.WAIVERS, waiver=waiver.id)] += 1
        if covering is not None:
            counts[tally_key(Tally.WAIVERS, waiver=covering, status=row["status"])] += 1
    return counts


@given(fleets(), st.sampled_from(list(CHECKLISTS)), st.booleans())
def test_tallies_are_the_counts_that_python_counts(files: dict[str, str], checklist: str, own_capture: bool) -> None:
    settings = Settings(CHECKLISTS[checklist](), None if own_capture else AS_OF, every_snapshot=own_capture)
    with tempfile.TemporaryDirectory() as folder:
        audit_result = audited(folder, files, settings)
    tallies = audit_result.tallies.to_pylist()
    counts = Counter({tuple(row[name] for name in KEYS): row["count"] for row in tallies})
    assert len(counts) == len(tallies), "each key stands there once"
    # A waiver that matches something has a tally also where it covers nothing of a status.
    assert +counts == counted_by_hand(audit_result)
    keys = {tuple(row[:3]): row[3] for row in audit_result.keys[["age", "idle", "never", "count"]].to_numpy().tolist()}
    assert keys == keys_by_hand(audit_result)
    latest: dict[tuple[Any, ...], Any] = {}
    for row in rows_of(audit_result, "findings"):
        columns = ("control", "requirement", "account_id", "status", "reason", "waiver")
        at = tally_key(Tally.FINDINGS, **{name: row[name] for name in columns})
        latest[at] = max(latest.get(at, row["as_of"]), row["as_of"])
    assert {tuple(row[name] for name in KEYS): row["latest"] for row in tallies if row["tally"] == "findings"} == latest


@given(fleets(), st.sampled_from(list(CHECKLISTS)))
def test_shown_counts_are_those_that_python_counts(files: dict[str, str], checklist: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        audit_result = audited(folder, files, Settings(CHECKLISTS[checklist](), AS_OF))
    findings, checks = rows_of(audit_result, "findings"), audit_result.checklist.checks
    for check, counts, position in zip(checks, audit_result.by_control, range(len(checks)), strict=True):
        rows_of_check = [
            row for row in findings if (row["control"], row["requirement"]) == (check.control.id, check.requirement)
        ]
        assert counts == by_hand(rows_of_check)
        for status in Status:
            by_account = Counter(
                row["account_id"] or UNKNOWN_ACCOUNT for row in rows_of_check if row["status"] == status
            )
            shown_counts = audit_result.matrix[status].loc[position].to_dict()
            assert {account: count for account, count in shown_counts.items() if count} == by_account
    users = rows_of(audit_result, "users")
    assert (
        set(audit_result.by_account.index)
        == set(audit_result.accounts)
        == {row["account_id"] or UNKNOWN_ACCOUNT for row in users}
    )
    # A finding that repeats another check counts in no sum.
    ids = [check.control.id for check in checks]
    once = {
        (check.control.id, check.requirement)
        for position, check in enumerate(checks)
        if check.control.id not in ids[:position] and check.control.stricter_than not in ids
    }
    summed = [row for row in findings if (row["control"], row["requirement"]) in once]
    for account, sums in audit_result.by_account.to_dict("index").items():
        assert sums == by_hand([row for row in summed if (row["account_id"] or UNKNOWN_ACCOUNT) == account])
    assert audit_result.totals == by_hand(summed)
    assert (audit_result.rows, audit_result.root_rows) == (len(users), sum(row["is_root"] for row in users))
    outcomes = Counter((row["kind"], row["outcome"]) for row in rows_of(audit_result, "credentials") if row["outcome"])
    for kind in JUDGED_KINDS:
        for outcome in Outcome:
            assert audit_result.count(kind, outcome) == outcomes[kind, outcome]
    is_open = [row for row in findings if row["status"] in {"fail", "not_checked"} and row["waiver"] is None]
    is_open = [row for row in is_open if row["reason"] != "manual"]
    levels = [CODES[row["code"]].level for row in rows_of(audit_result, "issues")]
    assert audit_result.exit_code == (3 if Level.REJECTED in levels else 1 if is_open else 0)


def by_hand(findings: list[dict[str, Any]]) -> dict[str, int]:
    counts: dict[str, int] = {status.value: sum(row["status"] == status for row in findings) for status in Status}
    open_flags = [row["status"] in {"fail", "not_checked"} and row["waiver"] is None for row in findings]
    manual = sum(
        row["reason"] == "manual" and is_row_open for row, is_row_open in zip(findings, open_flags, strict=True)
    )
    waived = sum(row["waiver"] is not None for row in findings)
    judged = len(findings) - counts["not_applicable"]
    return {**counts, "waived": waived, "manual": manual, "open": sum(open_flags) - manual, "judged": judged}
