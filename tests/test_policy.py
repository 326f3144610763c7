"""The policy file: what it may hold, errors that name file, line and key, and waivers put to findings."""

from __future__ import annotations

import json
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.controls.checklist import make_checklist
from analyzer.controls.control import Severity
from analyzer.controls.policy import Policy, read_policy
from analyzer.errors import PolicyError
from analyzer.rendering.waivers import manual_in_words
from tests.cli.running import run
from tests.reports import csv_of, key, password, root, unused, user, write
from tests.running import Audit, Settings, audit

AS_OF = datetime(2026, 10, 31, 23, 59, 59, 999999, tzinfo=UTC)
OLD, YOUNG = "2026-01-01T00:00:00Z", "2026-10-30T00:00:00Z"
FULL = """\
# A comment; the table of limits follows.

[controls.access-key-rotation]
max_age_days = 180
severity = "high"

[controls.mfa-every-user]
enabled = false

[waivers.break-glass]
account = "111122223333"
user = "break-glass-*"
credential = "password"
control = "unused-credentials"
reason = '''sealed:
for emergencies'''
owner = "security@example.com"
expires = 2027-01-31
ticket = "SEC-123"

[waivers."a b"]
user = "x"
reason = "r"
owner = "o"
expires = 2027-01-31
"""
WHY = 'reason = "r"\nowner = "o"\n'


def policy_of(folder: Path, text: str) -> Policy:
    path = folder / "policy.toml"
    path.write_text(text, encoding="utf-8")
    return read_policy(path)


def test_everything_a_policy_may_hold(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, FULL)
    assert policy.parameters("access-key-rotation") == {"max_age_days": 180}
    assert policy.severity("access-key-rotation") is Severity.HIGH
    assert policy.severity("root-mfa") is None
    assert (policy.enabled("mfa-every-user"), policy.enabled("root-mfa")) == (False, True)
    sealed, quoted = policy.waivers
    assert (sealed.id, sealed.line, quoted.id, quoted.line) == ("break-glass", 10, "a b", 21)
    assert (sealed.expires, sealed.ticket) == (date(2027, 1, 31), "SEC-123")
    assert sealed.end == datetime(2027, 1, 31, 23, 59, 59, 999999, tzinfo=UTC)
    assert sealed.scope == "account 111122223333, user break-glass-*, credential password, control unused-credentials"
    assert (quoted.account, quoted.credential, quoted.control, quoted.ticket) == (None, None, None, None)
    assert policy_of(tmp_path, "").waivers == ()
    assert policy_of(tmp_path, "\ufeff" + FULL).waivers == policy.waivers
    assert policy_of(tmp_path, FULL.replace("\n", "\r\n")).waivers[1].line == 21


