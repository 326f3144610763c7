from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from analyzer import pipeline
from analyzer.controls.checklist import make_checklist
from analyzer.controls.policy import Policy, Waiver
from analyzer.evidence.schema import TABLES, to_arrow
from analyzer.evidence.settings import Settings
from analyzer.evidence.tables import TablesInMemory
from analyzer.rendering import remediation
from analyzer.rendering.remediation.tasks import newest_capture
from tests.audits import AS_OF
from tests.reports import ACCOUNT, COLUMNS_22, csv_of, key, password, root, user, write
from tests.running import Audit, audit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    import numpy.typing as npt

OLD, USED = "2024-01-01T10:00:30Z", "2024-06-01T12:34:00Z"
USER_CREATED = "2020-01-01T00:00:00Z"
USED_KEY = key(rotated=OLD, used=USED)
NEW_KEY = key(rotated=OLD)
PASSWORD = password(changed=OLD, used=USED)
SHELL = str(shutil.which("sh"))

STUB = """#!/bin/sh
# Log the call, read all input, and answer with the file of the operation and its subject; fail where there is none.
cat >/dev/null
for word; do printf '%s|' "$word"; done >>"$STUB/log"
echo >>"$STUB/log"
operation=$2 subject=none
while [ $# -gt 0 ]; do
    case $1 in
        --user-name=*) subject=${1#*=} ;;
        --access-key-id) subject=$2 ;;
    esac
    shift
done
cat "$STUB/$operation/$subject" && [ ! -e "$STUB/$operation.fails" ]
"""


