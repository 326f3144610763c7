"""People who left, and people as such: users are compared with lists, and nothing is guessed."""

from __future__ import annotations

import csv
import io
import json
import re
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyarrow import parquet

from analyzer import pipeline
from analyzer.controls.checklist import make_checklist
from analyzer.errors import UsageError
from analyzer.evidence.opened import EvidenceSet
from analyzer.evidence.people import comparisons_in_words
from analyzer.evidence.settings import Settings
from analyzer.rendering.pdf.of_audit import content_of_audit
from analyzer.survey.people import PeopleLists, parse_people
from tests.cli.running import run
from tests.people_oracle import Credential, Row, User, distinct, left_at, pairs, used_after, verdict
from tests.reports import csv_of, key, password, root, user, write

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMES = ["ann", "Ann@corp.example", "ann@other.example", "bo", "BO@corp.example", "cy.x", "@night"]
TEXTS = ["", *NAMES, "ANN", "bo@corp.example", "dee@corp.example", "cy"]
DAYS = [date(2026, 9, 30), date(2026, 10, 31), date(2026, 11, 30)]
USES = {
    "N/A": None,
    "2026-09-30T23:59:59Z": datetime(2026, 9, 30, 23, 59, 59, tzinfo=UTC),
    "2026-10-01T00:00:00Z": datetime(2026, 10, 1, tzinfo=UTC),
    "": "unknown",
}
CAPTURE_TIMES = {
    "2026-09-15": datetime(2026, 9, 15, 23, 59, 59, 999999, UTC),
    "2026-10-31": datetime(2026, 10, 31, 23, 59, 59, 999999, UTC),
}
CREATED = "2026-01-01T00:00:00Z"
ROWS = st.lists(
    st.tuples(st.sampled_from(TEXTS), st.sampled_from(TEXTS), st.sampled_from(DAYS)).filter(
        lambda row: row[0] or row[1]
    ),
    min_size=1,
    max_size=7,
)
CREDENTIALS = st.tuples(st.sampled_from(["true", "false"]), st.sampled_from(list(USES)), st.booleans())
USERS = st.dictionaries(
    st.sampled_from(["111122223333", "444455556666"]),
    st.dictionaries(st.sampled_from(NAMES), CREDENTIALS, min_size=1),
    min_size=1,
)