@pytest.mark.parametrize(
    ("text", "problem", "hint"),
    [
        ("limit = 3", "1: limit: unknown key", "known keys: controls, waivers"),
        ("[waiver.x]", "1: waiver: unknown key; did you mean 'waivers'?", "waivers"),
        (
            "\n\n[controls.root-mfaa]",
            "3: controls.root-mfaa: no such control; did you mean 'root-mfa'?",
            "the controls are un",
        ),
        (
            "[controls.unused-credentials]\nmax_idle_day = 3",
            "2: controls.unused-credentials.max_idle_day: unknown key; did you mean 'max_idle_days'?",
            "known keys: enabled, severity, max_idle_days",
        ),
        (
            "[controls]\nroot-mfa.severty = 'high'",
            "2: controls.root-mfa.severty: unknown key; did you mean 'severity'?",
            "known keys: enabled, severity",
        ),
        (
            "[controls]\nroot-mfa = { enabled = true,\tmax_age_days = 3 }",
            "2: controls.root-mfa.max_age_days: unknown key",
            "known keys: enabled, severity",
        ),
        (
            '[controls.unused-credentials]\n# words\nmax_idle_days = "60"',
            '3: controls.unused-credentials.max_idle_days: cannot be "60"',
            "write a whole number from 1 to 36,500",
        ),
        (
            "[controls.unused-credentials]\nmax_idle_days = true",
            "2: controls.unused-credentials.max_idle_days: cannot",
            "1 to",
        ),
        (
            "[controls.unused-credentials]\nmax_idle_days = 0",
            "2: controls.unused-credentials.max_idle_days: cannot be 0",
            "1 to",
        ),
        (
            "[controls.unused-credentials]\nmax_idle_days = 4.5",
            "2: controls.unused-credentials.max_idle_days: cannot be 4.5",
            "1",
        ),
        (
            '[controls.root-mfa]\nenabled = "no"',
            '2: controls.root-mfa.enabled: cannot be "no"',
            "true or false, without",
        ),
        (
            '[controls.root-mfa]\nseverity = "hihg"',
            "2: controls.root-mfa.severity: cannot be \"hihg\"; did you mean 'high'?",
            "critical, high, medium, low",
        ),
        ("[controls]\nroot-mfa = 3", "2: controls.root-mfa: not a table", "write [controls.root-mfa]"),
        ("controls = 3", "1: controls: not a table", "write [controls.NAME]"),
        ("[[waivers]]\nuser = 'x'", "1: waivers: not a table", "write [waivers.NAME]"),
        (
            f"[waivers.x]\nuser = 'a'\n{WHY}",
            "1: waivers.x: expires is missing",
            "a waiver needs expires: write expires = 2027-01-31",
        ),
        (
            "[waivers.x]\nuser = 'a'\nexpires = 2027-01-31\nowner = 'o'",
            "1: waivers.x: reason is missing",
            "reason",
        ),
        (
            f"[waivers.x]\n{WHY}expires = 2027-01-31",
            "1: waivers.x: the waiver matches everything",
            "account, user, cred",
        ),
        (
            f"[waivers.x]\nuser='?*'\n{WHY}expires = 2027-01-31",
            "1: waivers.x: the waiver matches everything",
            "account",
        ),
        ("[waivers]\nuser = 'a'", "2: waivers.user: not a table", "write [waivers.NAME] on a line"),
        (
            f"[waivers.x]\nuser = 'a'\n{WHY}expiry = 2027-01-31",
            "5: waivers.x.expiry: unknown key; did you mean 'expires'?",
            "known keys: account, user",
        ),
        (
            f"[waivers.x]\nuser = 'a'\n{WHY}expires = '2027-01-31'",
            '5: waivers.x.expires: cannot be "2027-01-31"',
            "a date such as 2027-01-31, without quotes and without a time",
        ),
        (
            f"[waivers.x]\nuser = 'a'\n{WHY}expires = 2027-01-31T00:00:00Z",
            "5: waivers.x.expires: cannot be",
            "a date",
        ),
        (
            f"[waivers.x]\naccount = 111122223333\n{WHY}expires = 2027-01-31",
            "2: waivers.x.account: cannot be 111122223333",
            "the 12 digits of an account in quotes",
        ),
        (
            f"[waivers.x]\naccount = '1111'\n{WHY}expires = 2027-01-31",
            '2: waivers.x.account: cannot be "1111"',
            "12 digits",
        ),
        (
            f"[waivers.x]\ncontrol = 'root_mfa'\n{WHY}expires = 2027-01-31",
            "2: waivers.x.control: cannot be \"root_mfa\"; did you mean 'root-mfa'?",
            "one of unused-credentials",
        ),
        (
            f"[waivers.x]\ncontrol = '2.11'\n{WHY}expires = 2027-01-31",
            "2: waivers.x.control: cannot be a number; in CIS 7.0 2.11 is unused-credentials",
            'write control = "unused-credentials"',
        ),
        (
            f"[waivers.x]\ncredential = 'access_key'\n{WHY}expires = 2027-01-31",
            '2: waivers.x.credential: cannot be "access_key"; did you mean \'access_key_',
            "password, access_key_1",
        ),
        (
            f"[waivers.x]\nuser = 'a[bc]'\n{WHY}expires = 2027-01-31",
            '2: waivers.x.user: cannot be "a[bc]"',
            "* stands",
        ),
        (
            f"[waivers.x]\nuser = ' '\n{WHY}expires = 2027-01-31",
            '2: waivers.x.user: cannot be " "',
            "a text in quotes",
        ),
        (
            f"[waivers.x]\nuser = ['a',\n'b']\n{WHY}expires = 2027-01-31",
            "2: waivers.x.user: cannot be",
            "a text in",
        ),
        ('[waivers.""]\nuser = "a"', "1: waivers.: the waiver has no name", "write [waivers.NAME]"),
        ("[waivers.x]\nuser = a", "2: not TOML: Invalid value", "https://toml.io"),
        ("[waivers.x]\n[waivers.x]", "2: not TOML: Cannot declare ('waivers', 'x') twice", "https://toml.io"),
    ],
)
def test_errors_name_file_line_and_key(tmp_path: Path, text: str, problem: str, hint: str) -> None:
    with pytest.raises(PolicyError) as raised:
        policy_of(tmp_path, text)
    assert raised.value.message.startswith(f"{tmp_path / 'policy.toml'}:{problem}")
    assert hint in raised.value.hint