@dataclass
class Aws:
    """A stand-in for the command `aws`, and for the account behind it."""

    folder: Path
    account: str = ACCOUNT
    keys: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        write(self.folder / "bin" / "aws", STUB)
        (self.folder / "bin" / "aws").chmod(0o755)
        self.says("get-caller-identity", "none", self.account)

    def says(self, operation: str, subject: str, answer: str) -> None:
        write(self.folder / operation / subject, f"{answer}\n")

    def has_key(self, name: str, key_id: str, created: str = OLD, used: str = "None") -> None:
        self.keys.setdefault(name, []).append((key_id, created))
        self.says("list-access-keys", name, "\n".join("\t".join(key_columns) for key_columns in self.keys[name]))
        self.says("get-access-key-last-used", key_id, used)
        for operation in ("update-access-key", "delete-access-key"):
            # The answer is no list of keys: the script must not read it.
            write(self.folder / operation / key_id, "")

    def has_password(self, name: str, *, born: str = USER_CREATED, set_at: str = OLD, used: str = "None") -> None:
        self.says("get-user", name, f"{born}\t{used}")
        self.says("get-login-profile", name, set_at)
        write(self.folder / "delete-login-profile" / name, "")

    def run(self, script: Path, *options: str, command: Sequence[str] = (SHELL,), path: str | None = None) -> Ran:
        (self.folder / "log").unlink(missing_ok=True)
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}" if path is None else path
        completed = subprocess.run(
            [*command, str(script), *options],
            env={"PATH": path, "STUB": str(self.folder)},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        log = self.folder / "log"
        calls = [line[:-1].split("|") for line in log.read_text().splitlines()] if log.exists() else []
        return Ran(completed.returncode, completed.stdout, completed.stderr, calls)


@dataclass
class Ran:
    code: int
    out: str
    err: str
    calls: list[list[str]]

    @property
    def changes(self) -> list[list[str]]:
        return [call for call in self.calls if call[1].startswith(("update-", "delete-"))]

    @property
    def stops(self) -> list[str]:
        return [line for line in self.out.splitlines() if line.startswith("STOP ")]

    @property
    def summary(self) -> str:
        return self.out.splitlines()[-1]


@pytest.fixture
def aws(tmp_path: Path) -> Aws:
    return Aws(tmp_path / "aws")


def audited(
    folder: Path, *rows: dict[str, str], waivers: tuple[Waiver, ...] = (), controls: Sequence[str] = ()
) -> Audit:
    policy = Policy("policy.toml", "", waivers=waivers) if waivers else None
    report = write(folder / "in" / "2026-10-31.csv", csv_of(*rows))
    return audit(
        [report], Settings(make_checklist(policy=policy, controls=controls, all_controls=not controls), as_of=AS_OF)
    )


def written_files(result: Audit, folder: Path) -> list[Path]:
    return remediation.write(result, result.tables, folder)


def script_of(folder: Path, *rows: dict[str, str], **options: Sequence[str]) -> Path:
    return written_files(audited(folder, *rows, **options), folder)[1]  # type: ignore[arg-type]


def items(script: Path) -> list[str]:
    lines = script.read_text(encoding="utf-8").split("# ======== Items ========\n")[1].splitlines()
    return [line for line in lines if line and not line.startswith("#")][:-1]


def worksheet(result: Audit, folder: Path) -> list[dict[str, str]]:
    with written_files(result, folder)[0].open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def actions(result: Audit, folder: Path) -> dict[tuple[str, str], str]:
    return {(row["user"], row["credential"]): row["action"] for row in worksheet(result, folder)}


def inactive(name: str, key_id: str) -> list[str]:
    return ["iam", "update-access-key", f"--user-name={name}", "--access-key-id", key_id, "--status", "Inactive"]


def deleted(name: str, key_id: str) -> list[str]:
    return ["iam", "delete-access-key", f"--user-name={name}", "--access-key-id", key_id]


def removed(name: str) -> list[str]:
    return ["iam", "delete-login-profile", f"--user-name={name}"]


HOSTILE = [
    user("-rf", path="/$(touch pwned)/", **USED_KEY),
    user("=1+1", path="/`touch pwned`/", **NEW_KEY),
    user("a,b", path="/';touch pwned;'/", **PASSWORD),
]


@pytest.fixture
def hostile(aws: Aws, tmp_path: Path) -> Path:
    aws.has_key("-rf", "AKIAUSED", used=USED)
    aws.has_key("=1+1", "AKIANEVER")
    aws.has_password("a,b", used=USED)
    return script_of(tmp_path, root(), *HOSTILE)


# --- the script at work ----------------------------------------------------------------------------------------------


def test_a_dry_run_changes_nothing_and_prints_the_same_commands(aws: Aws, hostile: Path) -> None:
    ran = aws.run(hostile)
    assert (ran.code, ran.changes, ran.err) == (0, [], "")
    commands = [line.removeprefix("would run: aws ") for line in ran.out.splitlines() if line.startswith("would run: ")]
    assert commands == [" ".join(inactive("-rf", "AKIAUSED")), " ".join(removed("a,b"))]
    assert f"left alone: {ACCOUNT} =1+1 access_key_1 (AKIANEVER), never used" in ran.out
    assert ran.summary == f"Account {ACCOUNT}: 0 done, 2 to do, 1 left alone, 0 stopped; 0 skipped (other accounts)"


def test_apply_changes_all_but_keys_that_were_never_used(aws: Aws, hostile: Path) -> None:
    ran = aws.run(hostile, "--apply")
    assert (ran.code, ran.err) == (0, "")
    assert ran.changes == [inactive("-rf", "AKIAUSED"), removed("a,b")]
    assert ran.summary == f"Account {ACCOUNT}: 2 done, 0 to do, 1 left alone, 0 stopped; 0 skipped (other accounts)"


def test_a_second_option_deletes_keys_that_were_never_used(aws: Aws, hostile: Path) -> None:
    assert aws.run(hostile, "--delete-never-used").changes == []
    ran = aws.run(hostile, "--apply", "--delete-never-used")
    assert ran.changes == [inactive("-rf", "AKIAUSED"), deleted("=1+1", "AKIANEVER"), removed("a,b")]
    assert ran.code == 0


def test_nothing_in_a_report_is_run(aws: Aws, tmp_path: Path) -> None:
    rows = csv_of(root(), *HOSTILE)
    report = write(tmp_path / "2026-10-31" / "r\ntouch pwned\u2028;$(touch pwned).csv", rows)
    script = written_files(audit([report], Settings(as_of=AS_OF)), tmp_path)[1]
    assert len(items(script)) == 3
    aws.run(script, "--apply", "--delete-never-used")
    assert not list(tmp_path.rglob("pwned"))


def test_names_that_iam_does_not_allow_get_no_item(tmp_path: Path) -> None:
    rows = [user(name, **USED_KEY) for name in ("a b", "$(x)", "x;y", "ü", "'", "a" * 129)]
    result = audited(tmp_path, root(), *rows)
    assert items(written_files(result, tmp_path)[1]) == []
    key_actions = [
        action for (_, credential), action in actions(result, tmp_path).items() if credential == "access_key_1"
    ]
    assert len(key_actions) == len(rows)
    assert all(action.startswith("by hand, because IAM does not allow this user name: ") for action in key_actions)


@pytest.mark.parametrize(
    ("created", "used"),
    [
        ("2024-01-01T10:00:30+00:00", "2024-06-01T12:34:00+00:00"),
        ("2024-01-01T12:00:30+02:00", "2024-06-01T07:04:00-0530"),
        ("2024-01-01T10:00:30.987000+00:00", "2024-06-01T12:34:59Z"),
    ],
)
def test_instants_are_compared_and_not_their_texts(aws: Aws, tmp_path: Path, created: str, used: str) -> None:
    aws.has_key("ann", "AKIA1", created, used)
    aws.has_key("ann", "AKIA2", "2024-01-01T10:00:31Z")
    aws.has_password("ann", born="2019-12-31T23:00:00-01:00", set_at=created, used=used)
    ran = aws.run(script_of(tmp_path, user("ann", **PASSWORD, **USED_KEY)), "--apply")
    assert (ran.code, ran.changes) == (0, [removed("ann"), inactive("ann", "AKIA1")])


def test_a_report_in_another_form_matches_too(aws: Aws, tmp_path: Path) -> None:
    aws.has_key("ann", "AKIA1", OLD, USED)
    row = user("ann", **key(rotated="2024-01-01T15:30:30.5+05:30", used="2024-06-01T12:34:00+00:00"))
    script = script_of(tmp_path, row)
    assert items(script) == [f"make_inactive {ACCOUNT} ann access_key_1 {OLD} {USED}"]
    assert aws.run(script, "--apply").changes == [inactive("ann", "AKIA1")]


@pytest.fixture(scope="module")
def scripts_of_two_users(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the scripts of two users, ann and bob, with a used key or password each."""
    return {
        name: script_of(tmp_path_factory.mktemp(name), *(user(user_name, **cells) for user_name in ("ann", "bob")))
        for name, cells in (("keys", USED_KEY), ("passwords", PASSWORD))
    }


# Each case: an answer of AWS that differs from the report, and a part of the line that `ann` must get.
KEY_STOPS = {
    "no key": (("list-access-keys", "ann", ""), "0 active keys were created at"),
    "another key": (("list-access-keys", "ann", "AKIA9\t2024-01-01T10:00:31Z"), "0 active keys"),
    "two keys": (("list-access-keys", "ann", f"AKIA1\t{OLD}\nAKIA2\t2024-01-01T10:00:30+00:00"), "2 active keys"),
    "no list": (("list-access-keys", "ann", "None"), "an unreadable list of keys: 'None'"),
    "no time": (("list-access-keys", "ann", "AKIA1"), "an unreadable list of keys"),
    "a date": (("list-access-keys", "ann", "AKIA1\t2024-01-01"), "an unreadable list of keys"),
    "no offset": (("list-access-keys", "ann", f"AKIA1\t{OLD[:-1]}"), "an unreadable list of keys"),
    "no key id": (("list-access-keys", "ann", f"$(x)\t{OLD}"), "an unreadable list of keys"),
    "three columns": (("list-access-keys", "ann", f"AKIA1\t{OLD}\t-"), "an unreadable list of keys"),
    "used since": (("get-access-key-last-used", "AKIA1", "2024-06-01T12:35:01Z"), "used since the report"),
    "used before": (("get-access-key-last-used", "AKIA1", "2024-06-01T12:33:00Z"), "an earlier last use"),
    "never used": (("get-access-key-last-used", "AKIA1", "N/A"), "AWS shows no use"),
    "use empty": (("get-access-key-last-used", "AKIA1", ""), "an unreadable time of last use: ''"),
    "use garbled": (("get-access-key-last-used", "AKIA1", "yesterday"), "an unreadable time of last use"),
    "use twice": (("get-access-key-last-used", "AKIA1", f"{USED}\n{USED}"), "an unreadable time of last use"),
}


@pytest.mark.parametrize(("answer", "why"), KEY_STOPS.values(), ids=KEY_STOPS)
def test_a_used_key_is_left_alone_unless_all_is_as_reported(
    aws: Aws, scripts_of_two_users: dict[str, Path], answer: tuple[str, str, str], why: str
) -> None:
    for name, key_id in (("ann", "AKIA1"), ("bob", "AKIA5")):
        aws.has_key(name, key_id, used=USED)
    aws.says(*answer)
    ran = aws.run(scripts_of_two_users["keys"], "--apply")
    assert (ran.code, ran.changes) == (1, [inactive("bob", "AKIA5")])
    assert ran.stops[0].startswith(f"STOP {ACCOUNT} ann access_key_1: ")
    assert why in ran.stops[0]
    assert len(ran.stops) == 1
    assert "1 done, 0 to do, 0 left alone, 1 stopped" in ran.summary


@pytest.mark.parametrize("used", ["2026-11-01T00:00:00Z", "2024-01-01T10:00:00+00:00", ""])
def test_a_key_that_the_report_calls_never_used_is_left_alone_if_it_was_used(
    aws: Aws, tmp_path: Path, used: str
) -> None:
    aws.has_key("ann", "AKIA1", used=used)
    ran = aws.run(script_of(tmp_path, user("ann", **NEW_KEY)), "--apply", "--delete-never-used")
    assert (ran.code, ran.changes, len(ran.stops)) == (1, [], 1)


@pytest.mark.parametrize("answer", ["None", "N/A"])
def test_a_key_without_a_last_use_in_aws_counts_as_never_used(aws: Aws, tmp_path: Path, answer: str) -> None:
    aws.has_key("ann", "AKIA1", used=answer)
    script = script_of(tmp_path, user("ann", **NEW_KEY))
    assert aws.run(script, "--apply", "--delete-never-used").changes == [deleted("ann", "AKIA1")]


PASSWORD_STOPS = {
    "recreated user": (("get-user", "ann", f"2025-01-01T00:00:00Z\t{USED}"), "another user has this name now"),
    "used since": (("get-user", "ann", f"{USER_CREATED}\t2026-10-30T00:00:00Z"), "used since the report"),
    "never used": (("get-user", "ann", f"{USER_CREATED}\tNone"), "AWS shows no use"),
    "one column": (("get-user", "ann", USER_CREATED), "an unreadable user"),
    "three columns": (("get-user", "ann", f"{USER_CREATED}\t{USED}\tx"), "an unreadable time of last use"),
    "empty": (("get-user", "ann", ""), "an unreadable user: ''"),
    "new password": (("get-login-profile", "ann", "2024-01-01T10:02:00Z"), "a new password after the report"),
    "no time": (("get-login-profile", "ann", "None"), "an unreadable login profile: 'None'"),
}


@pytest.mark.parametrize(("answer", "why"), PASSWORD_STOPS.values(), ids=PASSWORD_STOPS)
def test_a_password_is_left_alone_unless_all_is_as_reported(
    aws: Aws, scripts_of_two_users: dict[str, Path], answer: tuple[str, str, str], why: str
) -> None:
    for name in ("ann", "bob"):
        aws.has_password(name, used=USED)
    aws.says(*answer)
    ran = aws.run(scripts_of_two_users["passwords"], "--apply")
    assert (ran.code, ran.changes) == (1, [removed("bob")])
    assert [why in stop for stop in ran.stops] == [True]


def test_a_password_that_the_report_calls_never_used_is_left_alone_if_it_was_used(aws: Aws, tmp_path: Path) -> None:
    script = script_of(tmp_path, user("ann", **password(changed=OLD)))
    aws.has_password("ann")
    assert aws.run(script, "--apply").changes == [removed("ann")]
    aws.has_password("ann", used=USED)
    ran = aws.run(script, "--apply")
    assert (ran.code, ran.changes) == (1, [])


@pytest.mark.parametrize(
    "operation",
    [
        *("list-access-keys", "get-access-key-last-used", "update-access-key"),
        *("get-user", "get-login-profile", "delete-login-profile"),
    ],
)
def test_a_call_that_fails_stops_its_item_only(aws: Aws, tmp_path: Path, operation: str) -> None:
    aws.has_key("ann", "AKIA1", used=USED)
    aws.has_password("ann", used=USED)
    script = script_of(tmp_path, user("ann", **PASSWORD, **USED_KEY))
    write(aws.folder / f"{operation}.fails", "")  # after it has answered
    ran = aws.run(script, "--apply")
    assert ran.code == 1
    assert len(ran.stops) == 1
    assert "failed" in ran.stops[0]
    assert f"aws iam {operation}" in ran.stops[0]
    assert "1 done, 0 to do, 0 left alone, 1 stopped" in ran.summary


def test_items_of_other_accounts_are_skipped(aws: Aws, tmp_path: Path) -> None:
    aws.has_key("ann", "AKIA1", used=USED)
    rows = [user("ann", **USED_KEY), user("bob", account="444455556666", **USED_KEY)]
    script = script_of(tmp_path, *rows)
    ran = aws.run(script, "--apply")
    assert (ran.code, ran.changes) == (0, [inactive("ann", "AKIA1")])
    assert ran.summary.endswith("1 done, 0 to do, 0 left alone, 0 stopped; 1 skipped (other accounts)")
    aws.says("get-caller-identity", "none", "999999999999")
    ran = aws.run(script, "--apply", "--delete-never-used")
    assert (ran.code, [call[1] for call in ran.calls]) == (1, ["get-caller-identity"])
    assert "STOP: no item belongs to account 999999999999" in ran.summary
    assert "2 skipped (other accounts)\n" in ran.out


def test_without_aws_or_an_account_nothing_is_done(aws: Aws, hostile: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    ran = aws.run(hostile, "--apply", path=str(empty))
    assert (ran.code, ran.err) == (2, "remediate.sh: the command aws is missing: install it\n")
    aws.says("get-caller-identity", "none", "None")
    assert aws.run(hostile, "--apply").code == 2
    aws.says("get-caller-identity", "none", ACCOUNT)
    write(aws.folder / "get-caller-identity.fails", "")
    ran = aws.run(hostile, "--apply")
    assert (ran.code, len(ran.calls)) == (2, 1)


def test_options(aws: Aws, hostile: Path) -> None:
    ran = aws.run(hostile, "--help")
    assert (ran.code, ran.calls) == (0, [])
    assert ran.out.startswith("Usage: sh remediate.sh [--apply] [--delete-never-used]\n")
    help_text = " ".join(ran.out.split())
    assert "make inactive the keys that were used before and are unused now, and remove unused passwords" in help_text
    assert (
        "also delete the keys that were never used, including those that only fail no-initial-access-keys" in help_text
    )
    for options in (["--aply"], ["--apply", "x"], [""]):
        ran = aws.run(hostile, *options)
        assert (ran.code, ran.calls) == (2, [])
        assert "unknown option" in ran.err


def test_aws_does_not_read_the_script(aws: Aws, tmp_path: Path) -> None:
    aws.has_key("last", "AKIA1", used=USED)
    names = [*(f"ann-{n}" for n in range(40)), "last"]  # more than a shell reads ahead
    script = script_of(tmp_path, *(user(name, **USED_KEY) for name in names))
    ran = aws.run(script, command=[SHELL, "-c", f'{SHELL} -s -- --apply <"$0"'])
    assert ran.changes == [inactive("last", "AKIA1")]
    assert len(ran.stops) == 40


def other_shells() -> list[list[str]]:
    shells = [["dash"], ["bash", "--posix"], ["busybox", "sh"], ["ksh"]]
    return [shell for shell in shells if shutil.which(shell[0])]


@pytest.mark.parametrize("shell", other_shells(), ids=" ".join)
def test_any_posix_shell_runs_the_script(aws: Aws, hostile: Path, shell: list[str]) -> None:
    aws.says("list-access-keys", "=1+1", "")
    ran = aws.run(hostile, "--apply", "--delete-never-used", command=shell)
    assert (ran.code, ran.err, len(ran.stops)) == (1, "", 1)
    assert ran.changes == [inactive("-rf", "AKIAUSED"), removed("a,b")]


def awks() -> list[list[str]]:
    commands = [["awk"], ["mawk"], ["gawk", "--posix"], ["busybox", "awk"], ["original-awk"]]
    return [awk for awk in commands if shutil.which(awk[0])]


@pytest.mark.parametrize("awk", awks(), ids=" ".join)
def test_instants_become_seconds_with_any_awk(hostile: Path, awk: list[str]) -> None:
    function = re.search(r"^epoch\(\) \{.*?^\}$", hostile.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert function
    days = [date(y, m, d) for y in (1970, 2000, 2024, 2026, 2038, 2100) for m, d in ((1, 1), (2, 28), (3, 1), (12, 31))]
    instants = [datetime(day.year, day.month, day.day, 23, 8, 9, tzinfo=UTC) for day in [*days, date(2024, 2, 29)]]
    bad = ["", "None", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01T00:00Z", "x2026-01-01T00:00:00Z", "-1"]
    program = "\n".join(
        [f'awk() {{ command {" ".join(awk)} "$@"; }}', function[0], 'for one; do epoch "$one" || echo none; done']
    )
    arguments = [*(f"{instant:%Y-%m-%dT%H:%M:%SZ}" for instant in instants), *bad]
    output = subprocess.run(
        [SHELL, "-c", program, SHELL, *arguments], capture_output=True, text=True, check=True
    ).stdout
    assert output.split() == [*(f"{instant.timestamp():.0f}" for instant in instants), *(["none"] * len(bad))]


def test_shellcheck_has_no_complaint(hostile: Path, tmp_path: Path) -> None:
    checker = shutil.which("shellcheck")
    if checker is None:
        pytest.skip("needs shellcheck")
    empty = script_of(tmp_path / "in", root())
    assert items(empty) == []
    for script in (hostile, empty):
        completed = subprocess.run(
            [checker, "--norc", "--shell=sh", "--enable=quote-safe-variables", str(script)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (completed.returncode, completed.stdout, completed.stderr) == (0, "", "")


# --- what is acted on ------------------------------------------------------------------------------------------------


def test_each_line_is_the_report_s_own_evidence_with_the_reason_above_it(tmp_path: Path) -> None:
    script = script_of(
        tmp_path,
        root(),
        user("ann", path="/ops/", **PASSWORD, **USED_KEY, **key(2, rotated=OLD)),
        user("bob", account="444455556666", **password(changed=OLD)),
        controls=["unused-credentials"],
    )
    source = tmp_path / "in" / "2026-10-31.csv"
    assert script.read_text(encoding="utf-8").split("# ======== Items ========\n")[1] == (
        f"""# make_inactive      account user key created last-used
# delete_never_used  account user key created
# remove_password    account user user-created password-set last-used
# Judged as of the end of 2026-10-31, UTC. 4 items.


# ==== Account 111122223333: 1 key to make inactive, 1 never-used key to delete, 1 password to remove ====

# arn:aws:iam::111122223333:user/ops/ann ({source}:3)
# last used 2024-06-01, 882 days (unused-credentials)
remove_password 111122223333 ann {USER_CREATED} {OLD} {USED}

# arn:aws:iam::111122223333:user/ops/ann ({source}:3)
# last used 2024-06-01, 882 days (unused-credentials)
make_inactive 111122223333 ann access_key_1 {OLD} {USED}

# arn:aws:iam::111122223333:user/ops/ann ({source}:3)
# never used; created 2024-01-01, 1034 days (unused-credentials)
delete_never_used 111122223333 ann access_key_2 {OLD}


# ==== Account 444455556666: 1 password to remove ====

# arn:aws:iam::444455556666:user/bob ({source}:4)
# never used; set 2024-01-01, 1034 days (unused-credentials)
remove_password 444455556666 bob {USER_CREATED} {OLD} never


finish
"""
    )


def test_credentials_that_may_be_in_use_are_left_to_people(tmp_path: Path) -> None:
    recent = "2026-10-30T12:00:00Z"
    result = audited(
        tmp_path,
        root(**key(rotated=OLD)),
        user("rotation", **key(rotated=OLD, used=recent)),
        user("console", **key(rotated="2026-08-20T00:00:00Z", used=recent)),
        user("old-password", mfa_active="true", **password(changed=OLD, used=recent)),
        user("certificate", cert_1_active="true", cert_1_last_rotated=OLD),
        user("inactive", **key(active="false", rotated=OLD)),
    )
    assert items(written_files(result, tmp_path)[1]) == []
    action_of = actions(result, tmp_path)
    assert action_of["rotation", "access_key_1"] == "rotate"
    assert action_of["console", "access_key_1"].startswith("by hand: Make the key inactive, or delete it. ")
    assert action_of["old-password", "password"].startswith("by hand: Set an expiry in the account's password policy")
    assert action_of["certificate", "cert_1"].startswith("by hand: Make the certificate inactive")
    assert action_of["<root_account>", "user"].startswith("by hand: Sign in as root and ")
    assert action_of["rotation", "user"].startswith("by hand: Register an MFA device")
    assert ("inactive", "access_key_1") not in action_of
    assert action_of["old-password", "user"].startswith("by hand: Move people to IAM Identity Center")


@pytest.mark.parametrize(
    ("controls", "cells", "line"),
    [
        (
            ["no-initial-access-keys"],
            password(changed=USER_CREATED, used=USED) | key(rotated=USER_CREATED),
            "delete_never_used",
        ),
        (["unused-credentials-console"], key(rotated="2026-10-30T00:00:00Z"), None),
        (["unused-credentials-console"], PASSWORD, "remove_password"),
        (["unused-credentials-console"], USED_KEY, None),
        (["access-key-rotation"], USED_KEY, None),
        (["password-rotation"], PASSWORD, None),
        (["unused-credentials"], USED_KEY, "make_inactive"),
    ],
)
def test_which_controls_show_that_nobody_uses_a_credential(
    tmp_path: Path, controls: list[str], cells: dict[str, str], line: str | None
) -> None:
    script = script_of(tmp_path, user("ann", **cells), controls=controls)
    assert [item.split()[0] for item in items(script)] == ([line] if line else [])


@pytest.mark.parametrize(
    ("changed", "is_removed"),
    [
        ("2026-10-20T05:22:51Z", False),
        ("2026-09-17T00:00:00Z", False),  # 44 days
        ("2026-09-16T23:59:59Z", True),  # 45 days
        ("2026-11-01T00:00:01Z", False),  # after the reference date
    ],
)
def test_a_password_that_was_just_changed_is_left_to_people(tmp_path: Path, changed: str, is_removed: bool) -> None:
    controls = ["unused-credentials", "unused-credentials-console"]
    result = audited(tmp_path, user("ann", **password(changed=changed, used=USED)), controls=controls)
    assert len(items(written_files(result, tmp_path)[1])) == is_removed
    action = actions(result, tmp_path)["ann", "password"]
    if is_removed:
        assert action == "remove password (delete login profile)"
    else:
        assert action == (
            f"by hand: the password was changed on {changed[:10]}, after its last use: ask whether somebody just got "
            "this password; if not, remove it (delete the login profile)"
        )


def test_the_sample_has_a_password_that_was_just_changed(tmp_path: Path) -> None:
    result = audit(["sample_reports/2026-10-31"], Settings(as_of=AS_OF))
    (row,) = (row for row in worksheet(result, tmp_path) if (row["user"], row["credential"]) == MANAGER)
    assert "last used 2026-01-21, 283 days; changed 2026-10-20" in row["why"]
    assert row["action"].startswith("by hand: the password was changed on 2026-10-20, after its last use: ask ")
    assert "key" not in row["action"]
    assert not [line for line in items(tmp_path / "remediation" / "remediate.sh") if "release-manager" in line]


MANAGER = ("release-manager", "password")


def exempt(**matching: str) -> Waiver:
    return Waiver("sealed", 1, "in a safe", "security", date(2027, 1, 31), **matching)


def test_a_waived_failure_gets_no_item(tmp_path: Path) -> None:
    rows = [user("ann", **NEW_KEY), user("bob", **NEW_KEY)]
    result = audited(tmp_path, *rows, waivers=(exempt(user="ann"),))
    assert [line.split()[2] for line in items(written_files(result, tmp_path)[1])] == ["bob"]
    assert {name for name, _ in actions(result, tmp_path)} == {"bob"}


def test_a_waiver_for_one_of_two_similar_controls_keeps_the_script_away(tmp_path: Path) -> None:
    rows = [user("ann", **NEW_KEY), user("bob", **PASSWORD)]
    result = audited(tmp_path, *rows, waivers=(exempt(control="unused-credentials"),))
    assert items(written_files(result, tmp_path)[1]) == []
    row_of = {row["credential"]: row for row in worksheet(result, tmp_path)}
    assert row_of["access_key_1"]["controls"] == "unused-credentials-console; access-key-rotation"
    assert row_of["access_key_1"]["action"] == "rotate"
    assert row_of["password"]["action"].startswith("by hand, because waiver sealed covers it in part: ")
    result = audited(tmp_path, user("ann", **NEW_KEY), waivers=(exempt(control="access-key-rotation"),))
    assert len(items(written_files(result, tmp_path)[1])) == 1


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (user("ann", **key(rotated="N/A", used=USED)), "the report does not show when it was created"),
        (user("ann", **password(changed="12/31/2025", used=USED)), "the report does not show when it was set"),
        (user("ann", **PASSWORD, user_creation_time=""), "the report does not show when the user was created"),
        (user("ann", **USED_KEY) | {"arn": f"arn:aws:iam::{ACCOUNT}:user/eve"}, "the ARN belongs to another user"),
    ],
)
def test_a_credential_without_enough_evidence_is_done_by_hand(tmp_path: Path, row: dict[str, str], why: str) -> None:
    result = audited(tmp_path, row, controls=["unused-credentials"])
    assert items(written_files(result, tmp_path)[1]) == []
    (action,) = actions(result, tmp_path).values()
    of_key = "If a key was used before and is unused now, make it inactive; if nothing breaks, delete it. Delete a key"
    of_password = "Remove a console password by deleting the login profile: AWS cannot disable a password."
    is_password = row["password_enabled"] == "true"
    assert action.startswith(f"by hand, because {why}: {of_password if is_password else of_key}")
    assert ("key" in action) is not is_password


def test_an_unknown_use_does_not_count_as_no_use(tmp_path: Path) -> None:
    result = audited(tmp_path, user("ann", **NEW_KEY), controls=["unused-credentials"])
    result = result.changed(credentials=result.credentials.assign(last_used_state="missing"))
    assert items(written_files(result, tmp_path)[1]) == []
    (action,) = actions(result, tmp_path).values()
    assert action.startswith("by hand, because the report does not show whether it was ever used: ")


def test_a_row_of_an_unknown_account_is_done_by_hand(tmp_path: Path) -> None:
    no_arn = tuple(column for column in COLUMNS_22 if column != "arn")
    report = write(tmp_path / "2026-10-31.csv", csv_of(user("ann", **USED_KEY), columns=no_arn))
    result = audit([report], Settings(as_of=AS_OF))
    assert items(written_files(result, tmp_path)[1]) == []
    action = actions(result, tmp_path)["ann", "access_key_1"]
    assert action.startswith("by hand, because the account is not known: ")


def test_a_user_found_twice_is_done_by_hand(tmp_path: Path) -> None:
    result = audited(tmp_path, user("ann", **USED_KEY), user("Ann"), user("bob", **USED_KEY))
    assert [line.split()[2] for line in items(written_files(result, tmp_path)[1])] == ["bob"]
    action = actions(result, tmp_path)["ann", "access_key_1"]
    assert action.startswith("by hand, because the user occurs more than once in the reports of the account: ")


@pytest.mark.parametrize("every", [False, True])
def test_only_the_newest_report_of_an_account_is_acted_on(tmp_path: Path, every: bool) -> None:
    write(tmp_path / "in" / "2026-10-30.csv", csv_of(user("ann", **USED_KEY), user("bob", **USED_KEY)))
    write(tmp_path / "in" / "2026-10-31.csv", csv_of(user("ann", **USED_KEY)))
    as_of = None if every else datetime(2026, 10, 30, 23, 59, 59, tzinfo=UTC)
    checklist = make_checklist(controls=["unused-credentials"])
    result = audit([str(tmp_path / "in")], Settings(checklist, as_of=as_of, every_snapshot=every))
    lines = items(written_files(result, tmp_path)[1])
    assert [line.split()[2] for line in lines] == (["ann"] if every else [])
    older_actions = [
        row["action"] for row in worksheet(result, tmp_path) if row["captured_at"].startswith("2026-10-30")
    ]
    assert len(older_actions) == 2
    assert all(
        action.startswith("by hand, because a newer report of the account may exist: ") for action in older_actions
    )


@pytest.mark.parametrize("as_of", [None, AS_OF])
def test_failures_of_an_old_report_are_left_to_people(tmp_path: Path, as_of: datetime | None) -> None:
    other_account, created = "444455556666", "2013-01-01T00:00:00Z"
    old_key = key(rotated=created, used="2014-06-01T12:34:00Z")
    rows = [user("ann", account=other_account, user_creation_time=created, **old_key)]
    write(tmp_path / "in" / "2015-03-01.csv", csv_of(*rows))
    write(tmp_path / "in" / "2026-10-31.csv", csv_of(user("bob", **USED_KEY)))
    checklist = make_checklist(controls=["unused-credentials", "access-key-rotation"])
    result = audit([str(tmp_path / "in")], Settings(checklist, as_of=as_of))
    assert [line.split()[2] for line in items(written_files(result, tmp_path)[1])] == ["bob"]
    action = actions(result, tmp_path)["ann", "access_key_1"]
    assert action.startswith("by hand, because the report is old (report of 2015-03-01): If a key was used before")


def test_a_key_to_rotate_in_an_old_report_says_so(tmp_path: Path) -> None:
    old_key = key(rotated="2013-01-01T00:00:00Z", used="2015-03-01T00:00:00Z")
    write(
        tmp_path / "in" / "2015-03-01.csv",
        csv_of(user("ann", account="444455556666", user_creation_time=old_key["access_key_1_last_rotated"], **old_key)),
    )
    write(tmp_path / "in" / "2026-10-31.csv", csv_of(user("bob")))
    result = audit([str(tmp_path / "in")], Settings())
    assert actions(result, tmp_path)["ann", "access_key_1"] == "rotate (report of 2015-03-01)"


# --- the worksheet ---------------------------------------------------------------------------------------------------


def test_a_row_gathers_all_failures_of_one_credential(tmp_path: Path) -> None:
    rows = worksheet(audited(tmp_path, user("bob", mfa_active="true", **USED_KEY), root("099999999999")), tmp_path)
    source = str(tmp_path / "in" / "2026-10-31.csv")
    assert rows[-1] == {
        "account_id": ACCOUNT,
        "user": "bob",
        "arn": f"arn:aws:iam::{ACCOUNT}:user/bob",
        "credential": "access_key_1",
        "controls": "unused-credentials; unused-credentials-console; access-key-rotation",
        "severity": "medium",
        "action": "make inactive",
        "why": (
            "unused-credentials: last used 2024-06-01, 882 days | "
            "unused-credentials-console: created 2024-01-01, 1034 days | "
            "access-key-rotation: created 2024-01-01, 1034 days"
        ),
        "last_changed": OLD,
        "last_used": USED,
        "captured_at": "2026-10-31T23:59:59.999999Z",
        "source": source,
        "line": "2",
    }
    (of_root,) = rows[:-1]
    assert (of_root["account_id"], of_root["credential"], of_root["severity"]) == ("099999999999", "user", "critical")
    assert of_root["controls"] == "root-mfa; root-hardware-mfa; root-credentials-removed"
    assert (of_root["last_changed"], of_root["last_used"], of_root["line"]) == ("", "", "3")


def test_the_gravest_severity_counts(tmp_path: Path) -> None:
    result = audited(
        tmp_path, user("ann", mfa_active="true", **key(rotated=USER_CREATED), **password(changed=USER_CREATED))
    )
    row = worksheet(result, tmp_path)[2]
    assert "no-initial-access-keys" in row["controls"]
    assert set(result.findings.loc[result.findings["credential"] == "access_key_1", "severity"]) == {"low", "medium"}
    assert row["severity"] == "medium"


def test_rows_go_by_account_user_and_credential(tmp_path: Path) -> None:
    rows = [user("Zoe", **NEW_KEY), user("bob", account="444455556666", **NEW_KEY), user("ann", **PASSWORD, **NEW_KEY)]
    result = audited(tmp_path, *rows)
    order = [(row["account_id"], row["user"], row["credential"]) for row in worksheet(result, tmp_path)]
    assert order == [
        (ACCOUNT, "", "user"),  # the account as a whole
        (ACCOUNT, "ann", "password"),
        (ACCOUNT, "ann", "access_key_1"),
        (ACCOUNT, "ann", "user"),
        (ACCOUNT, "Zoe", "access_key_1"),
        (ACCOUNT, "Zoe", "user"),
        ("444455556666", "bob", "access_key_1"),
        ("444455556666", "bob", "user"),
    ]


@pytest.mark.parametrize("name", ["=1+1", "+1", "-rf", "@x", "\tx", "\rx"])
def test_a_spreadsheet_finds_no_formula(tmp_path: Path, name: str) -> None:
    result = audited(tmp_path, user("ann", **NEW_KEY))
    findings = result.findings.assign(user=result.findings["user"].str.replace("ann", name))
    rows = worksheet(result.changed(findings=findings), tmp_path)
    assert {row["user"] for row in rows} == {f"'{name}"}
    assert {row["arn"] for row in rows} == {f"arn:aws:iam::{ACCOUNT}:user/ann"}


def test_lines_end_in_lf_and_commas_are_quoted(tmp_path: Path) -> None:
    data = written_files(audited(tmp_path, user("a,b", **NEW_KEY)), tmp_path)[0].read_bytes()
    assert b"\r" not in data
    assert data.endswith(b"\n")
    assert b'"a,b"' in data


def test_every_failure_is_in_the_worksheet(any_audit: Audit, tmp_path: Path) -> None:
    failing = any_audit.findings[any_audit.findings["status"] == "fail"]
    rows = worksheet(any_audit, tmp_path)
    assert sum(len(row["controls"].split("; ")) for row in rows) == len(failing)
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]
    lines = items(tmp_path / "remediation" / "remediate.sh")
    acted = {"make inactive", "delete (never used)", "remove password (delete login profile)"}
    assert len(lines) == sum(row["action"] in acted for row in rows)


def test_equal_inputs_give_equal_bytes(any_audit: Audit, tmp_path: Path) -> None:
    first, second = (
        [path.read_bytes() for path in written_files(any_audit, folder)] for folder in (tmp_path, tmp_path / "in")
    )
    assert first == second


def test_a_dry_run_checks_never_used_keys_as_well(aws: Aws, tmp_path: Path) -> None:
    aws.has_key("ann", "AKIA1", used="2026-11-01T00:00:00Z")
    ran = aws.run(script_of(tmp_path, user("ann", **NEW_KEY)))
    assert (ran.code, ran.changes) == (1, [])
    assert "used since the report" in ran.out


# --- from the public tables, a piece at a time -----------------------------------------------------------------------


@dataclass
class Pieces:
    """The public tables of an audit, `size` rows at a time; texts are `plain` ones, or in dictionaries."""

    audit: Audit
    size: int
    plain: bool = False

    def batches(self, name: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        yield from self._tables(name).batches(name, columns)

    def rows_at(self, name: str, positions: npt.NDArray[np.int64], columns: Sequence[str] | None = None) -> pa.Table:
        return self._tables(name).rows_at(name, positions, columns)

    def rows(self, name: str) -> int:
        return len(getattr(self.audit, name))

    def _tables(self, name: str) -> TablesInMemory:
        table = to_arrow(getattr(self.audit, name), TABLES[name])
        if self.plain:
            types = [(f.name, pa.string() if pa.types.is_dictionary(f.type) else f.type) for f in table.schema]
            table = table.cast(pa.schema(types))
        return TablesInMemory({name: table}, self.size)


@pytest.mark.parametrize(("rows", "plain"), [(1, False), (7, True), (10**6, False)])
def test_pieces_of_the_tables_give_the_same_bytes(any_audit: Audit, tmp_path: Path, rows: int, plain: bool) -> None:
    if len(any_audit.findings) > 1000:
        rows = max(rows, 100)
    (tmp_path / "pieces").mkdir()
    whole = [path.read_bytes() for path in written_files(any_audit, tmp_path)]
    pieces = remediation.write(any_audit, Pieces(any_audit, rows, plain), tmp_path / "pieces")
    assert [path.relative_to(tmp_path / "pieces") for path in pieces] == [
        Path("remediation/worksheet.csv"),
        Path("remediation/remediate.sh"),
    ]
    assert [path.read_bytes() for path in pieces] == whole


@pytest.mark.parametrize("every", [False, True])
@pytest.mark.parametrize("as_of", [AS_OF, datetime(2026, 8, 1, tzinfo=UTC)])
def test_pieces_show_which_report_is_newest_and_which_user_occurs_twice(
    tmp_path: Path, every: bool, as_of: datetime
) -> None:
    rows = [user("ann", **USED_KEY, **PASSWORD), user("bob", **NEW_KEY), user("eve", **NEW_KEY), user("Eve")]
    for day in ("2026-07-31", "2026-10-31"):
        write(tmp_path / "in" / f"{day}.csv", csv_of(root(), *rows))
    write(tmp_path / "in" / "2026-07-31-b.csv", csv_of(user("ann", account="444455556666", **USED_KEY)))
    result = audit([str(tmp_path / "in")], Settings(as_of=as_of, every_snapshot=every))
    (tmp_path / "pieces").mkdir()
    whole = [path.read_bytes() for path in written_files(result, tmp_path)]
    pieces = [path.read_bytes() for path in remediation.write(result, Pieces(result, 2), tmp_path / "pieces")]
    assert pieces == whole
    # Her last row; with every snapshot, it is the row of the newest one.
    action = actions(result, tmp_path)["eve", "access_key_1"]
    why = "the user occurs more than once" if every or as_of == AS_OF else "a newer report of the account may exist"
    assert action.startswith(f"by hand, because {why}")


def test_the_newest_report_counts_whether_it_was_judged_or_not(tmp_path: Path) -> None:
    days = [datetime(2026, month, 1, tzinfo=UTC) for month in (3, 9, 6)]
    for day in days:
        write(tmp_path / f"{day:%Y-%m-%dT%H:%M:%SZ}.csv", csv_of(user("ann")))
    write(tmp_path / "undated.csv", csv_of(user("bob", account="444455556666")))
    result = audit([str(tmp_path)], Settings(as_of=datetime(2026, 4, 1, tzinfo=UTC)))
    assert newest_capture(result) == {ACCOUNT: days[1], "444455556666": None}


def test_an_account_whose_newest_report_is_not_known_is_left_to_people(tmp_path: Path) -> None:
    result = audited(tmp_path, user("ann", **USED_KEY))
    assert len(items(written_files(result, tmp_path)[1])) == 1
    unknown = result.inputs["accounts"].map(lambda parts: [{**part, "account_id": None} for part in parts])
    script = written_files(replace(result, inputs=result.inputs.assign(accounts=unknown)), tmp_path)[1]
    assert items(script) == []


def test_the_head_of_the_script_is_a_shell_script_of_its_own() -> None:
    head = files(remediation).joinpath("remediate_head.sh")
    checker = shutil.which("shellcheck")
    if checker is None:
        pytest.skip("needs shellcheck")
    completed = subprocess.run(
        [checker, "--norc", "--shell=sh", "--enable=quote-safe-variables", "-"],
        input=head.read_text(encoding="utf-8"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (completed.returncode, completed.stdout, completed.stderr) == (0, "", "")


def test_failures_of_the_account_and_of_a_row_without_a_name_are_listed_apart(tmp_path: Path) -> None:
    never = password(changed="2020-01-01T00:00:00Z") | {"password_next_rotation": "N/A"}
    nameless = user("", **never) | {"arn": f"arn:aws:iam::{ACCOUNT}:user/"}
    path = write(tmp_path / f"{ACCOUNT}.csv", csv_of(root(), user("auditor", **never), nameless))
    settings = Settings(make_checklist(controls=["password-expiry", "mfa-every-user"]), as_of=AS_OF)
    pipeline.audit([path], settings, str(tmp_path / "out"), formats=["remediation"])
    rows = list(csv.DictReader((tmp_path / "out/remediation/worksheet.csv").read_text().splitlines()))
    assert len(rows) == 3


# --- one password, one action -----------------------------------------------------------------------------------------

_EXPIRY_PAST = {"password_next_rotation": "2021-01-01T00:00:00Z"}


def test_what_the_removal_of_a_password_solves_is_not_asked_for_again(tmp_path: Path) -> None:
    rows = [
        user("ann", **PASSWORD | _EXPIRY_PAST),
        user("bob", **PASSWORD, **key(rotated=OLD), **key(2, rotated=OLD)),
        user("eve", **password(changed=OLD, used="2026-10-30T00:00:00Z")),
    ]
    controls = ["unused-credentials", "password-rotation", "expired-password-in-use", "console-mfa"]
    result = audited(tmp_path, *rows, controls=[*controls, "single-active-access-key"])
    to_do, solved = actions(result, tmp_path), "solved by removing the password (see the row of the password)"
    assert to_do["ann", "password"] == "remove password (delete login profile)"
    assert to_do["ann", "user"] == solved
    assert to_do["bob", "user"] == (
        f"by hand: Make the key that is not in use inactive; if nothing breaks, delete it. MFA: {solved}."
    )
    assert to_do["eve", "user"].startswith("by hand: Ask the user to register an MFA device."), "eve keeps her password"
    assert "change the password" in to_do["eve", "password"]


def test_a_password_that_a_person_removes_needs_no_change_and_no_mfa(tmp_path: Path) -> None:
    of_another = {"arn": f"arn:aws:iam::{ACCOUNT}:user/eve"}
    controls = ["unused-credentials", "password-rotation", "console-mfa"]
    to_do = actions(audited(tmp_path, user("ann", **PASSWORD) | of_another, controls=controls), tmp_path)
    assert to_do["ann", "password"] == (
        "by hand, because the ARN belongs to another user: Remove a console password by deleting the login profile: "
        "AWS cannot disable a password."
    )
    assert to_do["ann", "user"] == "solved by removing the password (see the row of the password)"


def test_an_expired_password_gets_the_remedy_of_its_expiry(tmp_path: Path) -> None:
    in_use = password(changed=OLD, used="2026-10-30T00:00:00Z") | _EXPIRY_PAST
    controls = ["unused-credentials", "password-rotation", "expired-password-in-use"]
    (action,) = actions(audited(tmp_path, user("ann", **in_use), controls=controls), tmp_path).values()
    assert action.startswith("by hand: Remove the password (delete the login profile), or ask the user to sign in")
    assert "Set an expiry" not in action


def test_a_password_that_a_waiver_keeps_needs_mfa(tmp_path: Path) -> None:
    waiver = Waiver("w", 1, "x", "y", date(2027, 1, 31), user="ann", control="unused-credentials")
    result = audited(tmp_path, user("ann", **PASSWORD), waivers=(waiver,))
    to_do = actions(result, tmp_path)
    assert to_do["ann", "password"].startswith("by hand, because waiver w covers it in part: ")
    assert "Ask the user to register an MFA device" in to_do["ann", "user"]