def leaver_list_of(rows: Sequence[tuple[str, str, date]]) -> tuple[bytes, list[Row]]:
    """Return a list of leavers as a file has it, and as the oracle reads it."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerows([("user", "email", "last_day"), *rows])
    return out.getvalue().encode(), [Row(2 + at, *row) for at, row in enumerate(rows)]


def reports_of(users: dict[str, dict[str, tuple[str, str, bool]]]) -> tuple[dict[str, str], list[User]]:
    """Return the report of each account, and its users as the oracle has them."""
    reports, oracle_users = {}, []
    for account, names in users.items():
        rows = [root(account)]
        for name, (active, used, has_certificate) in names.items():
            cells = key(active=active, rotated=CREATED, used=used)
            credentials = [Credential("access_key_1", active == "true", USES[used])]
            if has_certificate:
                cells |= {"cert_1_active": "true", "cert_1_last_rotated": CREATED}
                credentials.append(Credential("cert_1", is_active=True, used="unknown"))
            rows.append(user(name, account=account, **cells))
            oracle_users.append(User(account, name, tuple(credentials)))
        reports[account] = csv_of(*rows)
    return reports, oracle_users


@given(USERS, ROWS, st.sampled_from(list(CAPTURE_TIMES)), st.sampled_from([None, *DAYS]), st.integers(-1, 1))
@example({"111122223333": {"ann": ("true", "N/A", False)}}, [("ann", "", DAYS[0])], "2026-10-31", DAYS[0], 0)
@example({"111122223333": {"ann": ("true", "N/A", False)}}, [("ann", "", DAYS[0])], "2026-10-31", DAYS[0], -1)
def test_the_oracle_says_the_same(
    users: dict[str, dict[str, tuple[str, str, bool]]],
    rows: list[tuple[str, str, date]],
    captured: str,
    day: date | None,
    microseconds: int,
) -> None:
    data, listed = leaver_list_of(rows)
    reports, oracle_users = reports_of(users)
    as_of = None
    if day is not None:
        end = datetime(day.year, day.month, day.day, 23, 59, 59, 999999, UTC)
        as_of = end + timedelta(microseconds=microseconds)
    lists = PeopleLists(
        parse_people("leavers.csv", data, with_last_day=True), parse_people("people.csv", data, with_last_day=False)
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for account, text in reports.items():
            write(folder / f"in/{captured}_{account}.csv", text)
        settings = Settings(make_checklist(controls=["leaver-credentials"], with_leavers=True), as_of=as_of)
        pipeline.audit(
            [str(folder / "in")],
            settings,
            str(folder / "out"),
            formats=["parquet"],
            lists=lists,
            where=pipeline.Engine(batch=1),
        )
        leavers, people, findings = (
            parquet.read_table(folder / f"out/{table}.parquet").to_pylist()
            for table in ("leavers", "people", "findings")
        )
    leaving = distinct(listed)
    assert_pairs(leavers, pairs(oracle_users, leaving, with_others=False))
    nameless = distinct([Row(row.line, row.user, row.email) for row in listed])
    assert_pairs(people, pairs(oracle_users, nameless, with_others=True))
    instant = as_of or CAPTURE_TIMES[captured]
    # Findings of a report that is older than the reference date by 45 days or more name its date.
    is_old = instant - CAPTURE_TIMES[captured] >= timedelta(days=45)
    ending = f"; report of {CAPTURE_TIMES[captured]:%Y-%m-%d}" if is_old else ""
    assert {
        (row["account_id"], row["user"], row["credential"]): (
            row["status"],
            row["message"].removesuffix(ending) if row["message"].endswith(ending) else None,
        )
        for row in findings
    } == {
        (member.account, member.name, credential.slot): verdict(
            member, credential, oracle_users, leaving, instant, CAPTURE_TIMES[captured]
        )
        for member in oracle_users
        for credential in member.credentials
        if credential.is_active
    }
    for row in findings:
        ahead = row["status"] == "pass" and row["reason"] == "leaves_later"
        assert (row["fails_at"] is not None) == ahead
        assert row["basis"] is None
        if ahead:
            assert row["fails_at"] == row["basis_time"] > instant
    assert_uses(leavers, leaving, oracle_users, instant, CAPTURE_TIMES[captured])


def assert_pairs(table: list[dict[str, Any]], expected: set[tuple[Any, ...]]) -> None:
    keys = [(row["line"], row["account_id"], row["iam_user"], row["status"]) for row in table]
    assert len(keys) == len(set(keys))
    assert set(keys) == expected
    last = (1 << 31, "~", "~")
    order = [tuple(end if value is None else value for value, end in zip(row, last, strict=False)) for row in keys]
    assert order == sorted(order)


def assert_uses(
    table: list[dict[str, Any]], rows: list[Row], oracle_users: list[User], as_of: datetime, captured: datetime
) -> None:
    """Compare the active credentials of the table with those of the oracle."""
    of_line = {row.line: row for row in rows}
    for row in table:
        leaver = of_line[row["line"]]
        assert (row["user"] or "", row["email"] or "", row["last_day"]) == (leaver.user, leaver.email, leaver.last_day)
        if row["status"] == "no_user":
            assert row["active_credentials"] is row["has_left"] is row["used_after"] is row["source"] is None
            continue
        (iam_user,) = (
            candidate
            for candidate in oracle_users
            if (candidate.account, candidate.name) == (row["account_id"], row["iam_user"])
        )
        active = [credential for credential in iam_user.credentials if credential.is_active]
        assert row["active_credentials"] == len(active)
        assert row["last_used"] == max((h.used for h in active if isinstance(h.used, datetime)), default=None)
        assert row["has_left"] == (left_at(leaver) <= as_of)
        each = [used_after(credential, leaver, captured) for credential in active]
        without_use = None if not each or None in each else False
        assert row["used_after"] is (True if True in each else without_use)


LEAVERS = """\
email;last_day
billing@example.com;2026-09-30
deployer@example.com;2026-09-30
reader@example.com;2026-11-05
intern@example.com;2026-09-30
twins@example.com;2026-09-30
Twins@example.org;2026-09-30
"""
PEOPLE = "user_name,email\nbilling,\n,deployer@example.com\n=1+1,nobody@example.com\n"
OLD = {"user_creation_time": "2026-01-01T00:00:00Z", "mfa_active": "true"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with lists, and reports of two accounts."""
    write(tmp_path / "leavers.csv", LEAVERS)
    write(tmp_path / "people.csv", PEOPLE)
    used, unused = key(rotated=CREATED, used="2026-10-15T08:00:00Z"), key(2, rotated=CREATED)
    first = [
        user("billing", **OLD, **used, **unused),
        user("reader", **OLD, **key(rotated="2026-10-01T00:00:00Z", used="2026-10-30T08:00:00Z")),
        user("twins", **OLD, **used),
    ]
    second = [
        user("deployer", account="444455556666", **OLD, **password(changed=CREATED, used="2026-09-30T08:00:00Z")),
        user("Billing", account="444455556666", **OLD, **key(active="false", rotated=CREATED)),
        user("backup-operator", account="444455556666", **OLD, **used),
    ]
    for account, rows in (("111122223333", first), ("444455556666", second)):
        write(tmp_path / f"in/2026-10-31_{account}.csv", csv_of(root(account, mfa_active="true"), *rows))
    return tmp_path


