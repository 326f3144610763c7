"""Reviewers' marks: read from earlier workbooks, and written beside the same failures in a new one."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias
from zipfile import BadZipFile, is_zipfile

import numpy as np
import pandas as pd
import pyarrow as pa

from analyzer.controls.vocabulary import counted
from analyzer.errors import InputError, OutputError, first_few
from analyzer.evidence.schema import TEXT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

WORKBOOK: Final = "workbook.xlsx"
SHEET: Final = "Exceptions noted"
WITHOUT_ROW: Final = "Marks without a row"
"""The sheet with the marks that have no failure in the workbook."""
KEY: Final = ("account", "user", "credential", "control")
"""The columns that identify a failure. In a cell of several lines, the first line counts."""
FOUND: Final = "what was found"
"""The column whose last line has the report of a failure, and the line in it."""
BY_HAND: Final = ("comment", "management response", "due", "tick")
"""The columns that reviewers fill in."""
WHY: Final = "why it has no row"
SIGN_OFF: Final = ("Sign-off", "Prepared by", "Date prepared", "Reviewed by", "Date reviewed", "Conclusion")
"""The name of the sheet for the signatures, and the texts on it before it is filled in."""
CARRIED_OVER: Final = "carried_over"
"""The key in rendered.json with the workbooks whose marks were carried over."""
_WANTED: Final = "give a workbook.xlsx that credreport wrote for an audit"
_GONE: Final = "the check no longer fails, or it is waived"
_NAMELESS: Final = "its row names no failure"
_SEVERAL: Final = "several failures have this account, user, credential and control, and none has its line"
_TAKEN: Final = "its row has the mark from another workbook"
NO_ROOM: Final = "its row is left out, because the sheet is full (--workbook-rows)"


Rows: TypeAlias = "Sequence[Sequence[Any]]"


class Mark(NamedTuple):
    """The entries of a reviewer beside one failure; empty texts for empty cells. `due` is a date (ISO) or any text.

    `place` is the report of the failure and the line in it. `is_alone` is true if no other failure had the same key.
    """

    account: str
    user: str
    credential: str
    control: str
    place: str
    is_alone: bool
    comment: str
    response: str
    due: str
    tick: str

    @property
    def key(self) -> tuple[str, ...]:
        """The failure of the mark."""
        return (self.account, self.user, self.credential, self.control, self.place)

    @property
    def cells(self) -> tuple[str, ...]:
        """The entries of the reviewer."""
        return (self.comment, self.response, self.due, self.tick)

    @property
    def spoken(self) -> str:
        """The failure of the mark as a text."""
        return (
            " ".join(one for one in (self.account, self.user, self.credential, self.control) if one) or "(no failure)"
        )


class Source(NamedTuple):
    """A workbook that was read: its name as given by the user, and its SHA-256."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Marks:
    """The marks of workbooks in the order of their rows: those beside failures, and those without a row.

    `signed` are the workbooks with a filled-in sheet Sign-off. It is not carried over, because it is about the earlier
    workbook. `disputed` are marks that differ between two workbooks: the later workbook counts.
    """

    sources: tuple[Source, ...]
    beside_rows: tuple[Mark, ...]
    without_row: tuple[Mark, ...]
    signed: tuple[str, ...] = ()
    disputed: tuple[Mark, ...] = ()

    @property
    def facts(self) -> dict[str, Any]:
        """The marks as they are described in rendered.json."""
        count = len(self.beside_rows) + len(self.without_row)
        return {"workbooks": [one._asdict() for one in self.sources], "marks": count}

    def of_accounts(self, accounts: Collection[str]) -> Marks:
        """Return the marks beside failures of some accounts."""
        own = [tuple(one for one in some if one.account in accounts) for some in (self.beside_rows, self.without_row)]
        return replace(self, beside_rows=own[0], without_row=own[1])

    def beside(self, rows: pa.Table, room: int) -> tuple[pa.Table, pa.Table]:
        """Return the first `room` rows with these marks, and the marks without a row.

        `rows` are all failures, with the columns `KEY` and `FOUND`. A mark belongs to the failure with the same key. If
        several failures have that key, it belongs to the one in the same line of the same report. The marks without a
        row have the column `WHY` too.
        """
        keys = pd.DataFrame(
            {name: _lines(rows[name], 0) for name in KEY} | {_PLACE: _lines(rows[FOUND], -1)}, dtype="str"
        )
        marks = pd.DataFrame([*self.beside_rows, *self.without_row], columns=[*KEY, _PLACE, _ALONE, *BY_HAND])
        marks = marks.astype({name: "bool" if name == _ALONE else "str" for name in marks.columns})
        position = _positions(keys, marks)
        taken = (position >= 0) & ~pd.Series(position).duplicated(keep="last").to_numpy()
        shown = taken & (position < room)
        rows = rows.slice(0, room)
        for name in BY_HAND:
            texts = np.full(rows.num_rows, None, dtype="object")
            texts[position[shown]] = [text or None for text in marks.loc[shown, name]]
            rows = rows.append_column(name, pa.array(texts, TEXT))
        several = (
            marks.merge(keys[list(KEY)].drop_duplicates(), on=list(KEY), how="left", indicator=True)["_merge"] == "both"
        )
        is_nameless = (marks[["account", "control"]] == "").all(axis=1)
        why = np.select(
            [is_nameless, taken, position >= 0, several.to_numpy()],
            [_NAMELESS, NO_ROOM, _TAKEN, _SEVERAL],
            default=_GONE,
        )
        left = marks.copy()
        left[WHY], left[FOUND] = why, marks[_PLACE]
        left = left.loc[~shown, [*KEY, FOUND, *BY_HAND, WHY]]
        return rows, pa.table({name: pa.array([text or None for text in left[name]], TEXT) for name in left.columns})


