"""What reviewers wrote into a workbook: read from an earlier one, and put beside the same failures in a new one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import pandas as pd
import pyarrow as pa

from analyzer.errors import InputError, first_few
from analyzer.evidence.schema import TEXT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

WORKBOOK: Final = "workbook.xlsx"
SHEET: Final = "Exceptions noted"
WITHOUT_ROW: Final = "Marks without a row"
"""The sheet with marks on what no longer fails."""
KEY: Final = ("account", "user", "credential", "control")
"""The columns that tell a failure from others. In a cell of several lines, the first one counts."""
BY_HAND: Final = ("comment", "management response", "due", "tick")
"""The columns that reviewers fill in."""
SIGN_OFF: Final = ("Sign-off", "Prepared by", "Date prepared", "Reviewed by", "Date reviewed", "Conclusion")
"""The name of the sheet with who stands for the workpaper, and the texts on it before it is filled in."""
_WANTED: Final = "give a workbook.xlsx that credreport wrote for an audit"


Rows: TypeAlias = "Sequence[Sequence[Any]]"


class Mark(NamedTuple):
    """What a reviewer wrote beside one failure; empty texts for nothing. `due` is a date (ISO) or any text."""

    account: str
    user: str
    credential: str
    control: str
    comment: str
    response: str
    due: str
    tick: str

    @property
    def key(self) -> tuple[str, ...]:
        """What it is beside."""
        return self[: len(KEY)]


@dataclass(frozen=True)
class Marks:
    """The marks of a workbook, in the order of its rows: those beside failures, and those that have no row."""

    name: str
    """The workbook as it was given."""
    sha256: str
    beside_rows: tuple[Mark, ...]
    without_row: tuple[Mark, ...]
    is_signed: bool = False
    """Whether its sheet Sign-off is filled in: that was said of the workbook as it was, and is not carried over."""

    @property
    def facts(self) -> dict[str, Any]:
        """What describes the renderings that hold them."""
        return {"name": self.name, "sha256": self.sha256}

    def of_accounts(self, accounts: Collection[str]) -> Marks:
        """Return the marks beside failures of some accounts."""
        own = [tuple(one for one in some if one.account in accounts) for some in (self.beside_rows, self.without_row)]
        return replace(self, beside_rows=own[0], without_row=own[1])

    def beside(self, rows: pa.Table) -> tuple[pa.Table, pa.Table]:
        """Return rows with these marks, and the marks that none of the rows takes.

        `rows` have the columns `KEY`. Where several rows have one key, they take the marks of that key in their order.
        """
        rows_by_key = _numbered(pd.DataFrame({name: _first_lines(rows[name]) for name in KEY}, dtype="str"))
        marks = _numbered(pd.DataFrame([*self.beside_rows, *self.without_row], columns=[*KEY, *BY_HAND], dtype="str"))
        on = [*KEY, "occurrence"]
        found = rows_by_key.merge(marks, on=on, how="left")[list(BY_HAND)]
        for name in BY_HAND:
            texts = found[name].fillna("").tolist()
            rows = rows.append_column(name, pa.array([text or None for text in texts], TEXT))
        taken = marks.merge(rows_by_key.assign(is_there=True), on=on, how="left")["is_there"].notna().to_numpy()
        left = marks.loc[~taken, [*KEY, *BY_HAND]]
        columns = {name: pa.array([text or None for text in left[name]], TEXT) for name in left.columns}
        return rows, pa.table(columns)


def _first_lines(column: pa.ChunkedArray) -> list[str]:
    return [_first_line(text or "") for text in column.to_pylist()]


def _first_line(text: str) -> str:
    return text.partition("\n")[0]


def _numbered(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with the number of each among those of its key."""
    return rows.assign(occurrence=rows.groupby(list(KEY), dropna=False).cumcount())