def audit(folder: Path, *options: str) -> Any:  # noqa: ANN401 - what ran
    return run("audit", "in", "-o", "out", "--leavers", "leavers.csv", *options, cwd=folder)


LEAVERS_IN_WORDS = (
    "3 active credentials of 2 users who left; 1 was used after the last day; 1 not checked; 4 users match a row of "
    "leavers.csv; 2 unclear pairs of row and user; 1 row without a user (leavers.parquet, sheet Leavers)."
)
PEOPLE_IN_WORDS = "3 users are not in people.csv; 1 row without a user; 3 matched (people.parquet, sheet People)."


def test_the_screen_names_who_left_and_who_is_in_no_list(folder: Path) -> None:
    done = audit(folder, "--people", "people.csv", "--control", "leaver-credentials", "--format", "parquet")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert LEAVERS_IN_WORDS in lines
    assert PEOPLE_IN_WORDS in lines
    assert lines[lines.index(PEOPLE_IN_WORDS) + 1] == (
        "A user who is not in the list, or has not left yet, passes leaver-credentials."
    )
    assert "  leavers.csv:5 intern@example.com: no user has this name" in lines
    assert "leaver-credentials: 3 of 6 fail; 1 not checked; 2 pass; " in done.stdout
    assert "Exit code 1: 1 control fails (leaver-credentials is high)." in lines
    shown = run("show", "out", "--control", "leaver-credentials", cwd=folder).stdout
    for words in (
        "its user left on 2026-09-30; used after that, last on 2026-10-15",
        "its user left on 2026-09-30; not used after that",
        "its user leaves on 2026-11-05; passes until 2026-11-05",
        "its user is not in the list of leavers",
    ):
        assert words in shown
    issues = parquet.read_table(folder / "out/issues.parquet").to_pylist()
    assert {row["code"]: (row["source"], row["message"]) for row in issues} == {
        "leavers_unclear": (
            "leavers.csv",
            (
                "2 unclear pairs of row and user: a row matches several users, or a user several rows "
                "(leavers.parquet lists them)"
            ),
        ),
        "leavers_without_user": ("leavers.csv", "1 of 6 rows without a matching user (leavers.parquet lists them)"),
        "people_without_user": ("people.csv", "1 of 3 rows without a matching user (people.parquet lists them)"),
        "users_not_in_people": ("people.csv", "3 users without a matching row (people.parquet lists them)"),
    }


def test_lists_alone_do_not_change_the_exit_code(folder: Path) -> None:
    write(folder / "leavers.csv", "user,last_day\nintern,2026-09-30\n")
    options = ("--people", "people.csv", "--control", "leaver-credentials", "--format", "parquet")
    done = audit(folder, *options)
    assert done.returncode == 0
    assert audit(folder, *options, "--strict").returncode == 0
    assert (
        "0 active credentials of users who left; 0 users match a row of leavers.csv; 1 row without a user"
        in done.stdout
    )


def test_a_list_whose_rows_all_match_says_so(folder: Path) -> None:
    write(folder / "leavers.csv", "user,last_day\nbilling,2026-09-30\n")
    done = audit(folder, "--format", "parquet")
    assert "; all rows of leavers.csv match a user, 2 users in all (leavers.parquet, sheet Leavers).\n" in done.stdout
    assert "\nA user who is not in the list, or has not left yet, passes leaver-credentials.\n" in done.stdout


