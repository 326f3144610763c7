"""What to do about the failing credentials: `worksheet.csv` for people, `remediate.sh` with guarded admin commands.

The worksheet has a row for everything that fails and is not waived. The script has a line for those access keys and
passwords that may go because nobody uses them. A report may be out of date and has no key ids, so the script asks AWS
again before each command and leaves alone whatever is no longer as the report says (`_HEAD`).
"""

from __future__ import annotations

import csv
import re
import shlex
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.controls.control import Severity
from analyzer.controls.vocabulary import Status, counted
from analyzer.evidence.plain import iso
from analyzer.evidence.summary import reference
from analyzer.reading.columns import arrow_of, microseconds
from analyzer.reading.layout import SLOTS, Kind, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    import numpy.typing as npt

    from analyzer.evidence.result import Audit

    Fact = dict[str, Any]

_KINDS: Final = {slot.name: slot.kind for slot in SLOTS}
_ORDER: Final = [*_KINDS, "user"]
_SEVERITIES: Final = list(Severity)
_NEVER: Final = (State.NOT_APPLICABLE, State.NO_INFORMATION)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""First characters by which a spreadsheet takes a cell for a formula (OWASP, "CSV Injection")."""
_USER_NAME: Final = re.compile(r"[A-Za-z0-9_+=,.@-]{1,128}")
"""What IAM allows. The script prints commands with names in them as they are: none of these needs quoting."""
_FACTS: Final = (
    *("control", "account_id", "user", "arn", "credential", "reason", "message", "captured_at", "source", "line"),
    *("severity", "waiver", "chosen"),
)
_PLACE: Final = ["source", "line", "credential"]
_ACTIONS: Final = {
    "make_inactive": ("make inactive", "key", "to make inactive"),
    "delete_never_used": ("delete (never used)", "never-used key", "to delete"),
    "remove_password": ("remove password (delete login profile)", "password", "to remove"),
}
"""The script's functions: what each does, in the words of the worksheet, and as the script counts them."""


def write(audit: Audit, folder: Path) -> list[Path]:
    """Write the worksheet and the script into `folder`/remediation and return their paths."""
    folder = folder / "remediation"
    folder.mkdir(exist_ok=True)
    tasks = list(_tasks(audit))
    worksheet, script = folder / "worksheet.csv", folder / "remediate.sh"
    with worksheet.open("w", encoding="utf-8", newline="") as file:
        # Each cell in quotes: else a carriage return in one would end its line.
        rows = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        rows.writerow(_COLUMNS)
        rows.writerows([_guarded(cell) for cell in _cells(task)] for task in tasks)
    script.write_text(_script(audit, [task for task in tasks if task.call]), encoding="utf-8", newline="\n")
    return [worksheet, script]


# --- what is to be done ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Task:
    """What is to be done about one credential, or about a user as such."""

    findings: list[Fact]
    """Why: its failures that no waiver covers, in the order of the checklist."""
    action: str
    call: tuple[str, ...] = ()
    """The line of the script, if it has one: a function and its arguments."""

    @property
    def facts(self) -> Fact:
        """What is the same in each of its findings."""
        return self.findings[0]


def _tasks(audit: Audit) -> Iterator[_Task]:
    """Yield what is to be done, by account (unknown ones last), user and credential."""

    def subject(fact: Fact) -> tuple[Any, ...]:
        account, user = fact["account_id"], fact["user"] or ""
        return (
            (account is None, account or "", user.lower(), user, _ORDER.index(fact["credential"])),
            (fact["source"], fact["line"]),
        )

    facts = sorted(_failures(audit), key=lambda fact: (subject(fact), fact["chosen"]))
    for _, group in groupby(facts, key=subject):
        findings = list(group)
        open_ones = [fact for fact in findings if fact["waiver"] is None]
        if open_ones:
            yield _task(audit, open_ones, [fact for fact in findings if fact["waiver"] is not None])


