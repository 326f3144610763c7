"""The sheets that show the rows of tables, from Users to Issues."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.controls.vocabulary import JUDGED_KINDS, RequirementStatus, Status
from analyzer.evidence.coverage import Coverage
from analyzer.evidence.opening import TREND_COLUMNS
from analyzer.evidence.people import first_people
from analyzer.evidence.requirements import requirements_table
from analyzer.evidence.schema import TEXT
from analyzer.evidence.trend import scope_of_trend
from analyzer.evidence.worst import (
    Choice,
    first_rows,
    most_serious_first,
    open_credentials_first,
    positions_of,
    worst_first,
)
from analyzer.reading.columns import codes_in, has_text
from analyzer.reading.layout import COLUMNS
from analyzer.rendering.workbook import live
from analyzer.rendering.workbook.engine import SheetLayout, TableRows, TableSheet

if TYPE_CHECKING:
    from analyzer.controls.checklist import Checklist
    from analyzer.evidence.account_labels import AccountLabels
    from analyzer.evidence.summary import Summary
    from analyzer.evidence.tables import Tables
    from analyzer.evidence.worst import Rank
    from analyzer.rendering.workbook.engine import Book

READING_ORDER: Final = (
    *("control", "requirement", "severity", "status", "waiver", "account_id", "user", "arn", "credential", "basis"),
    *("basis_time", "idle_days", "age_days", "limit_days", "fails_at", "as_of", "reason", "message", "captured_at"),
    *("source", "line"),
)
"""The columns of the sheet Findings, in their order."""
USERS_READ: Final = (
    *("account_id", *COLUMNS, "is_root", "partition", "path"),
    *("captured_at", "source", "line"),
)
"""The columns of the sheet Users: the AWS columns in their order, without the columns `<column>_state`."""
CREDENTIALS_READ: Final = (
    *("account_id", "user", "credential", "kind", "last_changed", "last_changed_state", "last_used", "last_used_state"),
    *("last_used_region", "last_used_service", "as_of", "age_days", "idle_days", "limit_days", "outcome"),
    *("arn", "captured_at", "source", "line"),
)
"""The columns of the sheet Population judged."""
_STORED: Final = tuple(name for name in CREDENTIALS_READ if name not in {"as_of", "limit_days"})

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
_JUDGED: Final = (Status.FAIL, Status.NOT_CHECKED, Status.PASS)


@dataclass(frozen=True)
class Cut:
    """The number of rows of a table, and `most`, the most rows that the workbook shows."""

    table: str
    rows: int
    most: int

    @property
    def left_out(self) -> int:
        """The number of rows that are not in the workbook."""
        return max(self.rows - self.most, 0)

    @property
    def note(self) -> str:
        """A sentence part with the number of rows that are left out, and their file."""
        rows = f"{self.left_out:,} further {'row is' if self.left_out == 1 else 'rows are'}"
        return f"{rows} in {self.table}.parquet"

    def shown(self, book: Book, name: str, rows: TableRows, look: SheetLayout, which: str) -> TableSheet:
        """Return the sheet of these rows, with a note on rows that are left out; `which` is the end of the note."""
        lines = look.preface
        if self.left_out:
            # The count comes first, so that it is on every printed page: columns to the right are not repeated.
            lines = (*lines, (f"{self.note}; {which}.", book.styles.text))
        return TableSheet(name, rows, replace(look, preface=lines), self.left_out)


def requirements(book: Book, summary: Summary, labels: AccountLabels) -> TableSheet:
    """Return the sheet Requirements: the result of each requirement in each account, failures first."""
    table = requirements_table(summary.requirements, summary.accounts)
    status = table["status"].combine_chunks()
    ranks = [_REQUIREMENT_STATUSES.index(text) for text in status.dictionary.to_pylist()]
    rank = np.array(ranks, np.int64)[codes_in(status)]
    table = table.take(pa.array(np.argsort(rank, kind="stable")))
    controls = pc.binary_join(table["controls"], ", ")
    table = table.set_column(table.column_names.index("controls"), "controls", controls)
    preface = (
        (f"{summary.checklist.numbers_of.title}: the result of each requirement in each account", book.styles.text),
    )
    constant_columns = [] if len(summary.checklist.numbers_of.each) > 1 else ["framework"]
    table = labels.beside(table.drop_columns(constant_columns))
    return TableSheet("Requirements", TableRows.of(table), SheetLayout(wrapped=("title",), preface=preface))


_REQUIREMENT_STATUSES: Final = [result.value for result in RequirementStatus]


def findings(book: Book, summary: Summary, tables: Tables, most: int, labels: AccountLabels) -> TableSheet:
    """Return the sheet Findings, the most severe failures first."""
    cut = Cut("findings", tables.rows("findings"), most)
    look = SheetLayout(leading="user", pages_wide=3)
    rows = _findings(summary, tables, most, labels)
    return cut.shown(book, "Findings", rows, _live(look, rows, summary), "this sheet has the most severe ones")


def _findings(
    summary: Summary, tables: Tables, most: int, labels: AccountLabels, where: Choice | None = None
) -> TableRows:
    """Return the rows of findings, the most severe first, with the columns `status_of_run` and `recalculated`."""
    names = ["requirements"] if summary.checklist.benchmark else []
    columns = [*READING_ORDER, *names]
    chosen = {} if where is None else {"where": where}
    rows = first_rows(tables, "findings", most, worst_first(summary.checklist), columns=columns, **chosen)
    for name in names:  # a sheet has no lists
        rows = rows.set_column(rows.column_names.index(name), name, pc.binary_join(rows[name], ", "))
    rows = rows.append_column("status_of_run", rows["status"])
    rows = rows.append_column(live.LIVE, live.in_words(live.findings_that_follow(rows, summary.checklist)))
    return TableRows.of(labels.beside(rows))


def _live(look: SheetLayout, rows: TableRows, summary: Summary) -> SheetLayout:
    return replace(look, formulas=live.FindingsFormulas(rows.columns, summary.checklist))


def population(book: Book, summary: Summary, tables: Tables, most: int, labels: AccountLabels) -> TableSheet:
    """Return the sheet Population judged: the subjects of `unused-credentials`, or of the first control without it."""
    name, checklist = "Population judged", summary.checklist
    if checklist.unused is None:
        return _subjects(book, name, summary, tables, most, labels)
    position = checklist.unused_position
    judged = Choice(("outcome",), lambda batch: has_text(batch["outcome"], _JUDGED))
    count = sum(summary.count(kind, status) for kind in JUDGED_KINDS for status in _JUDGED)
    cut = Cut("credentials", count, most)
    rows = first_rows(tables, "credentials", most, open_credentials_first(), where=judged, columns=_STORED)
    rows = live.with_basis(rows, checklist.unused, summary.settings.as_of).select([*CREDENTIALS_READ, live.LIVE])
    column = rows.column_names.index(live.LIVE)
    rows = rows.add_column(column, "outcome_of_run", rows["outcome"])
    if checklist.policy:
        after_outcome = rows.column_names.index("outcome") + 1
        rows = rows.add_column(after_outcome, "waiver", _waivers_of(rows, tables, checklist))
    rows = labels.beside(rows)
    look = SheetLayout(
        leading="user",
        formulas=live.CredentialsFormulas(tuple(rows.column_names), position, checklist.unused.limit_days or 0),
    )
    return cut.shown(book, name, TableRows.of(rows), look, "this sheet has failures and checks not checked first")


_IDENTIFYING: Final = ("source", "line", "credential")
"""The columns that identify a credential, and its finding among those of a check."""


def _waivers_of(credentials: pa.Table, tables: Tables, checklist: Checklist) -> pa.Array:
    """Return the waiver that covers the finding of `unused-credentials` on each credential; null for none."""
    needs = [*_IDENTIFYING, "control", "requirement", "waiver"]
    keys, names = [pa.array([], TEXT)], [pa.array([], TEXT)]
    for batch in tables.batches("findings", needs):
        is_unused = positions_of(batch, checklist.positions) == checklist.unused_position
        waived = batch.filter(pa.array(is_unused & batch["waiver"].is_valid().to_numpy()))
        keys += _keys(waived).chunks
        names += waived["waiver"].cast(TEXT).chunks
    position = pc.index_in(_keys(credentials), pa.chunked_array(keys).combine_chunks())
    return pa.chunked_array(names).combine_chunks().take(position.combine_chunks()).dictionary_encode()


def _keys(rows: pa.Table) -> pa.ChunkedArray:
    """Return a text for each row that identifies its credential; null for a row without a line."""
    return pc.binary_join_element_wise(*(rows[name].cast(TEXT) for name in _IDENTIFYING), "\n")


def _subjects(  # noqa: PLR0913 - the parameters of `population` and a name
    book: Book, name: str, summary: Summary, tables: Tables, most: int, labels: AccountLabels
) -> TableSheet:
    """Return the subjects that the first control of the checklist judged."""
    checks, first = summary.checklist.positions, summary.checklist.checks[0]

    def is_judged(batch: pa.Table) -> np.typing.NDArray[np.bool_]:
        is_of_first: np.typing.NDArray[np.bool_] = positions_of(batch, checks) == 0
        return is_of_first & has_text(batch["status"], _JUDGED)

    judged = Choice(("control", "requirement", "status"), is_judged)
    cut = Cut("findings", summary.by_control[0]["judged"], most)
    rows = _findings(summary, tables, most, labels, judged)
    preface = ((f"Judged by {first.control.id}: {first.title}", book.styles.text),)
    look = _live(SheetLayout(leading="user", pages_wide=3, preface=preface), rows, summary)
    return cut.shown(book, name, rows, look, "this sheet has the most severe ones")


def coverage(table: pa.Table) -> TableSheet:
    """Return the sheet Coverage: what was received of each expected account, missing accounts first."""
    order = [status.value for status in Coverage]
    rank = np.array([order.index(text) for text in table["status"].to_pylist()], np.int64)
    rows = TableRows.of(table.take(pa.array(np.argsort(rank, kind="stable"))))
    return TableSheet("Coverage", rows, SheetLayout(wrapped=("name",)))


def people(book: Book, tables: Tables, name: str, most: int, labels: AccountLabels) -> TableSheet:
    """Return the sheet of a list of people: the result for its rows and for the users, rows that need a look first."""
    cut = Cut(name, tables.rows(name), most)
    rows = TableRows.of(labels.beside(first_people(tables, name, most)))
    return cut.shown(book, name.capitalize(), rows, SheetLayout(), "this sheet has the rows that need a look first")


def waivers(summary: Summary) -> TableSheet:
    """Return the sheet Waivers: the waivers of the policy, and how many checks each covers."""
    table = pa.Table.from_pandas(summary.waivers, schema=_WAIVERS, preserve_index=False)
    if summary.part is not None:  # other waivers are for accounts of other owners
        table = table.filter(pc.greater(pc.add(table["failing"], table["not_checked"]), 0))
    # On other sheets, a line is that of a report.
    table = table.rename_columns(["line_of_policy" if name == "line" else name for name in table.column_names])
    return TableSheet("Waivers", TableRows.of(table), SheetLayout(wrapped=("scope", "reason")))


def trend(book: Book, summary: Summary, table: pa.Table, labels: AccountLabels) -> TableSheet:
    """Return the sheet Trend: the changes since the snapshots before, by control and account."""
    others = [name for name in table.column_names if name not in TREND_COLUMNS]
    table = table.select([*others, *TREND_COLUMNS]).rename_columns([*others, *TREND_COLUMNS.values()])
    preface = ((scope_of_trend(summary), book.styles.text),) if len(table) else ()
    return TableSheet("Trend", TableRows.of(labels.beside(table)), SheetLayout(preface=preface))


def users(book: Book, tables: Tables, most: int, labels: AccountLabels) -> TableSheet:
    """Return the sheet Users: the rows of the reports as they were read."""
    cut = Cut("users", tables.rows("users"), most)
    rows = TableRows.stored(tables, "users", USERS_READ, most).each(labels.beside, labels.columns(USERS_READ))
    return cut.shown(book, "Users", rows, SheetLayout(leading="user", pages_wide=4), "this sheet has the first ones")


def issues(book: Book, tables: Tables, most: int) -> TableSheet:
    """Return the sheet Issues, the most serious data issues first if some are left out."""
    cut = Cut("issues", tables.rows("issues"), most)
    rows = _as_stored(tables, "issues", cut, most_serious_first())
    return cut.shown(book, "Issues", rows, SheetLayout(wrapped=("message",)), "this sheet has the most serious ones")


def _as_stored(tables: Tables, name: str, cut: Cut, rank: Rank) -> TableRows:
    """Return all rows in their stored order if they fit, otherwise the first ones by `rank`."""
    return (
        TableRows.stored(tables, name) if not cut.left_out else TableRows.of(first_rows(tables, name, cut.most, rank))
    )