def test_the_workbook_of_an_owner_does_not_say_that_all_rows_match(folder: Path) -> None:
    write(folder / "leavers.csv", "user,last_day\nbilling,2026-09-30\nnobody,2026-09-30\n")
    write(folder / "accounts.csv", "account,owner\n111122223333,team-a\n")
    audit(folder, "--format", "excel", "--accounts", "accounts.csv", "--by", "owner")
    (book,) = (folder / "out/owners").iterdir()
    answer = str(openpyxl.load_workbook(book)["Summary"]["A2"].value)
    assert "match a row of leavers.csv" in answer or "matches a row of leavers.csv" in answer
    assert "all rows of" not in answer


def test_rows_without_a_user_are_named_with_the_name_that_may_be_meant(folder: Path) -> None:
    names = ["twin", "backup.operator@example.com", "biling", "nobody", "deployer"]
    write(folder / "leavers.csv", "\n".join(["user,last_day", *(f"{name},2026-09-30" for name in names)]))
    for tables in ((), ("--tables", "findings")):
        lines = audit(folder, "--format", "parquet", *tables).stdout.splitlines()
        first = lines.index("  leavers.csv:2 twin: no user has this name; did you mean 'twins'?")
        assert [line.casefold() for line in lines[first + 1 : first + 4]] == [
            "  leavers.csv:3 backup.operator@example.com: no user has this name; did you mean 'backup-operator'?",
            "  leavers.csv:4 biling: no user has this name; did you mean 'billing'?",
            "  and 1 more: leavers.parquet",
        ]


def test_the_page_and_the_pdf_name_who_left(folder: Path) -> None:
    audit(folder, "--format", "parquet")
    evidence = EvidenceSet.at(str(folder / "out"))
    words = comparisons_in_words(evidence.summary)[0]
    assert words == LEAVERS_IN_WORDS
    assert words in content_of_audit(evidence, 0).lines
    run("render", "out", "--format", "html", cwd=folder)
    page = re.sub(r"</?a[^>]*>", "", (folder / "out/report.html").read_text(encoding="utf-8"))
    assert "3 active credentials of 2 users who left; 1 was used after the last day" in page


def test_a_leaver_of_the_near_future_comes_due(folder: Path) -> None:
    done = audit(folder, "--control", "leaver-credentials", "--format", "parquet", "--due-within", "5")
    assert "111122223333 reader access_key_1" in done.stdout
    assert "its user leaves on 2026-11-05" in done.stdout
    due = json.loads(audit(folder, "--format", "parquet", "--due-within", "4", "--json").stdout)["due"]
    assert "leaver-credentials" not in [row["control"] for row in due["by_control"]]


def test_the_evidence_set_keeps_the_counts_of_the_lists(folder: Path) -> None:
    facts = json.loads(audit(folder, "--people", "people.csv", "--json").stdout)
    none = {"several_people": 0, "several_users": 0, "not_in_list": 0, "no_user": 0, "matched": 0}
    assert facts["leavers"] == none | {"several_people": 2, "no_user": 1, "matched": 4}
    assert facts["people"] == none | {"not_in_list": 3, "no_user": 1, "matched": 3}
    for name in ("leavers.csv", "people.csv"):
        (folder / name).unlink()
    evidence = EvidenceSet.at(str(folder / "out"))
    assert evidence.summary.facts["leavers"] == facts["leavers"]
    assert evidence.summary.facts["people"] == facts["people"]
    assert evidence.settings.leavers is not None
    assert evidence.settings.people is not None
    assert (evidence.settings.leavers[0], evidence.settings.people[0]) == ("leavers.csv", "people.csv")
    assert Settings.of_facts(evidence.settings.facts) == evidence.settings
    assert run("verify", "out", cwd=folder).returncode == 0
    assert run("render", "out", "--format", "excel,remediation", cwd=folder).returncode == 0