def _failures(audit: Audit) -> list[Fact]:
    """Return all failures, each with what the report says of its credential."""
    findings, credentials = audit.findings, audit.credentials
    older, twice = _doubtful(audit.users)
    row = credentials["user_row"].to_numpy()
    slots = credentials[[*_PLACE, "last_changed", "last_used", "last_used_state", "user_creation_time"]].assign(
        older=older[row], twice=twice[row]
    )
    failing = (findings["status"] == Status.FAIL).to_numpy()
    failures = findings.loc[failing, list(_FACTS)].merge(slots, how="left", on=_PLACE, validate="many_to_one")
    table = pa.Table.from_pandas(failures, preserve_index=False)
    # Without dictionaries: Arrow would look up each cell by itself.
    plain = pa.schema([(field.name, getattr(field.type, "value_type", field.type)) for field in table.schema])
    facts: list[Fact] = table.cast(plain).to_pylist()
    return facts


def _doubtful(users: pd.DataFrame) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return which rows are not of the newest report of their account, and which users stand there more than once."""
    captured = microseconds(users["captured_at"])  # unknown is earlier than all
    account = users["account_id"].cat.codes.to_numpy()
    older = captured < pd.Series(captured).groupby(account).transform("max").to_numpy()
    name = pc.utf8_lower(arrow_of(users["user"])).combine_chunks().dictionary_encode().indices
    keys = pd.DataFrame({"older": older, "account": account, "name": pc.fill_null(name, -1).to_numpy()})
    return older, keys.duplicated(keep=False).to_numpy()


def _task(audit: Audit, findings: list[Fact], waived: list[Fact]) -> _Task:
    """Return what is to be done about the subject of some failures, and of some that are waived."""
    failed = [audit.checklist.checks[fact["chosen"]] for fact in findings]
    remedies = " ".join(dict.fromkeys(one.say(one.control.remediation) for one in failed))
    if not any(_is_unused(fact) for fact in findings):
        # What is in use, or may be, goes by hand: no check tells who would miss it.
        is_old = any(one.control.id == "access-key-rotation" for one in failed)
        return _Task(findings, "rotate" if is_old else f"by hand: {remedies}")
    # Two controls may ask whether it is unused: a waiver from one of them says that it is meant to stay.
    kept = next((f"waiver {fact['waiver']} covers it in part" for fact in waived if _is_unused(fact)), None)
    if obstacle := kept or _obstacle(findings[0]):
        return _Task(findings, f"by hand, since {obstacle}: {remedies}")
    call = _call(findings[0])
    return _Task(findings, _ACTIONS[call[0]][0], call)


def _is_unused(fact: Fact) -> bool:
    """Whether a failure says that nobody uses it; the console's procedure fails keys in use and new ones as well."""
    return fact["control"] in {"unused-credentials", "no-initial-access-keys"} or (
        fact["control"] == "unused-credentials-console" and _kind(fact) is Kind.PASSWORD
    )


def _kind(fact: Fact) -> Kind | None:
    return _KINDS.get(fact["credential"])


def _obstacle(fact: Fact) -> str | None:
    """Return why the script cannot be sure to act on the right credential, if so."""
    user, arn, is_password = fact["user"] or "", fact["arn"], _kind(fact) is Kind.PASSWORD
    obstacles = {
        "the account is not known": fact["account_id"] is None,
        "IAM allows no such user name": not _USER_NAME.fullmatch(user),
        "the ARN is of another user": arn is not None and not arn.endswith(f"/{user}"),
        "this is not known to be the newest report of the account": fact["older"],
        "the user stands more than once in the reports of the account": fact["twice"],
        "the report does not say when the user was created": is_password and fact["user_creation_time"] is None,
        f"the report does not say when it was {'set' if is_password else 'created'}": fact["last_changed"] is None,
        "the report does not say whether it was ever used": fact["last_used"] is None
        and fact["last_used_state"] not in _NEVER,
    }
    return next((obstacle for obstacle, is_so in obstacles.items() if is_so), None)


def _call(fact: Fact) -> tuple[str, ...]:
    """Return the script's line for an unused credential."""
    who, changed, used = (fact["account_id"], fact["user"]), _second(fact["last_changed"]), fact["last_used"]
    if _kind(fact) is Kind.PASSWORD:
        created = _second(fact["user_creation_time"])
        return ("remove_password", *who, created, changed, _second(used) if used else "never")
    if used:
        return ("make_inactive", *who, fact["credential"], changed, _second(used))
    return ("delete_never_used", *who, fact["credential"], changed)


