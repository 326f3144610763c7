"""The answer on top covers all that was judged and all that was left out, and counts nothing twice."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.controls.catalog import CONTROLS
from analyzer.controls.checklist import Checklist, make_checklist
from analyzer.controls.control import Severity
from analyzer.controls.policy import parse_policy
from analyzer.errors import UsageError
from analyzer.evidence.answer import answer, columns_absent, further_to_do, headline, scope, something_open, to_do_first
from analyzer.evidence.exit_reason import exit_reason
from analyzer.reading.layout import COLUMNS
from tests.cli.running import run
from tests.reports import ACCOUNT, COLUMNS_22, csv_of, key, password, root, unused, user, write
from tests.running import Audit, Settings, audit

AS_OF = datetime(2026, 10, 31, 23, 59, 59, 999999, UTC)
OLD, NEW = "2020-01-01T00:00:00Z", "2026-10-30T00:00:00Z"
IN_ORDER = {"mfa_active": "true", "user_creation_time": OLD} | key(rotated=NEW, used=NEW)
IDLE = {"mfa_active": "true", "user_creation_time": OLD} | key(rotated=OLD)
STRICTER = ["unused-credentials-console", "mfa-every-user"]
ABSENT = "additional-credentials is not judged: the report has no column additional_credentials_info"
ROOT = root(mfa_active="true", password_enabled="true", password_last_used=OLD, password_last_changed=OLD)


def judged(folder: Path, *rows: dict[str, str], checklist: Checklist | None = None, as_of: datetime = AS_OF) -> Audit:
    write(folder / "in/2026-10-31.csv", csv_of(*rows))
    return audit([str(folder / "in")], Settings(checklist or make_checklist(), as_of=as_of))


# --- stricter readings -----------------------------------------------------------------------------------------------


def ids(checklist: Checklist) -> list[str]:
    return [check.control.id for check in checklist.checks if check.control.id in STRICTER]


def test_exactly_two_controls_are_stricter_readings_of_others() -> None:
    stricter = {control.id: control.stricter_than for control in CONTROLS if control.stricter_than}
    assert stricter == {"unused-credentials-console": "unused-credentials", "mfa-every-user": "console-mfa"}


def test_a_stricter_reading_is_judged_only_where_it_is_chosen() -> None:
    assert ids(make_checklist()) == []
    assert (
        len(make_checklist().checks)
        == len([control for control in CONTROLS if control.by_default and not control.needs]) - 2
    )
    assert ids(make_checklist(all_controls=True)) == STRICTER
    assert ids(make_checklist(controls=["mfa-every-user"])) == ["mfa-every-user"]
    assert ids(make_checklist(benchmark="security-hub")) == ["mfa-every-user"]
    switched_on = parse_policy("p.toml", b"[controls.mfa-every-user]\nseverity = 'low'\n")
    assert ids(make_checklist(policy=switched_on)) == ["mfa-every-user"]
    switched_off = parse_policy("p.toml", b"[controls.mfa-every-user]\nenabled = false\n")
    assert ids(make_checklist(policy=switched_off)) == []


@pytest.mark.parametrize("choice", [{"controls": ["root-mfa"]}, {"benchmark": "cis-7.0"}])
def test_all_controls_cannot_be_combined_with_a_choice(choice: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="cannot be used together"):
        make_checklist(all_controls=True, **choice)  # type: ignore[arg-type]


def test_sums_do_not_count_a_failure_again_under_its_stricter_reading(tmp_path: Path) -> None:
    rows = [user("a", **IDLE), user("b", **IDLE | password(changed=OLD) | {"mfa_active": "false"})]
    least = judged(tmp_path, *rows)
    ids_of_all = [control.id for control in CONTROLS if control.by_default and not control.needs]
    most = judged(tmp_path, *rows, checklist=make_checklist(controls=ids_of_all))
    assert most.totals == least.totals
    assert most.by_account.to_dict() == least.by_account.to_dict()
    assert len(most.findings) > len(least.findings)


def test_the_command_lists_stricter_readings_and_judges_them_with_all_controls(tmp_path: Path) -> None:
    write(tmp_path / "in/2026-10-31.csv", csv_of(user("a", **IDLE)))
    output = run("audit", tmp_path / "in", "--format", "parquet", "-o", tmp_path / "out").stdout
    assert "--all-controls judges 7 more controls" in " ".join(output.split())
    assert "mfa-every-user" not in output
    output = run("audit", tmp_path / "in", "--format", "parquet", "-o", tmp_path / "out", "--all-controls").stdout
    assert re.search(
        r"\. (\d+) controls judged; (\d+ others have|\S+ has) nothing to judge; additional-", " ".join(output.split())
    )
    assert "mfa-every-user (of console-mfa)" in " ".join(run("controls").stdout.split())


# --- the headline ----------------------------------------------------------------------------------------------------


def test_credentials_created_after_the_reference_date_are_counted(tmp_path: Path) -> None:
    rows = [
        user("a", **IDLE),
        user("b", **key(rotated="2026-11-05T00:00:00Z") | key(2, rotated="2026-11-06T00:00:00Z")),
    ]
    audited = judged(tmp_path, *rows, checklist=unused())
    assert headline(audited) == [
        "1 of 1 active password or access key of an IAM user unused for 45 days or more; 0 not checked; 0 pass.",
        "Not in these numbers: 2 active passwords and access keys of IAM users created after the reference date.",
    ]
    audited = judged(tmp_path, rows[1], checklist=unused())
    assert headline(audited)[0] == "No active password or access key to judge."
    assert "2 active passwords and access keys of IAM users created after the reference date" in headline(audited)[1]


def test_reports_in_unknown_order_are_not_in_the_count_on_top(tmp_path: Path) -> None:
    for name, used in (("x.csv", OLD), ("y.csv", NEW)):
        rows = [user(user_name, **key(rotated=OLD, used=used)) for user_name in ("anna", "bert", "carl")]
        write(tmp_path / f"in/{name}", csv_of(*rows))
    write(tmp_path / "in/2026-10-31/z.csv", csv_of(user("zoe", account="444455556666", **IDLE)))
    audited = audit([str(tmp_path / "in")], Settings(unused(), as_of=AS_OF))
    assert audited.exit_code == 3
    credential = "active password or access key of an IAM user"
    assert headline(audited) == [
        "INCOMPLETE: 2 reports could not be put in order of time.",
        f"1 of 1 {credential} unused for 45 days or more, in 1 of 2 accounts; 0 not checked; 0 pass.",
        "Not in these numbers: 6 active passwords and access keys of IAM users in reports whose order is not known.",
    ]
    output = run(
        "audit", tmp_path / "in", "--as-of", "2026-10-31", "--format", "parquet", "-o", tmp_path / "out"
    ).stdout
    assert "access keys: 1 judged (1 fail), 6 order unknown" in output


def test_files_that_could_not_be_read_come_first(tmp_path: Path) -> None:
    write(tmp_path / "in/reports.zip", b"PK\x03\x04 and no more")
    audited = judged(tmp_path, user("a", **IN_ORDER), user("b"), {"user": "c", "arn": "x,y,z,z"})
    assert headline(audited)[0].startswith("INCOMPLETE: 1 file or folder could not be read")
    assert exit_reason(audited) == "Exit code 3: some input could not be read or judged."


def test_the_answer_says_that_nothing_is_open(tmp_path: Path) -> None:
    audited = judged(tmp_path, ROOT, user("a", **IN_ORDER))
    assert (audited.exit_code, exit_reason(audited)) == (0, "Exit code 0: nothing is open.")
    assert headline(audited) == [
        "0 of 1 active password or access key of an IAM user unused for 45 days or more; 0 not checked; 1 pass.",
        f"Nothing is open. 7 controls judged; 5 others have nothing to judge; {ABSENT}.",
        "1 manual check: root-hardware-mfa in 1 account.",
    ]
    assert exit_reason(audited, strict=True) == (
        "Exit code 1: 1 control needs a manual check, which --strict counts (root-hardware-mfa)."
    )
    assert audited.facts["open"] == 0
    alone = judged(tmp_path / "alone", ROOT, checklist=make_checklist(controls=["root-hardware-mfa"]))
    assert headline(alone) == [
        "root-hardware-mfa: 0 of 1 fail; 0 not checked; 0 pass; nothing is open.",
        "1 manual check: root-hardware-mfa in 1 account.",
    ]


def test_controls_that_could_not_be_decided_are_named(tmp_path: Path) -> None:
    audited = judged(tmp_path, user("a", **IN_ORDER))
    assert exit_reason(audited) == (
        "Exit code 1: 4 controls are not fully checked (no-root-access-key, root-mfa, root-hardware-mfa, "
        "root-not-in-daily-use)."
    )


def test_stricter_readings_are_named_beside_the_sums_that_leave_them_out(tmp_path: Path) -> None:
    audited = judged(tmp_path, ROOT, user("a", **IDLE), checklist=make_checklist(all_controls=True))
    assert (
        "Not added to these sums: unused-credentials-console, 1 failing (a stricter version of unused-credentials)."
    ) in headline(audited)
    assert {counts["control"] for counts in audited.facts["by_control"] if not counts["summed"]} == {
        "unused-credentials-console",
        "mfa-every-user",
    }


def test_manual_checks_are_counted_by_account(tmp_path: Path) -> None:
    for day in ("2026-09-30", "2026-10-31"):
        write(tmp_path / f"in/{day}/{ACCOUNT}.csv", csv_of(ROOT))
    audited = audit([str(tmp_path / "in")], Settings(every_snapshot=True))
    assert "1 manual check: root-hardware-mfa in 1 account." in headline(audited)[-1]
    assert audited.totals["manual"] == 2


def test_the_exit_code_is_explained(tmp_path: Path) -> None:
    audited = judged(tmp_path, ROOT | {"mfa_active": "false"}, user("a", **IDLE))
    assert "(2 are critical)" in exit_reason(audited)
    assert exit_reason(audited, exit_zero=True).startswith("Exit code 0 because of --exit-zero, otherwise 1: ")
    audited = judged(tmp_path, ROOT, user("a", **IDLE))
    assert exit_reason(audited, fail_on=Severity.CRITICAL) == "Exit code 0: nothing of severity critical is open."


def test_snapshots_that_are_not_judged_are_a_part_of_the_scope(tmp_path: Path) -> None:
    for day in ("2026-08-31", "2026-09-30", "2026-10-31"):
        write(tmp_path / f"in/{day}/{ACCOUNT}.csv", csv_of(user("a", **IDLE)))
    audited = audit([str(tmp_path / "in")], Settings(as_of=AS_OF))
    assert "; its newest report is judged (1 of 3 reports), 2 older ones are not." in scope(audited)


def test_with_a_reference_date_newer_reports_are_counted_as_others(tmp_path: Path) -> None:
    for day in ("2026-08-31", "2026-09-30", "2026-10-31"):
        write(tmp_path / f"in/{day}/{ACCOUNT}.csv", csv_of(user("a", **IDLE)))
    as_of = datetime(2026, 9, 30, 23, 59, 59, 999999, UTC)
    assert scope(audit([str(tmp_path / "in")], Settings(as_of=as_of))) == (
        "Judged as of the end of 2026-09-30, UTC. "
        "1 account; its newest report up to then is judged (1 of 3 reports), 2 others are not."
    )
    every = scope(audit([str(tmp_path / "in")], Settings(every_snapshot=True)))
    assert every.endswith("1 account, 3 of 3 reports judged.")
    assert every.startswith("Each report is judged at its capture time (2026-08-31 to 2026-10-31). ")


def test_the_severities_that_count_are_named(tmp_path: Path) -> None:
    audited = judged(tmp_path, ROOT | {"mfa_active": "false"}, user("a", **IDLE))
    assert exit_reason(audited).startswith("Exit code 1: 4 controls fail (")
    high = "Exit code 1: 2 controls of severity high or higher fail (2 are critical)."
    assert exit_reason(audited, fail_on=Severity.HIGH) == high
    critical = "Exit code 1: 2 controls of severity critical fail (2 are critical)."
    assert exit_reason(audited, fail_on=Severity.CRITICAL) == critical


def test_waived_credentials_are_a_part_of_the_unused_ones(tmp_path: Path) -> None:
    waiver = 'user = "a"\ncontrol = "unused-credentials"\nexpires = 2027-01-31\nreason = "x"\nowner = "y"\n'
    policy = parse_policy("p.toml", f"[waivers.w]\n{waiver}".encode())
    rows = [user("a", **IDLE), user("b", **IDLE), user("c", **IDLE)]
    audited = judged(tmp_path, *rows, checklist=make_checklist(policy=policy, controls=["unused-credentials"]))
    assert answer(audited).endswith("; 0 not checked; 0 pass; 1 of the 3 unused is waived.")


def test_the_main_control_is_always_among_the_first_to_do(tmp_path: Path) -> None:
    bad_root = ROOT | {"mfa_active": "false", "access_key_1_active": "true", "password_last_used": NEW}
    audited = judged(tmp_path, bad_root, user("a", **IDLE | password(changed=OLD) | {"mfa_active": "false"}))
    controls = [audited.checklist.checks[position].control.id for position in to_do_first(audited)]
    assert len(controls) == 5
    assert "unused-credentials" in controls
    failing = sum(audited.open_by_check[position]["fail"] > 0 for position in audited.checklist.summed)
    assert failing > 6
    assert further_to_do(audited) == f"and {failing - 5} more controls that fail"
    assert further_to_do(audited, failing - 1) == "and 1 more control that fails"
    assert further_to_do(audited, failing) == ""


# --- users, not findings ---------------------------------------------------------------------------------------------

_KEYS = [key(rotated=OLD), key(rotated=NEW, used=NEW), key(rotated=OLD, used=""), key(active="false", rotated=OLD)]
_ROWS = st.lists(st.tuples(st.sampled_from(_KEYS), st.sampled_from(["true", "false", ""]), st.booleans()), max_size=6)


@given(st.lists(st.tuples(_ROWS, st.booleans()), min_size=1, max_size=3), st.booleans())
def test_open_checks_are_counted_by_user(
    tmp_path_factory: pytest.TempPathFactory,
    accounts: list[tuple[list[tuple[dict[str, str], str, bool]], bool]],
    all_controls: bool,
) -> None:
    folder = tmp_path_factory.mktemp("x")
    for number, (rows, has_root) in enumerate(accounts):
        account = f"{number + 1}" * 12
        users = [
            user(f"u{at}", account=account, mfa_active=mfa, **cells | (password(changed=OLD) if console else {}))
            for at, (cells, mfa, console) in enumerate(rows)
        ]
        write(folder / f"2026-10-31/{account}.csv", csv_of(*([root(account)] if has_root else []), *users))
    audited = audit([str(folder)], Settings(make_checklist(all_controls=all_controls), as_of=AS_OF))
    findings = audited.findings
    is_open = findings["status"].isin(["fail", "not_checked"]) & (findings["reason"] != "manual")
    open_findings = findings[is_open].astype({"status": "str", "severity": "str", "source": "str", "user": "str"})
    with_line, without_line = open_findings[open_findings["line"].notna()], open_findings[open_findings["line"].isna()]
    users_open = {
        key: (
            "fail" if "fail" in set(rows_of_line["status"]) else "not_checked",
            set(rows_of_line["severity"]),
            set(rows_of_line["user"]),
        )
        for key, rows_of_line in with_line.groupby(["source", "line"])
    }
    open_subjects = audited.open_subjects
    by_kind = open_subjects.groupby("kind")[["fail", "not_checked"]].sum()

    def counts(kind: str) -> tuple[int, int]:
        rows = by_kind[by_kind.index == kind]
        return int(rows["fail"].sum()), int(rows["not_checked"].sum())

    for kind, is_root in (("user", False), ("root", True)):
        rows_of_line = [status for status, _, names in users_open.values() if ("<root_account>" in names) == is_root]
        assert counts(kind) == (rows_of_line.count("fail"), rows_of_line.count("not_checked"))
    assert sum(counts("account")) == without_line["source"].nunique()
    grave = [subject for subject in users_open.values() if subject[1] & {"critical", "high"}]
    grave_accounts = without_line[without_line["severity"].isin(["critical", "high"])]["source"].nunique()
    assert audited.grave_subjects == len(grave) + grave_accounts
    assert set(open_subjects["account_id"]) == set(open_findings["account_id"].astype("str"))
    if len(open_findings):
        assert (
            f"in {len(set(open_findings['account_id'].astype('str')))} of {len(accounts) - _empty(accounts)}"
            in something_open(audited)
        )


def _empty(accounts: list[tuple[list[tuple[dict[str, str], str, bool]], bool]]) -> int:
    return sum(not rows and not has_root for rows, has_root in accounts)


def test_accounts_without_a_row_of_root_are_counted_as_a_whole(tmp_path: Path) -> None:
    for account in (ACCOUNT, "444455556666"):
        write(tmp_path / f"in/2026-10-31/{account}.csv", csv_of(user("a", account=account, **IDLE)))
    write(tmp_path / "in/2026-10-31/123456789012.csv", csv_of(root("123456789012", access_key_1_active="true")))
    audited = audit([str(tmp_path / "in")], Settings(as_of=AS_OF))
    assert (
        something_open(audited)
        == "2 of 2 IAM users, 1 of 1 root user and 2 accounts as a whole, in 3 of 3 accounts, have open checks (2 "
        "accounts as a whole have no failure, only checks that are not checked). 7 controls judged; 5 others have "
        f"nothing to judge; {ABSENT.replace('report has', 'reports have')}."
    )


def test_without_the_main_control_the_answer_is_about_users(tmp_path: Path) -> None:
    audited = judged(tmp_path, user("a", **IDLE), checklist=make_checklist(controls=["access-key-rotation"]))
    assert answer(audited) == (
        "access-key-rotation: 1 of 1 fail; 0 not checked; 0 pass; 1 of 1 IAM user, in 1 of 1 account, has open checks."
    )
    assert headline(audited) == [answer(audited)]
    assert isinstance(audited.open_subjects, pd.DataFrame)


@pytest.mark.parametrize("account", ["444455556666", None])
def test_reports_older_than_the_limit_are_named(tmp_path: Path, account: str | None) -> None:
    """Such a report cannot show what happened after it was made."""
    columns = COLUMNS_22 if account else tuple(name for name in COLUMNS_22 if name != "arn")
    old = csv_of(root(account or "444455556666"), columns=columns)
    write(tmp_path / "in/2015-03-01/old.csv", old)
    write(tmp_path / "in/2026-10-31/new.csv", csv_of(root(), user("a", **IN_ORDER)))
    (line,) = [line for line in headline(audit([str(tmp_path / "in")], Settings(make_checklist()))) if "older" in line]
    dated = f"{account or 'unknown account'} (2015-03-01)"
    assert line == (
        f"1 report is older than the newest report by 45 days or more: {dated}; it cannot show what happened later."
    )


def test_the_unused_credentials_of_old_reports_are_counted(tmp_path: Path) -> None:
    cells = {"user_creation_time": "2014-01-01T00:00:00Z"} | key(rotated="2014-01-01T00:00:00Z")
    old = csv_of(root("444455556666"), *(user(name, account="444455556666", **cells) for name in ("a", "b")))
    write(tmp_path / "in/2015-03-01/old.csv", old)
    write(tmp_path / "in/2026-10-31/new.csv", csv_of(root(), user("c", **IDLE), user("d", **IN_ORDER)))
    write(tmp_path / "in/2026-08-31/before.csv", csv_of(root(), user("c", **IDLE)))
    newest, every = (
        next(line for line in headline(audit([str(tmp_path / "in")], settings)) if "older" in line)
        for settings in (Settings(make_checklist()), Settings(make_checklist(), every_snapshot=True))
    )
    assert newest.endswith("it cannot show what happened later, and has 2 of the 3 unused.")
    # One account has an old and a newer report, so its failures are not those of the old one alone.
    assert every.endswith("they cannot show what happened later.")


def test_a_column_that_no_report_has_is_not_called_nothing_to_judge(tmp_path: Path) -> None:
    alone = make_checklist(controls=["additional-credentials"])
    found = judged(tmp_path / "without", user("a"), checklist=alone)
    assert (something_open(found), columns_absent(found)) == (f"{ABSENT}: nothing is open.", ABSENT)
    assert found.by_control[0]["not_applicable"] == 1
    write(tmp_path / "with/2026-10-31/a.csv", csv_of(user("a"), columns=COLUMNS))
    with_column = audit([str(tmp_path / "with")], Settings(alone))
    assert columns_absent(with_column) == ""
    assert something_open(with_column) == "additional-credentials: 0 of 1 fail; 0 not checked; 1 pass; nothing is open."


def test_the_subjects_without_a_failure_are_named(tmp_path: Path) -> None:
    doubtful = user("b", account="444455556666", **key(rotated="N/A"))
    write(tmp_path / "in/2026-10-31/a.csv", csv_of(user("a", **IDLE)))
    write(tmp_path / "in/2026-10-31/b.csv", csv_of(doubtful))
    checklist = make_checklist(controls=["unused-credentials", "access-key-rotation"])
    sentence = something_open(audit([str(tmp_path / "in")], Settings(checklist, as_of=AS_OF)))
    assert sentence == (
        "2 of 2 IAM users, in 2 of 2 accounts, have open checks (1 IAM user in account 444455556666 has no failure, "
        "only checks that are not checked). 2 controls judged."
    )


def test_an_answer_about_root_alone_begins_with_a_capital(tmp_path: Path) -> None:
    audited = judged(
        tmp_path,
        root(access_key_1_active="true"),
        checklist=make_checklist(controls=["no-root-access-key", "root-mfa"]),
    )
    assert something_open(audited) == "Root, in 1 of 1 account, has open checks. 2 controls judged."