def test_the_workbook_has_both_lists_and_what_needs_a_look_first(folder: Path) -> None:
    audit(folder, "--people", "people.csv", "--format", "excel", "--workbook-rows", "4")
    book = openpyxl.load_workbook(folder / "out/workbook.xlsx")
    leavers = [row[:7] for row in book["Leavers"].iter_rows(values_only=True)]
    assert "3 further rows are in leavers.parquet" in str(leavers[0][0])
    assert [(row[0], row[4], row[6]) for row in leavers if isinstance(row[0], int)] == [
        (6, "several_people", "twins"),
        (7, "several_people", "twins"),
        (5, "no_user", None),
        (2, "matched", "billing"),
    ]
    people = [cell.value for row in book["People"].iter_rows() for cell in row]
    assert people.count("not_in_list") == 3
    audit(folder, "--people", "people.csv", "--format", "excel")
    book = openpyxl.load_workbook(folder / "out/workbook.xlsx")
    texts = [cell for row in book["People"].iter_rows() for cell in row if cell.value == "=1+1"]
    assert [cell.data_type for cell in texts] == ["s"]
    pairs_shown = [row[:2] for row in book["Summary"].iter_rows(values_only=True)]
    start = pairs_shown.index(("Leavers (sheet Leavers)", "3 active credentials of 2 users who left"))
    assert (
        f"{'; '.join(str(words) for _, words in pairs_shown[start : start + 6])} (leavers.parquet, sheet Leavers)."
        == LEAVERS_IN_WORDS
    )
    of_people = "; ".join(str(words) for _, words in pairs_shown[start + 6 : start + 9])
    assert f"{of_people} (people.parquet, sheet People)." == PEOPLE_IN_WORDS
    assert "leavers: leavers.csv, sha256 " in "".join(
        str(cell.value) for row in book["Provenance"].iter_rows(max_row=30) for cell in row
    )


def test_a_leavers_key_is_not_to_be_rotated(folder: Path) -> None:
    audit(folder, "--format", "remediation", "--control", "leaver-credentials,access-key-rotation")
    text = (folder / "out/remediation/worksheet.csv").read_text(encoding="utf-8-sig")
    actions = {(row["user"], row["credential"]): row["action"] for row in csv.DictReader(io.StringIO(text))}
    assert actions["billing", "access_key_1"].startswith("by hand, because the user left: ")
    assert "If a credential was used after the last day, find out who used it." in actions["billing", "access_key_1"]
    assert actions["backup-operator", "access_key_1"] == "rotate"


def test_all_that_a_leaver_has_is_removed_and_nothing_is_renewed(folder: Path) -> None:
    used = "2026-10-15T08:00:00Z"
    rows = [
        user(
            "billing",
            user_creation_time=CREATED,
            mfa_active="false",
            **password(changed=CREATED, used=used),
            **key(rotated=CREATED, used=used),
            **key(2, rotated=CREATED, used="2026-03-01T08:00:00Z"),
            cert_1_active="true",
            cert_1_last_rotated=CREATED,
        ),
        user("backup-operator", user_creation_time=CREATED, **password(changed=CREATED, used=used)),
    ]
    write(folder / "in/2026-10-31_111122223333.csv", csv_of(root("111122223333"), *rows))
    audit(folder, "--format", "remediation", "--all-controls")
    text = (folder / "out/remediation/worksheet.csv").read_text(encoding="utf-8-sig")
    of_billing = {row["credential"]: row for row in csv.DictReader(io.StringIO(text)) if row["user"] == "billing"}
    remedy = (
        "Remove the user's console password (delete the login profile), and make access keys and certificates "
        "inactive. If a credential was used after the last day, find out who used it. If a program still needs it, "
        "give the program a role. Then delete the user."
    )
    assert {credential: row["action"] for credential, row in of_billing.items()} == dict.fromkeys(
        ("password", "access_key_1", "access_key_2", "cert_1", "user"), f"by hand, because the user left: {remedy}"
    )
    script = (folder / "out/remediation/remediate.sh").read_text(encoding="utf-8")
    assert " billing " not in script.split("# ======== Items ========")[1]
    for credential in ("password", "access_key_1", "access_key_2", "cert_1"):
        assert of_billing[credential]["controls"].startswith("leaver-credentials")
        assert of_billing[credential]["why"].startswith("leaver-credentials: its user left on 2026-09-30")
    stays = [row["action"] for row in csv.DictReader(io.StringIO(text)) if row["user"] == "backup-operator"]
    assert stays
    assert not any(remedy in action or "the user left" in action for action in stays)


def test_a_waived_credential_of_a_leaver_keeps_its_own_remedy(folder: Path) -> None:
    write(
        folder / "policy.toml",
        '[waivers.handover]\nuser = "billing"\ncredential = "access_key_1"\ncontrol = "leaver-credentials"\n'
        'reason = "handed over"\nowner = "security@example.com"\nexpires = 2027-01-31\n',
    )
    audit(folder, "--policy", "policy.toml", "--format", "remediation")
    text = (folder / "out/remediation/worksheet.csv").read_text(encoding="utf-8-sig")
    actions = {(row["user"], row["credential"]): row["action"] for row in csv.DictReader(io.StringIO(text))}
    assert actions["billing", "access_key_1"] == "rotate"