def test_files_that_are_no_policy(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="cannot read the policy"):
        read_policy(tmp_path / "nowhere.toml")
    (tmp_path / "latin.toml").write_bytes(b'[waivers.x]\nreason = "caf\xe9"')
    with pytest.raises(PolicyError, match="not UTF-8"):
        read_policy(tmp_path / "latin.toml")
    with pytest.raises(PolicyError, match="nested too deeply"):
        policy_of(tmp_path, "x = " + "[" * 20_000)


# --- waivers ------------------------------------------------------------------------------------------------------


def waiver(name: str, expires: str = "2027-12-31", **matching: str) -> str:
    keys = "".join(f'{key} = "{value}"\n' for key, value in matching.items())
    return f"[waivers.{name}]\n{keys}{WHY}expires = {expires}\n"


ROWS = [
    root(),
    user("Break-Glass-1", **password(changed=OLD)),
    user("break-glass-2", **key(rotated=OLD), **password(changed=OLD)),
    user("breaks", **password(changed=OLD)),
    user("unsure", **key(rotated=OLD, used="")),
    user("fine", **key(rotated=YOUNG)),
]


def audit_with_policy(
    folder: Path, text: str, rows: list[dict[str, str]] = ROWS, as_of: datetime = AS_OF, *more_controls: str
) -> Audit:
    policy = policy_of(folder, text)
    checklist = make_checklist(controls=["unused-credentials", *more_controls], policy=policy)
    return audit([write(folder / "2026-10-31.csv", csv_of(*rows))], Settings(checklist, as_of=as_of))


def waivers_by_check(result: Audit) -> dict[tuple[str, str], str]:
    rows = result.findings[result.findings["waiver"].notna()]
    return {(row["user"], row["credential"]): row["waiver"] for row in rows.to_dict("records")}


def notes(result: Audit) -> dict[str, list[int]]:
    lines_by_code: dict[str, list[int]] = {}
    for row in result.issues.to_dict("records"):
        if row["code"].startswith("waiver_"):
            lines_by_code.setdefault(row["code"], []).append(row["line"])
    return lines_by_code


def test_valid_expired_and_unmatched_waivers_are_told_apart(tmp_path: Path) -> None:
    text = (
        waiver("valid", user="break-glass-*")
        + waiver("expired", "2026-10-30", user="breaks")
        + waiver("unmatched", user="nobody")
    )
    result = audit_with_policy(tmp_path, text)
    assert waivers_by_check(result) == {
        ("Break-Glass-1", "password"): "valid",
        ("break-glass-2", "password"): "valid",
        ("break-glass-2", "access_key_1"): "valid",
    }
    by_user = result.findings.set_index("user")["status"]
    assert set(by_user.loc[["Break-Glass-1", "breaks"]]) == {"fail"}, "the status stays"
    assert notes(result) == {"waiver_expired": [6], "waiver_unmatched": [11]}
    assert result.waivers[["id", "state", "failing", "not_checked"]].to_numpy().tolist() == [
        ["valid", "in force", 3, 0],
        ["expired", "expired", 0, 0],
        ["unmatched", "unmatched", 0, 0],
    ]
    assert (result.totals["fail"], result.totals["waived"], result.totals["open"]) == (4, 3, 2)
    assert result.exit_code == 1