def read_marks(path: Path) -> Marks:
    """Return what reviewers wrote into a workbook. Raises InputError for what is no workbook of an audit."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"--carry-over: cannot read {path}: {error.strerror or error}", "check the path") from error
    sheets = _sheets(str(path), data)
    # A sheet that goes on in others counts as one.
    beside_rows, without_row = (
        tuple(
            mark
            for sheet, rows in sheets.items()
            if sheet.startswith(one)
            for mark in _in_sheet(f"{path}, sheet {sheet!r}", rows)
        )
        for one in (SHEET, WITHOUT_ROW)
    )
    return Marks(str(path), hashlib.sha256(data).hexdigest(), beside_rows, without_row, _is_signed(sheets))


def _is_signed(sheets: Mapping[str, Rows]) -> bool:
    """Whether more stands on the sheet Sign-off than what the program writes."""
    return any(cell not in ("", *SIGN_OFF) for cells in sheets.get(SIGN_OFF[0], []) for cell in cells)


def _sheets(name: str, data: bytes) -> Mapping[str, Rows]:
    """Return the cells of the sheets that reviewers fill in, by name."""
    from io import BytesIO  # noqa: PLC0415

    from python_calamine import CalamineError, CalamineWorkbook  # noqa: PLC0415 - few runs have one

    try:
        book = CalamineWorkbook.from_filelike(BytesIO(data))
        sheets = {
            sheet: book.get_sheet_by_name(sheet).to_python() for sheet in book.sheet_names if _is_filled_in(sheet)
        }
    except (CalamineError, OSError, ValueError) as error:
        raise InputError(f"--carry-over: {name} is no workbook: {error}", _WANTED) from error
    if not any(sheet.startswith(SHEET) for sheet in sheets):
        raise InputError(
            f"--carry-over: {name} has no sheet {SHEET!r}; it has {first_few([repr(one) for one in book.sheet_names])}",
            _WANTED,
        )
    return sheets


def _is_filled_in(sheet: str) -> bool:
    return sheet.startswith((SHEET, WITHOUT_ROW)) or sheet == SIGN_OFF[0]


def _in_sheet(place: str, rows: Rows) -> Iterator[Mark]:
    """Yield the marks of a sheet; its columns may stand in any order, and others among them."""
    wanted = {*KEY, *BY_HAND}
    header = next((number for number, cells in enumerate(rows) if wanted <= set(cells)), None)
    if header is None:
        lacking = sorted(wanted - {cell for cells in rows[:5] for cell in cells if isinstance(cell, str)})
        raise InputError(
            f"--carry-over: {place}: no row of headings with {', '.join(lacking)}",
            "the headings of the sheet must stay as credreport wrote them",
        )
    columns = [list(rows[header]).index(name) for name in (*KEY, *BY_HAND)]
    for cells in rows[header + 1 :]:
        texts = [_text(cells[at]) if at < len(cells) else "" for at in columns]
        key, by_hand = [_first_line(text) for text in texts[: len(KEY)]], [text.strip() for text in texts[len(KEY) :]]
        if any(by_hand):
            yield Mark(*key, *by_hand)


def _text(cell: Any) -> str:  # noqa: ANN401 - whatever a cell holds
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, date):
        return cell.isoformat()[:10]
    return str(cell)


@dataclass(frozen=True)
class CarriedOver:
    """What became of the marks of a workbook (`name`) in a new one."""

    name: str
    beside_rows: int
    without_row: tuple[Mark, ...]
    was_signed: bool

    @classmethod
    def to(cls, workbook: Path, marks: Marks) -> CarriedOver:
        """Return what a workbook holds that was written with these marks: it is read for that."""
        found = read_marks(workbook)
        return cls(marks.name, len(found.beside_rows), found.without_row, marks.is_signed)

    @property
    def lines(self) -> list[str]:
        """In sentences, how many marks were carried over, and which ones have no row any more."""
        lines = [f"Marks of reviewers in {self.name}: {self.beside_rows:,} carried over to the sheet {SHEET}."]
        if self.without_row:
            named = first_few([" ".join(one for one in mark.key if one) for mark in self.without_row])
            lines.append(f"{len(self.without_row):,} on what no longer fails (sheet {WITHOUT_ROW}): {named}.")
        if self.was_signed:
            lines.append(
                f"Its sheet {SIGN_OFF[0]} is not carried over: it was said of that workbook. Sign the new one."
            )
        return lines

    @property
    def facts(self) -> dict[str, Any]:
        """The same as plain data."""
        left = [mark._asdict() for mark in self.without_row]
        return {
            "carried_over": {
                "name": self.name,
                "marks": self.beside_rows,
                "without_row": left,
                "was_signed": self.was_signed,
            }
        }
