"""The counts by control and by requirement on the sheet Summary, as formulas over the sheets with the rows.

If a sheet does not hold all rows of its table, the counts are the numbers of the run, without formulas.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.controls.vocabulary import JUDGED_KINDS, REQUIREMENT_STATUS_IN_WORDS, Outcome, RequirementStatus, Status
from analyzer.evidence.answer import columns_absent, further_to_do, not_checked_in, to_do_first
from analyzer.evidence.root_passes import passes_without_mfa
from analyzer.evidence.schema import plain
from analyzer.evidence.tally import Tally, counts_of
from analyzer.reading.layout import Kind
from analyzer.rendering.marks import SHEET as EXCEPTIONS
from analyzer.rendering.sentences import accounts_failing
from analyzer.rendering.workbook import live
from analyzer.rendering.workbook.accounts import in_words
from analyzer.rendering.workbook.measuring import LINE_HEIGHT, lines
from analyzer.rendering.workbook.page import NOTHING, Formula, Limit, Link, Merged, Value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analyzer.controls.checklist import Check
    from analyzer.evidence.requirements import ByAccount
    from analyzer.evidence.summary import Summary
    from analyzer.rendering.workbook.engine import TableSheet
    from analyzer.rendering.workbook.page import Page

_ROW_IN_PIXELS: Final = 20


@dataclass(frozen=True)
class ShownSheets:
    """The sheets with tables, by name. `check_of_row` is the check of each row on the sheet Exceptions noted."""

    sheets: Mapping[str, TableSheet]
    row_limit: int
    most_rows: int
    check_of_row: Sequence[int]

    def cells(self, sheet: str, column: str) -> str | None:
        """Return the range of a column for formulas; None if the sheet does not hold all rows."""
        table_sheet = self.sheets.get(sheet)
        return None if table_sheet is None else table_sheet.cells(column, self.row_limit)

    def count(self, value: int, sheet: str, **criteria: str) -> int | Formula:
        """Return the number of rows with these texts, by column (`<>`: any text, empty: no text), as a formula.

        Returns `value` if the sheet does not hold all rows.
        """
        ranges = {column: self.cells(sheet, column) for column in criteria}
        if any(cells is None for cells in ranges.values()):
            return value
        if all(_is_word(text) for text in criteria.values()):
            return Formula(
                f"COUNTIFS({','.join(f'{ranges[name]},{quoted(text)}' for name, text in criteria.items())})", value
            )
        # COUNTIFS treats 1.1 and 1.10 as equal numbers, false as a boolean, and * and ? as wildcards.
        holds = [
            f"({ranges[name]}{'<>' if text == '<>' else '='}{quoted('' if text == '<>' else text)})"
            for name, text in criteria.items()
        ]
        return Formula(f"SUMPRODUCT({'*'.join(holds)}*1)", value)

    def total(self, value: int, sheet: str, column: str) -> int | Formula:
        """Return the sum of a column as a formula, or `value` if the sheet does not hold all rows."""
        cells = self.cells(sheet, column)
        return value if cells is None else Formula(f"SUM({cells})", value)

    def waived(self, sheet: str, kind: Kind) -> Value:
        """Return how many rows of a kind a waiver covers; a dash if the sheet leaves out rows."""
        table_sheet = self.sheets[sheet]
        if table_sheet.left_out:
            return NOTHING
        count = 0
        for rows in table_sheet.rows.read():
            is_waived = pc.and_(pc.equal(rows["kind"].cast(pa.string()), kind.value), rows["waiver"].is_valid())
            count += pc.sum(is_waived).as_py() or 0
        return self.count(count, sheet, kind=kind.value, waiver="<>")

    def not_recalculated(self, check: Check) -> Value:
        """Return how many findings of a check are not recalculated; a dash if the sheet does not hold all of them."""
        is_complete = self.cells("Findings", live.LIVE) is not None
        return self._not_recalculated[check.control.id, check.requirement] if is_complete else NOTHING

    @cached_property
    def _not_recalculated(self) -> Counter[tuple[str, str | None]]:
        rows = next(self.sheets["Findings"].rows.read())
        names = rows.filter(pc.equal(rows[live.LIVE], live.NO)).select(["control", "requirement"])
        counts = names.cast(plain(names.schema)).group_by(names.column_names).aggregate([([], "count_all")])
        return Counter({(row["control"], row["requirement"]): row["count_all"] for row in counts.to_pylist()})

    @cached_property
    def _first_rows(self) -> dict[int, int]:
        """The first row of each check on the sheet Exceptions noted."""
        return {check: row for row, check in reversed([*enumerate(self.check_of_row)])}

    def link(self, check: int, text: str) -> str | Link:
        """Return a text with a link to the first exception noted of a check; without one, the plain text."""
        if check not in self._first_rows:
            return text
        row = self.sheets[EXCEPTIONS].look.top + 2 + self._first_rows[check]
        return Link(text, f"'{EXCEPTIONS}'!A{row}") if row <= self.row_limit else text


def quoted(text: str) -> str:
    """Return a text as a string of a formula."""
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


def _is_word(text: str) -> bool:
    """Whether COUNTIFS compares a text literally, or knows it as one of the two criteria of `Shown.count`."""
    return text in {"", "<>"} or (re.fullmatch(r"[a-z][a-z_-]*", text) is not None and text not in {"true", "false"})


# --- requirements ----------------------------------------------------------------------------------------------------


def requirements(page: Page, summary: Summary, shown: ShownSheets) -> None:
    """Write for each requirement the number of accounts by result."""
    by_account, framework, styles = summary.requirements, summary.checklist.numbers_of, page.book.styles
    occurring = [
        status for status in RequirementStatus if any(requirement.accounts(status) for requirement in by_account)
    ]
    last = 2 + len(occurring)
    page.widen(last)
    page.section(f"Requirements of {framework.label}: number of accounts by result (sheet Requirements)", last)
    words = [REQUIREMENT_STATUS_IN_WORDS[status] for status in occurring]
    page.sheet.set_row(page.row, LINE_HEIGHT * int(lines(pa.array(words, pa.string()), page.widths[-1]).max(initial=1)))
    for column, name in enumerate([framework.heading_beside_titles, "requirement", ""]):
        page.sheet.write_string(page.row, column, name, styles.header)
    for column, text in enumerate(words, start=3):
        page.sheet.write_string(page.row, column, text, styles.wrapped_number_header)
    page.row += 1
    for requirement in by_account:
        title = Merged(f"{requirement.requirement.title}{requirement.requirement.mark}", 1)
        counts = [_accounts_with(requirement, status, summary, shown) for status in occurring]
        page.cells([Merged(requirement.number, 0), title, "", *counts])
    page.row += 1


def _accounts_with(requirement: ByAccount, result: RequirementStatus, summary: Summary, shown: ShownSheets) -> Value:
    """Return the number of accounts in which a requirement has this result."""
    criteria = {"requirement": requirement.requirement.own_number, "status": result.value}
    if len(summary.checklist.numbers_of.each) > 1:
        criteria["framework"] = requirement.requirement.framework
    return shown.count(requirement.accounts(result), "Requirements", **criteria)


# --- controls --------------------------------------------------------------------------------------------------------

_COUNTED: Final = ("fail", "not_checked", "pass")
_BEFORE_COUNTS: Final = 6
"""The number of columns before the counts of a control."""


def controls(page: Page, summary: Summary, shown: ShownSheets) -> int:
    """Write the counts of each control; return the row of the first control (0 is the top row)."""
    checklist = summary.checklist
    columns = [*_COUNTED, *(name for name in ("manual", "waived") if summary.totals[name])]
    header = ["control", "title", "", checklist.numbers_of.heading, "severity", "limit in days", *in_words(columns)]
    header.append("rows the formulas cannot recalculate")
    page.widen(len(header) - 1)
    first = page.row + 2
    rows = [_control(position, summary, shown, columns) for position in range(len(checklist.checks))]
    page.table("By control", header, rows)
    absence = f"{columns_absent(summary)}." if columns_absent(summary) else ""
    if notes := list(filter(None, (absence, passes_without_mfa(summary)))):
        for note in notes:
            page.line(note, page.book.styles.wrapped, sum(page.widths) * 9 // 10)
        page.row += 1
    return first


def limits_to_change(summary: Summary) -> dict[str, int]:
    """Return the limits that readers may change, by the names of their cells."""
    pairs = enumerate(zip(summary.checklist.checks, summary.by_control, strict=True))
    return {
        live.limit_name(position): check.limit_days
        for position, (check, counts) in pairs
        if check.limit_days is not None and live.follows(check) and counts["judged"]
    }


def _control(position: int, summary: Summary, shown: ShownSheets, columns: Sequence[str]) -> list[Value]:
    """Return the cells of a control: its names, its limit and its counts."""
    check, is_judged = summary.checklist.checks[position], summary.by_control[position]["judged"] > 0
    limit: Value = "" if check.limit_days is None else check.limit_days
    name_of_limit, changeable = live.limit_name(position), limits_to_change(summary)
    if name_of_limit in changeable:
        limit = Limit(changeable[name_of_limit], name_of_limit)
    title = f"{check.title}{' *' if summary.checklist.is_changed(check) else ''}"
    counts = [_count_of(position, name, summary, shown) if is_judged else NOTHING for name in columns]
    name = shown.link(position, check.control.id)
    return [
        name,
        Merged(title, 1),
        "",
        check.requirement or "-",
        check.severity.value,
        limit,
        *counts,
        shown.not_recalculated(check),
    ]


def _count_of(position: int, name: str, summary: Summary, shown: ShownSheets) -> Value:
    """Return how many findings of a check have this status, or are manual checks (`manual`) or waived (`waived`).

    `not_checked` is without manual checks.
    """
    check, counts = summary.checklist.checks[position], summary.by_control[position]
    criteria = {"control": check.control.id}
    if summary.checklist.has_several_of(check):
        criteria["requirement"] = str(check.requirement)
    manual = shown.count(
        counts["manual"], "Findings", **criteria, status=Status.NOT_CHECKED.value, reason="manual", waiver=""
    )
    if name == "manual":
        return manual
    if name == "waived":
        return shown.count(counts[name], "Findings", **criteria, waiver="<>")
    cell = shown.count(counts[name], "Findings", **criteria, status=name)
    if name != Status.NOT_CHECKED or not counts["manual"]:
        return cell
    value = not_checked_in(counts)
    if isinstance(cell, Formula) and isinstance(manual, Formula):
        return Formula(f"{cell.text}-{manual.text}", value)
    return value


_COLOURS: Final = {"fail": "#C4501B", "not checked": "#F2C14E", "pass": "#8DB4DC", "manual check": "#A6A6A6"}


def chart(page: Page, summary: Summary, first: int) -> None:
    """Draw a chart of the counts by control; `first` is the row of the first control."""
    checks = len(summary.checklist.checks)
    if not summary.totals["judged"]:
        return
    drawn = page.book.workbook.add_chart({"type": "bar", "subtype": "percent_stacked"})
    last, name = first + checks - 1, page.sheet.get_name()
    colours = list(_COLOURS.items())[: 4 if summary.totals["manual"] else 3]
    for column, (words, colour) in enumerate(colours, start=_BEFORE_COUNTS):
        series = {"categories": [name, first, 0, last, 0], "values": [name, first, column, last, column]}
        drawn.add_series({**series, "name": words, "fill": {"color": colour}, "gap": 40})
    drawn.set_title({"name": "Results of each control, as a share of what it judged", "name_font": {"size": 11}})
    drawn.set_y_axis({"reverse": True, "num_font": {"size": 9}})
    drawn.set_x_axis({"num_format": "0%", "major_gridlines": {"visible": True, "line": {"color": "#D9D9D9"}}})
    drawn.set_legend({"position": "bottom"})
    pixels = 90 + _ROW_IN_PIXELS * checks
    drawn.set_size({"width": sum(7 * width + 5 for width in page.widths) - 20, "height": pixels})
    page.sheet.insert_chart(
        page.row, 0, drawn, {"x_offset": 5, "y_offset": 5, "description": "For each control, the shares of its results"}
    )
    page.row += pixels // _ROW_IN_PIXELS + 2


def what_to_do_first(page: Page, summary: Summary, shown: ShownSheets) -> None:
    """Write the most severe controls that fail, with their accounts and their remediation."""
    checks = summary.checklist.checks
    rows: list[list[Value]] = [
        [
            shown.link(position, checks[position].control.id),
            checks[position].severity.value,
            fails,
            Merged(accounts_failing(summary, position), 1),
            "",
            Merged(checks[position].control.remediation, page.last - 5),
        ]
        for position, fails in to_do_first(summary).items()
    ]
    if further := further_to_do(summary):
        rows.append([Merged(further, page.last), *[""] * page.last])
    if rows:
        header = ["control", "severity", "open failures", "accounts", "", "remediation", *[""] * (page.last - 5)]
        page.table("What to do first: the most severe controls that fail", header, rows)


# --- the population --------------------------------------------------------------------------------------------------

_KINDS: Final = {Kind.PASSWORD: "passwords", Kind.ACCESS_KEY: "access keys"}
_JUDGED: Final = (Outcome.FAIL, Outcome.NOT_CHECKED, Outcome.PASS)


def population(page: Page, summary: Summary, shown: ShownSheets) -> None:
    """Write how many credentials `unused-credentials` judged and did not judge, and how many of these are waived."""
    sheet = "Population judged"
    waived = summary.by_control[summary.checklist.unused_position]["waived"]
    rows: list[list[Value]] = []
    for kind, words in _KINDS.items():
        counts = {outcome: summary.count(kind, outcome) for outcome in _JUDGED}
        cells = [shown.count(counts[outcome], sheet, kind=kind.value, outcome=outcome.value) for outcome in _JUDGED]
        cells = [shown.count(sum(counts.values()), sheet, kind=kind.value), *cells]
        rows.append([words, *cells, *([shown.waived(sheet, kind)] if waived else [])])
    top = page.row + 3
    sums = [sum(summary.count(kind, outcome) for kind in _KINDS) for outcome in _JUDGED]
    sums = [sum(sums), *sums, *([waived] if waived else [])]
    # Without all rows, it is not known how many of a kind are waived: there is a dash, which a sum would count as 0.
    is_added = [value != NOTHING for value in rows[0][1:]]
    columns = [f"{column}{top}:{column}{top + len(_KINDS) - 1}" for column in "BCDEF"[: len(sums)]]
    rows.append(
        [
            "all",
            *(
                Formula(f"SUM({cells})", value) if added else value
                for cells, value, added in zip(columns, sums, is_added, strict=True)
            ),
        ]
    )
    header = ["", "judged", *in_words([*_JUDGED, *(["waived"] if waived else [])])]
    page.table(f"unused-credentials, by kind of credential (sheet {sheet})", header, rows)
    tally = counts_of(summary.tallies, Tally.CREDENTIALS)
    not_judged = {
        outcome: int(tally["count"][tally["status"] == outcome].sum())
        for outcome in (Outcome.ROOT, Outcome.CERTIFICATE)
    }
    page.pairs(
        "Not judged by unused-credentials",
        [
            ("inactive", sum(summary.count(kind, Outcome.INACTIVE) for kind in JUDGED_KINDS)),
            (
                "created after the reference date",
                sum(summary.count(kind, Outcome.NOT_APPLICABLE) for kind in JUDGED_KINDS),
            ),
            ("active credentials of root", not_judged[Outcome.ROOT]),
            ("certificates (use not shown)", not_judged[Outcome.CERTIFICATE]),
        ],
    )