def test_waived_checks_do_not_count_for_the_exit_code(tmp_path: Path) -> None:
    everything = audit_with_policy(tmp_path, waiver("all", control="unused-credentials"))
    assert (everything.totals["fail"], everything.totals["not_checked"], everything.exit_code) == (4, 1, 0)
    but_one = audit_with_policy(tmp_path, waiver("most", user="b*"))
    assert (but_one.totals["open"], but_one.exit_code) == (1, 1), "what could not be decided is left"


@pytest.mark.parametrize(
    ("matching", "users"),
    [
        ({"user": "BREAK-GLASS-?"}, {"Break-Glass-1", "break-glass-2"}),
        ({"user": "break"}, set()),
        ({"user": "break*"}, {"Break-Glass-1", "break-glass-2", "breaks"}),
        ({"user": "*-2", "credential": "access_key_1"}, {"break-glass-2"}),
        ({"user": "*", "credential": "access_key_2"}, set()),
        ({"user": "*", "credential": "access_key_1"}, {"break-glass-2", "unsure"}),
        ({"account": "111122223333"}, {"Break-Glass-1", "break-glass-2", "breaks", "unsure"}),
        ({"account": "123456789012"}, set()),
        ({"control": "root-mfa"}, set()),
        ({"user": "unsure"}, {"unsure"}),
        ({"user": "fine"}, set()),
    ],
)
def test_waivers_match_by_account_user_credential_and_control(
    tmp_path: Path, matching: dict[str, str], users: set[str]
) -> None:
    result = audit_with_policy(tmp_path, waiver("x", **matching))
    assert {name for name, _ in waivers_by_check(result)} == users
    assert ("waiver_unmatched" in notes(result)) == (not users)


def test_a_name_is_no_pattern(tmp_path: Path) -> None:
    rows = [user("a.b", **key(rotated=OLD)), user("axb", **key(rotated=OLD)), user("a+b", **key(rotated=OLD))]
    assert {name for name, _ in waivers_by_check(audit_with_policy(tmp_path, waiver("x", user="a.b"), rows))} == {"a.b"}
    assert {name for name, _ in waivers_by_check(audit_with_policy(tmp_path, waiver("x", user="a+b"), rows))} == {"a+b"}


@pytest.mark.parametrize(
    ("expires", "code", "counts"),
    [
        ("2026-10-30", "waiver_expired", False),
        ("2026-10-31", "waiver_expiring", True),
        ("2026-11-30", "waiver_expiring", True),
        ("2026-12-01", None, True),
    ],
)
def test_the_last_day_counts_and_thirty_days_before_it_are_reported(
    tmp_path: Path, expires: str, code: str | None, *, counts: bool
) -> None:
    result = audit_with_policy(tmp_path, waiver("x", expires, user="breaks"))
    assert bool(waivers_by_check(result)) == counts
    assert list(notes(result)) == ([code] if code else [])


def test_the_first_waiver_in_force_that_matches_counts(tmp_path: Path) -> None:
    text = waiver("old", "2026-01-31", user="breaks") + waiver("first", user="breaks") + waiver("second", user="b*")
    result = audit_with_policy(tmp_path, text)
    assert waivers_by_check(result)["breaks", "password"] == "first"
    assert waivers_by_check(result)["Break-Glass-1", "password"] == "second"
    # Each has the count of what it covers itself, and an expired waiver that was renewed leaves nothing open.
    assert result.waivers["failing"].tolist() == [0, 1, 3]
    assert result.waivers["failing"].sum() == result.totals["waived"]
    (message,) = result.issues[result.issues["code"] == "waiver_expired"]["message"]
    assert "nothing depends on it any more" in message


