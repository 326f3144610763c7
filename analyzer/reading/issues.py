"""Data issues: the kinds of issue, and a log that collects issues while reading."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from analyzer.errors import first_few_lines


class Level(IntEnum):
    """How serious a data issue is."""

    NOTICE = 1
    """No data is lost; the reader should know."""
    REPAIRED = 2
    """Read after a repair that was possible in only one way."""
    UNREADABLE = 3
    """A cell, or a fact about a report, that is not reliable; the row is kept."""
    REJECTED = 4
    """A row or file that was not read (exit code 3)."""


@dataclass(frozen=True)
class Code:
    """A kind of data issue: its level, and its title; `plural` is the title of several, if it differs.

    `advice` is the end of the message of each issue of this kind. What comes before it is the message in short.
    """

    level: Level
    title: str
    plural: str = ""
    advice: str = ""

    def of(self, count: int) -> str:
        """Return the title of `count` issues."""
        return self.plural if count != 1 and self.plural else self.title

    def in_short(self, message: str) -> str:
        """Return the message of an issue in short; empty if it has no short form, or was replaced."""
        return message.removesuffix(self.advice) if self.advice and message.endswith(self.advice) else ""


CODES: Final = {
    "not_a_report": Code(
        Level.NOTICE, "file passed over: not a credential report", "files passed over: not credential reports"
    ),
    "password_expiries": Code(
        Level.NOTICE,
        "passwords of an account expire after different numbers of days",
        "passwords of accounts expire after different numbers of days",
    ),
    "root_alone": Code(Level.NOTICE, "report of an account without IAM users", "reports of accounts without IAM users"),
    "not_followed": Code(
        Level.NOTICE,
        "hidden file, link or special file passed over",
        "hidden files, links or special files passed over",
    ),
    "duplicate_input": Code(
        Level.NOTICE, "report given more than once, counted once", "reports given more than once, counted once"
    ),
    "padding": Code(
        Level.NOTICE, "NUL bytes at the end of a file, left out", "NUL bytes at the end of files, left out"
    ),
    "unknown_column": Code(Level.NOTICE, "unknown column left out", "unknown columns left out"),
    # Only in evidence sets of version 0.1.0. Later versions count these reports with the scope of the run.
    "other_snapshot": Code(
        Level.NOTICE,
        "older or newer snapshot of an account, not judged",
        "older or newer snapshots of accounts, not judged",
    ),
    "no_trend": Code(
        Level.NOTICE, "snapshot not compared with the one before it", "snapshots not compared with the ones before them"
    ),
    "older_report": Code(
        Level.UNREADABLE,
        "report more than a day older than the reference date",
        "reports more than a day older than the reference date",
        " the reference date: what was used, changed or removed since then is not in the report; get a report of that "
        "day",
    ),
    "undated_evidence_older": Code(
        Level.UNREADABLE,
        "report without a capture time, whose newest time is a week or more old",
        "reports without a capture time, whose newest times are a week or more old",
    ),
    "undated_evidence_newer": Code(
        Level.UNREADABLE,
        "report without a capture time, with times after the reference date",
        "reports without a capture time, with times after the reference date",
    ),
    "waiver_expired": Code(Level.NOTICE, "waiver that has expired", "waivers that have expired"),
    "waiver_unmatched": Code(Level.NOTICE, "waiver that matches nothing", "waivers that match nothing"),
    "waiver_expiring": Code(Level.NOTICE, "waiver that expires within 30 days", "waivers that expire within 30 days"),
    "unowned_snapshot": Code(
        Level.REJECTED, "snapshot of an unknown account, not stored", "snapshots of unknown accounts, not stored"
    ),
    "damaged_part": Code(Level.REJECTED, "damaged part of a store", "damaged parts of a store"),
    "undated_snapshot": Code(
        Level.REJECTED, "snapshot without a capture time, left out", "snapshots without a capture time, left out"
    ),
    "older_side": Code(
        Level.UNREADABLE,
        "newer snapshot not later than the older one, not compared",
        "newer snapshots not later than the older ones, not compared",
    ),
    "went_backwards": Code(
        Level.UNREADABLE, "time earlier than in an older snapshot", "times earlier than in an older snapshot"
    ),
    "missed_before": Code(Level.UNREADABLE, "created before the older snapshot, but missing from it"),
    "own_output": Code(Level.NOTICE, "output of credreport passed over", "outputs of credreport passed over"),
    "line_left_out": Code(
        Level.REPAIRED,
        "line that does not belong to the report, left out",
        "lines that do not belong to the report, left out",
    ),
    "form_straightened": Code(
        Level.REPAIRED,
        "report with changed lines, repaired in the only way that fits",
        "reports with changed lines, repaired in the only way that fits",
    ),
    "lossy_form": Code(
        Level.UNREADABLE,
        "report from another program, which lost some of the data",
        "reports from other programs, which lost some of the data",
    ),
    "filtered_form": Code(
        Level.UNREADABLE,
        "report from another program, which may contain only some of the users",
        "reports from other programs, which may contain only some of the users",
    ),
    "unopened_archive": Code(Level.REJECTED, "archive not read", "archives not read"),
    "split_report": Code(Level.REPAIRED, "several reports in one file, read separately"),
    "split_row": Code(Level.REPAIRED, "rows of several reports on one line, split apart"),
    "repaired_row": Code(
        Level.REPAIRED, "row with the wrong number of cells, repaired", "rows with the wrong number of cells, repaired"
    ),
    "mended_name": Code(
        Level.REPAIRED,
        "user name changed by another program, repaired",
        "user names changed by another program, repaired",
    ),
    "bad_encoding": Code(Level.UNREADABLE, "characters that are not UTF-8"),
    "bad_timestamp": Code(Level.UNREADABLE, "unreadable time", "unreadable times"),
    "bad_boolean": Code(Level.UNREADABLE, "unreadable true/false", "unreadable true/false values"),
    "bad_arn": Code(Level.UNREADABLE, "unreadable ARN", "unreadable ARNs"),
    "arn_mismatch": Code(Level.UNREADABLE, "ARN that belongs to another user", "ARNs that belong to other users"),
    "missing_user": Code(Level.UNREADABLE, "row without a user name", "rows without a user name"),
    "missing_column": Code(Level.UNREADABLE, "column missing from a report", "columns missing from reports"),
    "duplicate_column": Code(Level.UNREADABLE, "column that appears twice", "columns that appear twice"),
    "bad_account": Code(Level.UNREADABLE, "unreadable account number", "unreadable account numbers"),
    "account_mismatch": Code(
        Level.UNREADABLE, "account number that differs from the ARN", "account numbers that differ from the ARN"
    ),
    "account_unknown": Code(Level.UNREADABLE, "unknown account", "unknown accounts"),
    "duplicate_user": Code(Level.UNREADABLE, "user listed twice in one snapshot", "users listed twice in one snapshot"),
    "impossible_order": Code(Level.UNREADABLE, "times of a row in an impossible order"),
    "captured_before_content": Code(
        Level.UNREADABLE, "report with times after its capture time", "reports with times after their capture time"
    ),
    "suspicious_length": Code(
        Level.UNREADABLE,
        "report with a length at which programs cut texts",
        "reports with a length at which programs cut texts",
    ),
    "undated_report": Code(
        Level.UNREADABLE,
        "report without a capture time, judged together with dated reports",
        "reports without a capture time, judged together with dated reports",
    ),
    "undated_beside_dated": Code(
        Level.REJECTED,
        "report without a capture time, not judged: there are dated reports",
        "reports without a capture time, not judged: there are dated reports",
    ),
    "order_unknown": Code(Level.REJECTED, "reports of one account in unknown order, not checked"),
    "account_contradicts_name": Code(
        Level.REJECTED,
        "report of another account than in its name; the named account has no report",
        "reports of other accounts than in their names; the named accounts have no report",
    ),
    "account_named_otherwise": Code(
        Level.UNREADABLE, "report of another account than in its name", "reports of other accounts than in their names"
    ),
    "blank_cells": Code(
        Level.UNREADABLE,
        "report with blank cells where AWS writes N/A",
        "reports with blank cells where AWS writes N/A",
    ),
    "only_newer_snapshot": Code(
        Level.UNREADABLE,
        "no snapshot at or before the reference date",
        "accounts without a snapshot at or before the reference date",
    ),
    "account_without_report": Code(
        Level.REJECTED, "expected account without a judged report", "expected accounts without a judged report"
    ),
    "account_report_old": Code(
        Level.UNREADABLE, "expected account whose report is too old", "expected accounts whose reports are too old"
    ),
    "account_received_twice": Code(
        Level.NOTICE,
        "expected account whose judged snapshot has several reports",
        "expected accounts whose judged snapshots have several reports",
    ),
    "account_unlisted": Code(
        Level.NOTICE, "account that is not in the list of accounts", "accounts that are not in the list of accounts"
    ),
    "leavers_unclear": Code(Level.NOTICE, "list of leavers: rows or users without a clear match"),
    "leavers_without_user": Code(Level.NOTICE, "list of leavers: rows that match no user"),
    "people_unclear": Code(Level.NOTICE, "list of people: rows or users without a clear match"),
    "people_without_user": Code(Level.NOTICE, "list of people: rows that match no user"),
    "users_not_in_people": Code(Level.NOTICE, "users who are not in the list of people"),
    "cut_report": Code(
        Level.REJECTED, "report that ends in the middle of a row", "reports that end in the middle of a row"
    ),
    "no_rows": Code(Level.REJECTED, "report without rows", "reports without rows"),
    "rejected_row": Code(Level.REJECTED, "row not read", "rows not read"),
    "unreadable_file": Code(Level.REJECTED, "file not read", "files not read"),
    "over_limit": Code(Level.REJECTED, "file over a size limit, not read", "files over a size limit, not read"),
}


PROVE_NO_ABSENCE: Final = frozenset({"cut_report", "filtered_form", "rejected_row", "suspicious_length"})
"""Codes of reports that may contain only some of the users: a user who is missing there may still exist."""

Row = tuple[str, int | None, str | None, str | None, str, str]
"""An issue: source, line, column, value, code, message."""


@dataclass
class IssueLog:
    """The issues noted so far, as rows; `evidence.schema.issues_table` makes the table `issues` from them."""

    rows: list[Row] = field(default_factory=list)

    def add(  # noqa: PLR0913 - the columns of the table
        self,
        code: str,
        message: str,
        *,
        source: str,
        line: int | None = None,
        column: str | None = None,
        value: str | None = None,
    ) -> None:
        """Add an issue; `message` describes what is wrong and what to do. Raises KeyError for an unknown code.

        If the code has an advice, `message` is the short form, and the advice is added to it.
        """
        self.rows.append((source, line, column, value, code, f"{message}{CODES[code].advice}"))

    def first_few(self, code: str | None = None, *, most: int = 5) -> str:
        """Return the first issues (of one code, if given), each on its own line, as the end of an error message."""
        lines = [f"{source}: {message}" for source, *_, row_code, message in self.rows if code in {None, row_code}]
        return first_few_lines(lines, most=most)
