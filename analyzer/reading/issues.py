"""Data issues: everything that was passed over, repaired, unreadable or rejected while reading, as rows of a table."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from analyzer.errors import first_few_lines


class Level(IntEnum):
    """How much an issue takes from the evidence."""

    NOTICE = 1
    """Nothing is lost; the reader should know."""
    REPAIRED = 2
    """Read after a repair that could be done in one way only."""
    UNREADABLE = 3
    """A cell, or a fact about a report, that cannot be relied on; its row is kept."""
    REJECTED = 4
    """A row or file that was not read (exit code 3)."""


@dataclass(frozen=True)
class Code:
    """One kind of issue: its level and its name in a grouped line (`n x title`)."""

    level: Level
    title: str


CODES: Final = {
    "not_a_report": Code(Level.NOTICE, "file passed over: no credential report"),
    "password_expiries": Code(Level.NOTICE, "passwords of an account expire after different spans"),
    "root_alone": Code(Level.NOTICE, "report of an account without IAM users"),
    "not_followed": Code(Level.NOTICE, "hidden file, link or special file passed over"),
    "duplicate_input": Code(Level.NOTICE, "report given more than once, counted once"),
    "padding": Code(Level.NOTICE, "NULs at the end of a file, left out"),
    "unknown_column": Code(Level.NOTICE, "unknown column left out"),
    # In evidence sets of version 0.1.0; since then such reports are counted where the scope is told.
    "other_snapshot": Code(Level.NOTICE, "older or newer snapshot of an account, not judged"),
    "no_trend": Code(Level.NOTICE, "snapshot of an account not compared with the one before"),
    "older_report": Code(Level.UNREADABLE, "report more than a day older than the reference instant"),
    "undated_evidence_older": Code(Level.UNREADABLE, "report of unknown age, its evidence a week or more old"),
    "undated_evidence_newer": Code(
        Level.UNREADABLE, "report of unknown age, with evidence after the reference instant"
    ),
    "waiver_expired": Code(Level.NOTICE, "waiver that has expired"),
    "waiver_unmatched": Code(Level.NOTICE, "waiver that matches nothing"),
    "waiver_expiring": Code(Level.NOTICE, "waiver that expires within 30 days"),
    "unowned_snapshot": Code(Level.REJECTED, "snapshot of unknown account, not kept"),
    "damaged_part": Code(Level.REJECTED, "damaged part of a store"),
    "undated_snapshot": Code(Level.REJECTED, "snapshot of unknown date, left out"),
    "older_side": Code(Level.UNREADABLE, "newer side not later than the older one, not compared"),
    "went_backwards": Code(Level.UNREADABLE, "time earlier than in an older snapshot"),
    "missed_before": Code(Level.UNREADABLE, "made before the older snapshot, but not in it"),
    "own_output": Code(Level.NOTICE, "output of credreport passed over"),
    "line_left_out": Code(Level.REPAIRED, "line that is not of the report, left out"),
    "form_straightened": Code(
        Level.REPAIRED, "report whose lines were changed on the way, read in the only way that fits"
    ),
    "lossy_form": Code(Level.UNREADABLE, "form of another program, which lost part of the report"),
    "filtered_form": Code(Level.UNREADABLE, "form of another program, which may hold some of the users only"),
    "unopened_archive": Code(Level.REJECTED, "archive not read"),
    "split_report": Code(Level.REPAIRED, "further report in one file, split apart"),
    "split_row": Code(Level.REPAIRED, "rows of several reports on one line, split apart"),
    "repaired_row": Code(Level.REPAIRED, "row of the wrong width, repaired"),
    "mended_name": Code(Level.REPAIRED, "user name that another program changed, mended"),
    "bad_encoding": Code(Level.UNREADABLE, "characters that are not UTF-8"),
    "bad_timestamp": Code(Level.UNREADABLE, "unreadable time"),
    "bad_boolean": Code(Level.UNREADABLE, "unreadable true/false"),
    "bad_arn": Code(Level.UNREADABLE, "unreadable ARN"),
    "arn_mismatch": Code(Level.UNREADABLE, "ARN of another user"),
    "missing_user": Code(Level.UNREADABLE, "row without a user name"),
    "missing_column": Code(Level.UNREADABLE, "column missing from a report"),
    "duplicate_column": Code(Level.UNREADABLE, "column found twice, the first one read"),
    "bad_account": Code(Level.UNREADABLE, "unreadable account number"),
    "account_mismatch": Code(Level.UNREADABLE, "account number beside an ARN of another account"),
    "account_unknown": Code(Level.UNREADABLE, "account not known"),
    "duplicate_user": Code(Level.UNREADABLE, "user found twice in one snapshot"),
    "impossible_order": Code(Level.UNREADABLE, "time that cannot be before another one of its row"),
    "captured_before_content": Code(Level.UNREADABLE, "report dated before its own content"),
    "suspicious_length": Code(Level.UNREADABLE, "report of a length at which programs cut texts"),
    "undated_report": Code(Level.UNREADABLE, "report of unknown date beside dated ones"),
    "undated_beside_dated": Code(Level.REJECTED, "report of unknown date beside dated ones, not judged"),
    "order_unknown": Code(Level.REJECTED, "reports of one account in unknown order, nothing decided"),
    "account_contradicts_name": Code(
        Level.REJECTED, "report of another account than its name says, whose own is missing"
    ),
    "account_named_otherwise": Code(Level.UNREADABLE, "report of another account than its name says"),
    "blank_cells": Code(Level.UNREADABLE, "report with blank cells where AWS writes N/A"),
    "only_newer_snapshot": Code(Level.UNREADABLE, "no snapshot at or before the reference date"),
    "account_without_report": Code(Level.REJECTED, "expected account without a judged report"),
    "account_report_old": Code(Level.UNREADABLE, "expected account whose report is too old"),
    "account_received_twice": Code(Level.NOTICE, "expected account with several reports of its judged snapshot"),
    "account_unlisted": Code(Level.NOTICE, "account that is not in the list of accounts"),
    "leavers_unclear": Code(Level.NOTICE, "list of leavers with rows or users that are not clear"),
    "leavers_without_user": Code(Level.NOTICE, "list of leavers with rows that fit no user"),
    "people_unclear": Code(Level.NOTICE, "list of people with rows or users that are not clear"),
    "people_without_user": Code(Level.NOTICE, "list of people with rows that fit no user"),
    "users_not_in_people": Code(Level.NOTICE, "list of people without some of the users"),
    "cut_report": Code(Level.REJECTED, "report that ends in the middle of a row"),
    "no_rows": Code(Level.REJECTED, "report without rows"),
    "rejected_row": Code(Level.REJECTED, "row not read"),
    "unreadable_file": Code(Level.REJECTED, "file not read"),
    "over_limit": Code(Level.REJECTED, "file past a limit of size, not read"),
}


PROVE_NO_ABSENCE: Final = frozenset({"cut_report", "filtered_form", "rejected_row", "suspicious_length"})
"""What may hold some of its users only: a user who is not in such a report is not shown to be absent."""

Row = tuple[str, int | None, str | None, str | None, str, str]
"""Source, line, column, value, code, message."""


@dataclass
class IssueLog:
    """Issues in the making; `evidence.schema.issues_table` makes the table `issues` of them."""

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
        """Note one issue; `message` says what is wrong and what to do."""
        if code not in CODES:
            raise KeyError(code)
        self.rows.append((source, line, column, value, code, message))

    def first_few(self, code: str | None = None, *, most: int = 5) -> str:
        """Return the first issues (of one code, where it is given), each on a line of its own: the end of an error."""
        rows = [f"{source}: {message}" for source, *_, of, message in self.rows if code in {None, of}]
        return first_few_lines(rows, most=most)