def test_an_expired_waiver_that_matches_no_check_says_both(tmp_path: Path) -> None:
    """Otherwise nobody sees that the name is misspelt, and renews the waiver."""
    text = waiver("a", "2026-01-31", user="braeks") + waiver("b", "2026-01-31", control="root-mfa")
    result = audit_with_policy(tmp_path, text)
    messages = result.issues[result.issues["code"] == "waiver_expired"]["message"].tolist()
    misspelt, not_judged = messages
    assert misspelt == (
        "waiver a (user braeks; owner o) expired on 2026-01-31, and matches no check that failed or was not checked; "
        "correct and renew it with its owner, or remove it"
    )
    assert not_judged == (
        "waiver b (control root-mfa; owner o) expired on 2026-01-31, and matches no check in this run, because "
        "root-mfa was not judged; renew it with its owner, or remove it"
    )


def test_a_waived_manual_check_is_called_a_manual_check(tmp_path: Path) -> None:
    rows = [root(mfa_active="true", password_enabled="true"), *ROWS[1:]]
    text = waiver("seen", control="root-hardware-mfa") + waiver("other", user="unsure", control="unused-credentials")
    result = audit_with_policy(tmp_path, text, rows, AS_OF, "root-hardware-mfa")
    assert result.waivers["not_checked"].tolist() == [1, 1]
    assert result.waived_manual == {"seen": 1}
    assert manual_in_words(result) == "Manual checks among these: 1 of seen."
    assert manual_in_words(audit_with_policy(tmp_path, waiver("other", user="unsure"), rows)) == ""
    write(tmp_path / "credreport.toml", text)
    done = run("audit", "2026-10-31.csv", "--format", "parquet", cwd=tmp_path)
    assert "  seen: 1 manual check (control root-hardware-mfa) until" in done.stdout
    assert "  other: 1 not checked (user unsure, control unused-credentials) until" in done.stdout


def test_a_waiver_of_something_not_judged_need_not_be_removed(tmp_path: Path) -> None:
    text = waiver("a", control="root-mfa") + waiver("b", account="123456789012") + waiver("c", user="nobody")
    result = audit_with_policy(tmp_path, text)
    messages = result.issues[result.issues["code"] == "waiver_unmatched"]["message"].tolist()
    assert "because root-mfa was not judged" in messages[0]
    assert "because account 123456789012 was not judged" in messages[1]
    assert "remove" not in messages[0] + messages[1]
    assert "correct it, or remove it" in messages[2]


def test_thousands_of_waivers_and_long_reasons_take_little_time(tmp_path: Path) -> None:
    rows = [user(f"user-{n}", **key(rotated=OLD)) for n in range(3000)]
    many = "".join(waiver(f"x{n}", user=f"user-{n}") for n in range(1000))
    long = waiver("long", user="user-2999").replace('reason = "r"', 'reason = """' + "words\n" * 5000 + '"""')
    started = time.monotonic()
    result = audit_with_policy(tmp_path, many + long, rows)
    assert result.totals["waived"] == 1001
    assert result.waivers["line"].iloc[-1] == 5001
    assert time.monotonic() - started < 30, "neither the rows nor the lines are gone through for each waiver"


def test_a_waiver_is_in_force_by_the_instant_of_each_finding(tmp_path: Path) -> None:
    early = write(tmp_path / "2026-06-30_111122223333.csv", csv_of(user("a", **key(rotated=OLD))))
    late_row = user("a", account="123456789012", **key(rotated=OLD))
    late = write(tmp_path / "2026-10-31_123456789012.csv", csv_of(late_row))
    checklist = make_checklist(
        controls=["unused-credentials"], policy=policy_of(tmp_path, waiver("x", "2026-07-31", user="a"))
    )
    result = audit([early, late], Settings(checklist))
    assert result.findings["waiver"].astype("str").fillna("-").tolist() == ["x", "-"]
    (message,) = result.issues[result.issues["code"] == "waiver_expired"]["message"]
    assert "expired on 2026-07-31: 1 check that it covered counts again" in message