def test_a_waiver_covers_a_leaver(folder: Path) -> None:
    write(
        folder / "policy.toml",
        '[waivers.handover]\nuser = "billing"\ncontrol = "leaver-credentials"\nreason = "handed over"\n'
        'owner = "security@example.com"\nexpires = 2027-01-31\n',
    )
    done = audit(folder, "--policy", "policy.toml", "--control", "leaver-credentials", "--format", "parquet")
    assert "handover: 2 failing" in done.stdout


@pytest.mark.parametrize("options", [(), ("--all-controls",), ("--benchmark", "cis-7.0,security-hub")])
def test_the_control_is_judged_beside_all_others(folder: Path, options: tuple[str, ...]) -> None:
    with_list = json.loads(audit(folder, *options, "--format", "parquet", "--json").stdout)
    without = json.loads(run("audit", "in", "-o", "out", *options, "--format", "parquet", "--json", cwd=folder).stdout)
    (own,) = (row for row in with_list["by_control"] if row["control"] == "leaver-credentials")
    assert (own["fail"], own["not_checked"], own["pass"], own["requirement"]) == (3, 1, 2, None)
    assert [row for row in with_list["by_control"] if row != own] == without["by_control"]
    assert with_list.get("by_requirement") == without.get("by_requirement")
    assert {"leavers", "people"}.isdisjoint(without)


def test_a_policy_alone_does_not_judge_the_control(folder: Path) -> None:
    write(folder / "policy.toml", '[controls.leaver-credentials]\nseverity = "critical"\n')
    options = ("--policy", "policy.toml", "--format", "parquet", "--json")
    without = json.loads(run("audit", "in", "-o", "out", *options, cwd=folder).stdout)
    assert "leaver-credentials" not in [row["control"] for row in without["by_control"]]
    severities = {row["control"]: row["severity"] for row in json.loads(audit(folder, *options).stdout)["by_control"]}
    assert severities["leaver-credentials"] == "critical"
    write(folder / "policy.toml", "[controls.leaver-credentials]\nenabled = false\n")
    assert json.loads(audit(folder, *options).stdout)["switched_off"] == ["leaver-credentials"]


FRAMEWORK = """\
id = "ours"
title = "Our baseline"
version = "1"
publisher = "us"

[[requirements]]
number = "A.1"
title = "Leavers lose access"
controls = ["leaver-credentials"]
source = "https://example.com"

[[requirements]]
number = "A.2"
title = "Root has no key"
controls = ["no-root-access-key"]
source = "https://example.com"
"""


def test_a_framework_with_the_control_is_not_met_without_the_list(folder: Path) -> None:
    write(folder / "ours.toml", FRAMEWORK)
    options = ("--benchmark", "ours.toml", "--format", "parquet", "--json")
    (first, _) = json.loads(audit(folder, *options).stdout)["by_requirement"]
    assert (first["accounts"]["fail"], first["accounts"]["pass"]) == (2, 0)
    without_list = run("audit", "in", "-o", "out", *options, cwd=folder)
    rows = {row["requirement"]: row["accounts"] for row in json.loads(without_list.stdout)["by_requirement"]}
    assert rows["A.1"]["not_checked"] == 2
    write(folder / "ours.toml", FRAMEWORK.partition('[[requirements]]\nnumber = "A.2"')[0])
    done = run("audit", "in", "-o", "out", *options, cwd=folder)
    message = "error: the controls of the framework are judged only with --leavers FILE"
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, message)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            ("audit", "in", "--control", "leaver-credentials"),
            "--control: leaver-credentials is judged only with --leavers FILE",
        ),
        (
            ("audit", "in", "--benchmark", "cis-7.0", "--control", "Leaver-Credentials"),
            "--control: leaver-credentials is judged only with --leavers FILE",
        ),
        (
            ("history", "in", "--control", "leaver-credentials"),
            "--control: leaver-credentials is judged only with --leavers FILE",
        ),
        (("audit", "in", "--leavers", "none.csv"), "--leavers: cannot read none.csv: No such file or directory"),
        (("audit", "in", "--people", "none.csv"), "--people: cannot read none.csv: No such file or directory"),
        (
            ("audit", "in", "--leavers", "people.csv"),
            "people.csv:1: no column with last days; the columns are user_name, email",
        ),
    ],
)
def test_lists_and_options_that_do_not_fit_are_refused(folder: Path, command: tuple[str, ...], message: str) -> None:
    done = run(*command, cwd=folder)
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, f"error: {message}")