def _second(instant: datetime) -> str:
    return str(iso(instant.replace(microsecond=0)))


# --- the worksheet ---------------------------------------------------------------------------------------------------

_COLUMNS: Final = (
    *("account_id", "user", "arn", "credential", "controls", "severity", "action", "why"),
    *("last_changed", "last_used", "captured_at", "source", "line"),
)


def _cells(task: _Task) -> list[str]:
    facts, findings = task.facts, task.findings
    return [
        *(facts[column] or "" for column in ("account_id", "user", "arn", "credential")),
        _joined("; ", [fact["control"] for fact in findings]),
        min((fact["severity"] for fact in findings), key=_SEVERITIES.index),
        task.action,
        " | ".join(f"{fact['control']}: {fact['message']}" for fact in findings),
        *(iso(facts[column]) or "" for column in ("last_changed", "last_used", "captured_at")),
        facts["source"],
        str(facts["line"]),
    ]


def _joined(between: str, texts: Sequence[str]) -> str:
    return between.join(dict.fromkeys(texts))


def _guarded(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


# --- the script ------------------------------------------------------------------------------------------------------


def _script(audit: Audit, tasks: Sequence[_Task]) -> str:
    lines = [_HEAD, f"# {reference(audit)}. {counted(len(tasks), 'item')}."]
    for account, group in groupby(tasks, key=lambda task: task.facts["account_id"]):
        items = list(group)
        lines += ["", "", f"# ==== Account {account}: {_counts(items)} ===="]
        for task in items:
            lines += ["", *(f"# {_printable(text)}" for text in _comments(task)), shlex.join(task.call)]
    return "\n".join([*lines, "", "", "finish", ""])


def _counts(tasks: Sequence[_Task]) -> str:
    counts = Counter(task.call[0] for task in tasks)
    return ", ".join(
        f"{counted(counts[name], noun)} {what}" for name, (_, noun, what) in _ACTIONS.items() if counts[name]
    )


def _comments(task: _Task) -> Iterator[str]:
    """Yield whose it is and where that stands, and each reason with the controls that give it."""
    facts = task.facts
    yield f"{facts['arn'] or facts['user']} ({facts['source']}:{facts['line']})"
    why = [fact for fact in task.findings if _is_unused(fact)]
    for message in dict.fromkeys(fact["message"] for fact in why):
        yield f"{message} ({_joined(', ', [fact['control'] for fact in why if fact['message'] == message])})"


def _printable(text: str) -> str:
    """Return a text for a comment: nothing in it ends the line, or shows it otherwise than it is."""
    return text if text.isprintable() else "".join(sign if sign.isprintable() else "?" for sign in text)


_HEAD: Final = r"""#!/bin/sh
# Admin commands for access keys and passwords that nobody uses, made by credreport from IAM
# credential reports. Review the items at the end, remove the lines of what must stay, then run:
#
#   sh remediate.sh                               check everything, change nothing
#   sh remediate.sh --apply                       make used keys inactive, remove passwords
#   sh remediate.sh --apply --delete-never-used   delete never-used keys as well
#
# It works on the account whose credentials `aws` uses; items of other accounts are skipped.
#
# A report may be out of date and has no key ids. So each item asks AWS first, and prints STOP and
# changes nothing unless
# - exactly one active key of the user was created at the instant that the report tells; or, for
#   a password, the user was created then, and the password not after the report says it was set;
# - AWS knows of the same last use as the report (to the minute), or of none where it tells none.
# An answer that fails or cannot be read is a STOP too. What AWS cannot tell: a use of the last
# minutes (it records the first one in 5 minutes for passwords, in 15 for keys), a use between
# check and command, and that a password was changed since the report.
#
# To undo: aws iam update-access-key ... --status Active. What is deleted is gone: a user gets a
# new password by aws iam create-login-profile.

set -eu
export AWS_PAGER=''

usage() {
    cat <<'EOF'
Usage: sh remediate.sh [--apply] [--delete-never-used]
Checks the items of the account whose credentials `aws` uses, and prints what it would run.
  --apply              run it
  --delete-never-used  also delete access keys that were never used, else they are left alone
  --help               show this
Exit code: 0 nothing stopped, 1 some items did (see STOP), 2 wrong use, or no access to AWS.
EOF
}

say() { printf '%s\n' "$*"; }

give_up() {
    say "remediate.sh: $*" >&2
    exit 2
}

apply=no delete=no
for option; do
    case $option in
        --apply) apply=yes ;;
        --delete-never-used) delete=yes ;;
        --help) usage; exit 0 ;;
        *) usage >&2; give_up "unknown option: $option" ;;
    esac
done

for tool in aws awk; do
    command -v "$tool" >/dev/null || give_up "needs the command $tool"
done
account=$(aws sts get-caller-identity --query Account --output text </dev/null) ||
    give_up "aws does not say of which account its credentials are"
case $account in
    '' | *[!0-9]*) give_up "aws names no account: '$account'" ;;
esac

ran=0 would=0 left=0 stopped=0 skipped=0
tab=$(printf '\t')
mode="dry run, nothing is changed"
[ "$apply" = no ] || mode="changes will be made"
say "Account $account: $mode"

iam() { aws iam "$@" </dev/null; }

# stop WHY: say so, and fail.
stop() {
    say "STOP $item: $*"
    return 1
}

# run ARGUMENTS of aws iam: the change itself, or in a dry run its words.
run() {
    if [ "$apply" = no ]; then
        say "would run: aws iam $*"
        would=$((would + 1))
    elif iam "$@"; then
        say "done: aws iam $*"
        ran=$((ran + 1))
    else
        stop "failed, and may or may not have had an effect: aws iam $*"
    fi
}

# epoch INSTANT: print ISO 8601 as seconds since 1970, without fractions; fail where it is none.
epoch() {
    printf '%s\n' "$1" | awk '
        BEGIN {
            n = "[0-9][0-9]"
            instant = "^" n n "-" n "-" n "T" n ":" n ":" n "([.][0-9]+)?(Z|[+-]" n ":?" n ")$"
        }
        $0 ~ instant {
            y = substr($0, 1, 4); m = substr($0, 6, 2) - 3; d = substr($0, 9, 2)
            if (m < 0) { m += 12; y-- }  # years from March on: the leap day is the last one
            days = 365 * y + int(y / 4) - int(y / 100) + int(y / 400) + int((153 * m + 2) / 5) + d - 719469
            seconds = days * 86400 + substr($0, 12, 2) * 3600 + substr($0, 15, 2) * 60 + substr($0, 18, 2)
            if (!/Z$/) {
                zone = substr($0, length($0) - 5)
                sub(/:/, "", zone)
                zone = substr(zone, length(zone) - 4)
                offset = substr(zone, 2, 2) * 3600 + substr(zone, 4, 2) * 60
                seconds -= zone ~ /^-/ ? -offset : offset
            }
            ok = 1
        }
        END { if (!ok || NR != 1) exit 1; printf "%.0f\n", seconds }'
}

# same_use REPORTED NOW: whether AWS knows of the same last use as the report (`never`: of none).
same_use() {
    case $1,$2 in
        never,None | never,N/A) return 0 ;;
        *,None | *,N/A) stop "AWS knows of no use, the report of one at $1" || return ;;
    esac
    now=$(epoch "$2") || stop "not a time of last use: '$2'" || return
    [ "$1" != never ] || stop "used since the report: $2" || return
    was=$(epoch "$1") || stop "not a time: '$1'" || return
    was=$((was - was % 60))
    [ "$now" -le $((was + 60)) ] || stop "used since the report: $2, not $1" || return
    [ "$now" -ge "$was" ] || stop "AWS knows of an earlier last use than the report: $2, not $1"
}

# find_key USER CREATED LAST_USED: set `id` to the one active key of which both hold.
find_key() {
    keys=$(iam list-access-keys --user-name="$1" --output text \
        --query "AccessKeyMetadata[?Status=='Active'].[AccessKeyId,CreateDate]") ||
        stop "aws iam list-access-keys failed" || return
    wanted=$(epoch "$2") || stop "not a time: '$2'" || return
    matches=0
    while read -r found made more; do
        [ -n "$found" ] || continue # no active key gives one empty line
        case $found$more in
            *[!A-Za-z0-9_]*) stop "not a list of keys: '$keys'" || return ;;
        esac
        at=$(epoch "$made") || stop "not a list of keys: '$keys'" || return
        if [ "$at" -eq "$wanted" ]; then
            matches=$((matches + 1)) id=$found
        fi
    done <<EOF
$keys
EOF
    [ "$matches" -eq 1 ] || stop "$matches active keys were created at $2, not one" || return
    last=$(iam get-access-key-last-used --access-key-id "$id" --output text \
        --query AccessKeyLastUsed.LastUsedDate) ||
        stop "aws iam get-access-key-last-used failed" || return
    same_use "$3" "$last"
}

# find_password USER CREATED CHANGED LAST_USED: whether the user has the password that is meant.
find_password() {
    user=$(iam get-user --user-name="$1" --output text \
        --query 'User.[CreateDate,PasswordLastUsed]') || stop "aws iam get-user failed" || return
    case $user in
        *"$tab"*) ;;
        *) stop "not a user: '$user'" || return ;;
    esac
    at=$(epoch "${user%%"$tab"*}") || stop "not a user: '$user'" || return
    wanted=$(epoch "$2") || stop "not a time: '$2'" || return
    [ "$at" -eq "$wanted" ] || stop "another user of that name, created ${user%%"$tab"*}" || return
    same_use "$4" "${user#*"$tab"}" || return
    made=$(iam get-login-profile --user-name="$1" --output text --query LoginProfile.CreateDate) ||
        stop "no password, or aws iam get-login-profile failed" || return
    at=$(epoch "$made") || stop "not a login profile: '$made'" || return
    changed=$(epoch "$3") || stop "not a time: '$3'" || return
    [ "$at" -le $((changed + 60)) ] || stop "a new password since the report, of $made"
}

# begin ACCOUNT USER CREDENTIAL: start an item; fail where it is of another account.
begin() {
    item="$1 $2 $3"
    [ "$1" != "$account" ] || return 0
    skipped=$((skipped + 1))
    return 1
}

# make_inactive ACCOUNT USER CREDENTIAL CREATED LAST_USED
make_inactive() {
    begin "$1" "$2" "$3" || return 0
    if ! find_key "$2" "$4" "$5" ||
        ! run update-access-key --user-name="$2" --access-key-id "$id" --status Inactive; then
        stopped=$((stopped + 1))
    fi
}

# delete_never_used ACCOUNT USER CREDENTIAL CREATED
delete_never_used() {
    begin "$1" "$2" "$3" || return 0
    if ! find_key "$2" "$4" never; then
        stopped=$((stopped + 1))
    elif [ "$delete" = no ]; then
        say "left alone: $item ($id), never used; --delete-never-used deletes it"
        left=$((left + 1))
    elif ! run delete-access-key --user-name="$2" --access-key-id "$id"; then
        stopped=$((stopped + 1))
    fi
}

# remove_password ACCOUNT USER CREATED(user) CHANGED(password) LAST_USED
remove_password() {
    begin "$1" "$2" password || return 0
    if ! find_password "$2" "$3" "$4" "$5" ||
        ! run delete-login-profile --user-name="$2"; then
        stopped=$((stopped + 1))
    fi
}

finish() {
    say "Account $account: $ran done, $would to do, $left left alone, $stopped stopped;" \
        "$skipped of other accounts skipped"
    if [ $((ran + would + left + stopped)) -eq 0 ] && [ "$skipped" -gt 0 ]; then
        say "STOP: no item is of account $account; use credentials of an account named below"
        exit 1
    fi
    [ "$stopped" -eq 0 ] || exit 1
}

# ======== Items ========
# make_inactive      account user key created last-used
# delete_never_used  account user key created
# remove_password    account user user-created password-set last-used"""
