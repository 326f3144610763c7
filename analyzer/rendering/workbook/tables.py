"""The sheets that show tables row by row: Requirements, Findings, Waivers, Credentials, Users, Data issues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.controls.vocabulary import Met
from analyzer.evidence.coverage import Coverage
from analyzer.evidence.people import needs_a_look_first
from analyzer.evidence.requirements import requirements_table
from analyzer.evidence.schema import TEXT
from analyzer.evidence.worst import first_rows, gravest_first, open_credentials_first, worst_rows
from analyzer.reading.columns import codes_in
from analyzer.reading.layout import COLUMNS
from analyzer.rendering.workbook.engine import Look, Rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xlsxwriter.format import Format

    from analyzer.evidence.summary import Summary
    from analyzer.evidence.tables import Tables
    from analyzer.evidence.worst import Rank
    from analyzer.rendering.workbook.engine import Book

READING_ORDER: Final = (
    *("control", "requirement", "severity", "status", "waiver", "account_id", "user", "arn", "credential", "basis"),
    *("basis_time", "idle_days", "age_days", "limit_days", "fails_at", "as_of", "reason", "message", "captured_at"),
    *("source", "line"),
)
"""The columns of findings in the order in which they are read."""
USERS_READ: Final = (
    *("account_id", *COLUMNS, "is_root", "partition", "path"),
    *("captured_at", "source", "line"),
)
"""The same of users: AWS's columns in AWS's order. Why a time is not there (`<column>_state`) is left out."""

_WAIVERS: Final = pa.schema(
    {
        "id": TEXT,
        "state": TEXT,
        "failing": pa.int64(),
        "not_checked": pa.int64(),
        "scope": TEXT,
        "reason": TEXT,
        "owner": TEXT,
        "expires": TEXT,
        "ticket": TEXT,
        "line": pa.int64(),
    }
)


@dataclass(frozen=True)
class Cut:
    """A table as far as it is in the workbook: at most `most` of its rows."""

    sheet: str
    table: str
    rows: int
    most: int

    @property
    def left_out(self) -> int:
        """How many rows are not in the workbook."""
        return max(self.rows - self.most, 0)

    @property
    def note(self) -> str:
        """In words, how many rows are left out, and where they are."""
        rows = f"{self.left_out:,} further {'row is' if self.left_out == 1 else 'rows are'}"
        return f"{rows} in {self.table}.parquet"


SHEETS: Final = {
    "findings": "Findings",
    "credentials": "Credentials",
    "users": "Users",
    "issues": "Data issues",
}
"""The sheets that hold at most a number of rows, by the table they show."""


def cuts(tables: Tables, most: int, lists: Iterable[str] = ()) -> dict[str, Cut]:
    """Return for each table that the workbook shows, those of `lists` of people among them, how much of it."""
    shown = SHEETS | {name: name.capitalize() for name in lists}
    return {table: Cut(sheet, table, tables.rows(table), most) for table, sheet in shown.items()}


def requirements(book: Book, summary: Summary) -> None:
    """Write the sheet Requirements: what each comes to in each account, those that are not met first."""
    table = requirements_table(summary.requirements, summary.accounts)
    status = table["status"].combine_chunks()
    rank = np.array([_MET.index(text) for text in status.dictionary.to_pylist()], np.int64)[codes_in(status)]
    table = table.take(pa.array(np.argsort(rank, kind="stable")))
    controls = pc.binary_join(table["controls"], ", ")
    table = table.set_column(table.column_names.index("controls"), "controls", controls)
    preface = ((f"{summary.checklist.numbers_of.title}: what each requirement comes to", book.styles.text),)
    same = [] if len(summary.checklist.numbers_of.each) > 1 else ["framework"]
    book.table("Requirements", Rows.of(table.drop_columns(same)), Look(wrapped=("title",), preface=preface))


_MET: Final = [met.value for met in Met]


def findings(book: Book, summary: Summary, tables: Tables, cut: Cut) -> None:
    """Write the sheet Findings, worst first."""
    names = ["requirements"] if summary.checklist.benchmark else []
    rows = worst_rows(tables, summary.checklist, cut.most, columns=[*READING_ORDER, *names])
    for name in names:  # a sheet has no lists
        rows = rows.set_column(rows.column_names.index(name), name, pc.binary_join(rows[name], ", "))
    preface = _preface(book, cut, "the worst are here, worst first")
    book.table(cut.sheet, Rows.of(rows), Look(leading="user", pages_wide=3, preface=preface))


def coverage(book: Book, table: pa.Table) -> None:
    """Write the sheet Coverage: what was received of each account that ought to be there, what is missing first."""
    order = [one.value for one in Coverage]
    rank = np.array([order.index(text) for text in table["status"].to_pylist()], np.int64)
    book.table("Coverage", Rows.of(table.take(pa.array(np.argsort(rank, kind="stable")))), Look(wrapped=("name",)))


def people(book: Book, tables: Tables, cut: Cut) -> None:
    """Write the sheet of a list of people: what became of its rows and of the users, what needs a look first."""
    rows = first_rows(tables, cut.table, cut.most, needs_a_look_first())
    preface = _preface(book, cut, "what needs a look is here first")
    book.table(cut.sheet, Rows.of(rows), Look(preface=preface))


def waivers(book: Book, summary: Summary) -> None:
    """Write the policy's waivers, and what each covers."""
    table = pa.Table.from_pandas(summary.waivers, schema=_WAIVERS, preserve_index=False)
    book.table("Waivers", Rows.of(table), Look(wrapped=("scope", "reason")))


def credentials(book: Book, tables: Tables, cut: Cut) -> None:
    """Write the sheet Credentials."""
    preface = _preface(book, cut, "those that fail or could not be checked are here first")
    book.table(cut.sheet, _rows(tables, cut, open_credentials_first()), Look(leading="user", preface=preface))


def users(book: Book, tables: Tables, cut: Cut) -> None:
    """Write the sheet Users: the rows of the reports, as they were read."""
    rows = Rows.stored(tables, "users", USERS_READ, cut.most)
    preface = _preface(book, cut, "the first ones are here")
    book.table(cut.sheet, rows, Look(leading="user", pages_wide=4, preface=preface))


def issues(book: Book, tables: Tables, cut: Cut) -> None:
    """Write the sheet Data issues."""
    preface = _preface(book, cut, "the gravest are here")
    book.table(cut.sheet, _rows(tables, cut, gravest_first()), Look(wrapped=("message",), preface=preface))


def _rows(tables: Tables, cut: Cut, rank: Rank) -> Rows:
    """Return all rows as stored where they fit, else those that matter most."""
    if not cut.left_out:
        return Rows.stored(tables, cut.table)
    return Rows.of(first_rows(tables, cut.table, cut.most, rank))


def _preface(book: Book, cut: Cut, which: str) -> tuple[tuple[str, Format], ...]:
    # The count comes first: it can be read on every printed page, also where columns to the right are not repeated.
    return ((f"{cut.note}; {which}.", book.styles.text),) if cut.left_out else ()