def test_the_control_needs_its_list_in_python_as_well(tmp_path: Path) -> None:
    write(tmp_path / "2026-10-31.csv", csv_of(root(), user("a")))
    with pytest.raises(UsageError, match="needs a list"):
        pipeline.audit([str(tmp_path)], Settings(make_checklist(with_leavers=True)), str(tmp_path / "out"))


def test_root_is_nobody_and_a_row_without_a_name_could_be_anybody(tmp_path: Path) -> None:
    write(tmp_path / "leavers.csv", "user,last_day\n<root_account>,2026-09-30\nann,2026-09-30\n")
    nameless = user("", **key(rotated=CREATED)) | {"arn": "arn:aws:iam::111122223333:user/"}
    write(tmp_path / "in/2026-10-31_111122223333.csv", csv_of(root(), nameless))
    audit(tmp_path, "--control", "leaver-credentials", "--format", "parquet")
    findings = parquet.read_table(tmp_path / "out/findings.parquet").to_pylist()
    assert [(row["user"], row["status"], row["reason"]) for row in findings] == [
        (None, "not_checked", "person_unclear")
    ]
    leavers = parquet.read_table(tmp_path / "out/leavers.parquet").to_pylist()
    assert [row["status"] for row in leavers] == ["no_user", "no_user"]


@pytest.mark.parametrize("flag", ["?", ""])
def test_a_leaver_s_credential_of_unknown_state_is_not_decided(tmp_path: Path, flag: str) -> None:
    write(tmp_path / "leavers.csv", "user,last_day\nann,2026-09-30\n")
    rows = [user("ann", **key(active=flag, rotated=CREATED)), user("bo", **key(active=flag, rotated=CREATED))]
    rows.append(user("cy", **key(rotated="2026-11-05T00:00:00Z")))
    write(tmp_path / "in/2026-10-31_111122223333.csv", csv_of(root(), *rows))
    audit(tmp_path, "--control", "leaver-credentials", "--format", "parquet")
    findings = parquet.read_table(tmp_path / "out/findings.parquet").to_pylist()
    assert [(row["user"], row["status"], row["reason"]) for row in findings] == [
        ("ann", "not_checked", "active_unknown"),
        ("bo", "not_checked", "active_unknown"),
        ("cy", "not_applicable", "created_after_as_of"),
    ]


def test_each_snapshot_is_compared_and_the_trend_counts_both(folder: Path) -> None:
    earlier = [
        user("billing", **OLD, **key(rotated=CREATED)),
        user("reader@example.com", **OLD, **key(rotated=CREATED)),
    ]
    write(folder / "in/2026-09-30_111122223333.csv", csv_of(root(mfa_active="true"), *earlier))
    facts = json.loads(audit(folder, "--format", "parquet", "--json").stdout)
    (trend,) = (row for row in facts["trend"]["by_control"] if row["control"] == "leaver-credentials")
    assert {name: trend[name] for name in ("open", "open_before", "new", "fixed")} == {
        "open": 2,
        "open_before": 1,
        "new": 1,
        "fixed": 0,
    }
    done = audit(folder, "--every-snapshot", "--format", "parquet", "--control", "leaver-credentials")
    assert "users match a row of leavers.csv" in done.stdout
    assert "counted once per snapshot" in done.stdout
    rows = parquet.read_table(folder / "out/leavers.parquet").to_pylist()
    # Two names of one person in two snapshots are no two users.
    of_reader = [(row["iam_user"], f"{row['captured_at']:%m-%d}", row["status"]) for row in rows if row["line"] == 4]
    assert of_reader == [("reader", "10-31", "matched"), ("reader@example.com", "09-30", "matched")]


def test_a_cluster_finds_the_same(folder: Path) -> None:
    tables = {}
    for engine in ("local", "dask"):
        done = audit(folder, "--people", "people.csv", "--format", "parquet", "--engine", engine)
        assert done.returncode == 1
        tables[engine] = [parquet.read_table(folder / f"out/{name}.parquet") for name in ("leavers", "people")]
    assert tables["local"] == tables["dask"]