_PLACE, _ALONE = "place", "is_alone"


def _positions(keys: pd.DataFrame, marks: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return the position of the failure of each mark; -1 if there is none."""
    keys = keys.assign(position=range(len(keys)), is_alone=~keys.duplicated(list(KEY), keep=False))
    numbered = marks.assign(mark=range(len(marks)))
    by_key = numbered[numbered[_ALONE]].merge(keys[keys[_ALONE]], on=list(KEY))
    by_place = numbered.merge(keys, on=[*KEY, _PLACE])
    found = np.full(len(marks), -1, np.int64)
    for pairs in (by_key, by_place):
        found[pairs["mark"].to_numpy()] = pairs["position"].to_numpy()
    return found


def _lines(column: pa.ChunkedArray, which: int) -> list[str]:
    """Return the first (0) or the last (-1) line of each text."""
    return [_line(text or "", which) for text in column.to_pylist()]


def _line(text: str, which: int) -> str:
    return text.split("\n")[which]


# --- reading ---------------------------------------------------------------------------------------------------------


def read_marks(paths: Sequence[Path]) -> Marks:
    """Return the reviewers' marks in workbooks. Raises InputError for a file that is not the workbook of an audit.

    If several workbooks have a mark on one failure, the filled-in cells of the later one count.
    """
    beside, without, disputed = (
        dict[tuple[str, ...], Mark](),
        dict[tuple[str, ...], Mark](),
        dict[tuple[str, ...], Mark](),
    )
    sources, signed = [], []
    for path in paths:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise InputError(
                f"--carry-over: cannot read {path}: {error.strerror or error}", "check the path"
            ) from error
        sources.append(Source(str(path), hashlib.sha256(data).hexdigest()))
        sheets = _sheets(str(path), data)
        for marks, sheet in ((beside, SHEET), (without, WITHOUT_ROW)):
            for mark in _in_sheets(str(path), sheets, sheet):
                known = marks.get(mark.key)
                if known is not None and any(a and b and a != b for a, b in zip(known.cells, mark.cells, strict=True)):
                    disputed[mark.key] = mark
                marks[mark.key] = mark if known is None else _joined(known, mark)
        if _is_signed(sheets):
            signed.append(str(path))
    return Marks(
        tuple(sources), tuple(beside.values()), tuple(without.values()), tuple(signed), tuple(disputed.values())
    )


def _joined(one: Mark, other: Mark) -> Mark:
    """Return a mark in which the filled-in cells of `other` replace those of `one`."""
    comment, response, due, tick = (b or a for a, b in zip(one.cells, other.cells, strict=True))
    return other._replace(comment=comment, response=response, due=due, tick=tick)


def _is_signed(sheets: Mapping[str, Rows]) -> bool:
    """Whether the sheet Sign-off has more texts than the program writes."""
    return any(cell not in ("", *SIGN_OFF) for cells in sheets.get(SIGN_OFF[0], []) for cell in cells)


def _sheets(name: str, data: bytes) -> Mapping[str, Rows]:
    """Return the cells of the sheets that reviewers fill in, by name."""
    from io import BytesIO  # noqa: PLC0415

    from python_calamine import CalamineError, CalamineWorkbook  # noqa: PLC0415 - few runs need it

    from analyzer.reading.forms.areas import require_dense  # noqa: PLC0415
    from analyzer.reading.forms.content import DamagedError  # noqa: PLC0415
    from analyzer.reading.limits import DAMAGED  # noqa: PLC0415

    try:
        if is_zipfile(BytesIO(data)):
            require_dense(data)
        book = CalamineWorkbook.from_filelike(BytesIO(data))
        sheets = {one: book.get_sheet_by_name(one).to_python() for one in book.sheet_names if _is_filled_in(one)}
    except (CalamineError, DamagedError, BadZipFile, RuntimeError, ValueError, *DAMAGED) as error:
        raise InputError(f"--carry-over: {name} is not a workbook: {error}", _WANTED) from error
    if not any(sheet.startswith(SHEET) for sheet in sheets):
        raise InputError(
            f"--carry-over: {name} has no sheet {SHEET!r}; it has {first_few([repr(one) for one in book.sheet_names])}",
            _WANTED,
        )
    return sheets


def _is_filled_in(sheet: str) -> bool:
    return _is_part(sheet, SHEET) or _is_part(sheet, WITHOUT_ROW) or sheet == SIGN_OFF[0]


def _is_part(sheet: str, name: str) -> bool:
    """Whether a sheet has this name, or continues a sheet of this name, as `name (2)`."""
    return re.fullmatch(rf"{re.escape(name)}( \(\d+\))?", sheet) is not None


def _in_sheets(name: str, sheets: Mapping[str, Rows], wanted: str) -> Iterator[Mark]:
    """Yield the marks of a sheet and of the sheets that continue it."""
    texts = [
        row
        for sheet, rows in sheets.items()
        if _is_part(sheet, wanted)
        for row in _in_sheet(f"{name}, sheet {sheet!r}", rows)
    ]
    keys = [(_line(a, 0), _line(u, 0), _line(c, 0), _line(n, 0)) for a, u, c, n, *_ in texts]
    counts = Counter(keys)
    for key, (*_, found, comment, response, due, tick) in zip(keys, texts, strict=True):
        by_hand = [text.strip() for text in (comment, response, due, tick)]
        if any(by_hand):
            yield Mark(*key, _line(found, -1), counts[key] == 1, *by_hand)


def _in_sheet(place: str, rows: Rows) -> Iterator[list[str]]:
    """Yield the cells of the known columns, row by row. The columns may be in any order, with others between them."""
    columns = (*KEY, FOUND, *BY_HAND)
    header = next((number for number, cells in enumerate(rows) if set(columns) <= set(cells)), None)
    if header is None:
        lacking = sorted(set(columns) - {cell for cells in rows[:5] for cell in cells if isinstance(cell, str)})
        raise InputError(
            f"--carry-over: {place}: no heading row with {', '.join(lacking)}",
            "restore the headings as credreport wrote them",
        )
    places = [list(rows[header]).index(name) for name in columns]
    for cells in rows[header + 1 :]:
        yield [_text(cells[at]) if at < len(cells) else "" for at in places]


def _text(cell: Any) -> str:  # noqa: ANN401 - a cell of any type
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, date):
        return cell.isoformat()[:10]
    return str(cell)


# --- carried over ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CarriedOver:
    """The marks in a new workbook: how many have a row, and which ones have none."""

    marks: Marks
    beside_rows: int
    without_row: tuple[Mark, ...]

    @classmethod
    def to(cls, workbook: Path, marks: Marks) -> CarriedOver:
        """Return the marks in a workbook that was written with `marks`. Raises OutputError if some are missing."""
        found = read_marks([workbook])
        lost = len(marks.beside_rows) + len(marks.without_row) - len(found.beside_rows) - len(found.without_row)
        if lost > 0:
            raise OutputError(
                f"{lost:,} reviewers' marks are missing in the new workbook",
                "this is an error in credreport: report it",
            )
        return cls(marks, len(found.beside_rows), found.without_row)

    @property
    def lines(self) -> list[str]:
        """Sentences on the number of marks that were carried over, and on those without a row."""
        names = ", ".join(one.name for one in self.marks.sources)
        lines = [f"Reviewers' marks in {names}: {self.beside_rows:,} carried over to the sheet {SHEET}."]
        if self.without_row:
            named = first_few([mark.spoken for mark in self.without_row])
            lines.append(f"{counted(len(self.without_row), 'mark')} without a row (sheet {WITHOUT_ROW}): {named}.")
        if self.marks.disputed:
            named = first_few([mark.spoken for mark in self.marks.disputed])
            lines.append(
                f"{counted(len(self.marks.disputed), 'mark')} with different texts in two workbooks; the workbook "
                f"named last counts: {named}."
            )
        if self.marks.signed:
            lines.append(f"The sheet {SIGN_OFF[0]} is not carried over: sign the new workbook.")
        return lines

    @property
    def facts(self) -> dict[str, Any]:
        """The same as plain data."""
        return {
            CARRIED_OVER: {
                "workbooks": [one.name for one in self.marks.sources],
                "marks": self.beside_rows,
                "without_row": [mark._asdict() for mark in self.without_row],
                "disputed": [mark._asdict() for mark in self.marks.disputed],
                "signed": list(self.marks.signed),
            }
        }