def test_findings_on_an_account_as_a_whole_can_be_waived(tmp_path: Path) -> None:
    text = waiver("vault", control="root-hardware-mfa") + waiver("who", user="*", control="root-mfa")
    result = audit_with_policy(tmp_path, text, [user("a")], AS_OF, "root-hardware-mfa", "root-mfa")
    rows = result.findings[["control", "status", "waiver"]].astype("str").fillna("-").to_numpy().tolist()
    assert ["root-hardware-mfa", "not_checked", "vault"] in rows
    assert ["root-mfa", "not_checked", "-"] in rows, "a user pattern matches nobody where there is no user"


@given(st.lists(st.sampled_from(["*", "?", "b*", "breaks", "*2", "unsure", "zz"]), max_size=4), st.integers(-40, 40))
def test_waivers_change_no_status_and_fewer_waivers_cover_no_more(globs: list[str], days: int) -> None:
    expires = (AS_OF + timedelta(days=days)).date().isoformat()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        texts = [waiver(f"x{n}", expires, user=glob, control="unused-credentials") for n, glob in enumerate(globs)]
        full, fewer = audit_with_policy(folder, "".join(texts)), audit_with_policy(folder, "".join(texts[:-1]))
        plain = audit([str(folder / "2026-10-31.csv")], Settings(unused(), as_of=AS_OF))
    assert full.findings["status"].tolist() == plain.findings["status"].tolist()
    assert set(waivers_by_check(fewer)) <= set(waivers_by_check(full))
    assert full.totals["open"] + full.totals["waived"] == full.totals["fail"] + full.totals["not_checked"]
    assert len(full.waivers) == len(globs)


# --- the program ------------------------------------------------------------------------------------------------------


def test_a_policy_in_the_current_folder_is_used_and_named(tmp_path: Path) -> None:
    write(tmp_path / "2026-10-31.csv", csv_of(*ROWS))
    write(tmp_path / "credreport.toml", waiver("all", control="unused-credentials"))
    command = ["audit", "2026-10-31.csv", "--control", "unused-credentials", "--format", "parquet"]
    done = run(*command, cwd=tmp_path)
    assert done.returncode == 0
    assert "Policy: credreport.toml" in done.stdout
    assert "Waived: not counted for the exit code\n" in done.stdout
    assert "; all of the 5 unused or not checked are waived" in done.stdout
    manifest = json.loads((tmp_path / "credreport-out/manifest.json").read_text())
    assert manifest["settings"]["policy"]["name"] == "credreport.toml"
    without = run(*command, "--no-policy", cwd=tmp_path)
    assert without.returncode == 1
    assert "Policy" not in without.stdout
    write(tmp_path / "other.toml", waiver("some", user="b*"))
    with_other_policy = run(*command, "--policy", "other.toml", "--json", cwd=tmp_path)
    assert with_other_policy.returncode == 1
    assert [row["id"] for row in json.loads(with_other_policy.stdout)["waivers"]] == ["some"]
    (tmp_path / "credreport.toml").unlink()
    (tmp_path / "credreport.toml").mkdir()
    assert "cannot read the policy credreport.toml" in run(*command, cwd=tmp_path).stderr
    refused = run(*command, "--policy", "other.toml", "--no-policy", cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")


def test_a_wrong_policy_ends_the_run(tmp_path: Path) -> None:
    write(tmp_path / "2026-10-31.csv", csv_of(*ROWS))
    write(tmp_path / "credreport.toml", "[waivers.x]\nuser = 'a'\nexpire = 2027-01-31\n")
    done = run("audit", "2026-10-31.csv", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(
        "error: credreport.toml:3: waivers.x.expire: unknown key; did you mean 'expires'?\nhint: "
    )
    assert not (tmp_path / "credreport-out").exists()
