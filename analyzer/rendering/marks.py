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
FINDING: Final = "what was found"
"""The column whose last line has the report of a failure, and the line in it."""
BY_HAND: Final = ("comment", "management response", "due", "tick")
"""The columns that reviewers fill in."""
WHY: Final = "why it has no row"
SIGN_OFF: Final = ("Sign-off", "Prepared by", "Date prepared", "Reviewed by", "Date reviewed", "Conclusion")
"""The name of the sheet for the signatures, and the texts on it before it is filled in."""
EVIDENCE_SET: Final = "Evidence set (digest)"
"""The label of the row on that sheet that names what is signed: the program fills it in."""
CARRIED_OVER: Final = "carried_over"
"""The key in rendered.json with the workbooks whose marks were carried over."""
_HINT: Final = "give a workbook.xlsx that credreport wrote for an audit"
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
    def as_text(self) -> str:
        """The failure of the mark as a text."""
        return (
            " ".join(part for part in (self.account, self.user, self.credential, self.control) if part)
            or "(no failure)"
        )


class MarkedWorkbook(NamedTuple):
    """A workbook that was read: its name as given by the user, and its SHA-256."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Marks:
    """The marks of workbooks in the order of their rows: those beside failures, and those without a row.

    `signed` are the workbooks with a filled-in sheet Sign-off. It is not carried over, because it is about the earlier
    workbook. `disputed` are marks that differ between two workbooks: the later workbook counts.
    """

    sources: tuple[MarkedWorkbook, ...]
    beside_rows: tuple[Mark, ...]
    without_row: tuple[Mark, ...]
    signed: tuple[str, ...] = ()
    disputed: tuple[Mark, ...] = ()

    @property
    def facts(self) -> dict[str, Any]:
        """The marks as they are described in rendered.json."""
        count = len(self.beside_rows) + len(self.without_row)
        return {"workbooks": [source._asdict() for source in self.sources], "marks": count}

    def of_accounts(self, accounts: Collection[str]) -> Marks:
        """Return the marks beside failures of some accounts."""
        parts = [
            tuple(mark for mark in marks if mark.account in accounts) for marks in (self.beside_rows, self.without_row)
        ]
        return replace(self, beside_rows=parts[0], without_row=parts[1])

    def beside(self, rows: pa.Table, room: int) -> tuple[pa.Table, pa.Table]:
        """Return the first `room` rows with these marks, and the marks without a row.

        `rows` are all failures, with the columns `KEY` and `FINDING`. A mark belongs to the failure with the same key.
        If several failures have that key, it belongs to the one in the same line of the same report. The marks without
        a row have the column `WHY` too.
        """
        keys = pd.DataFrame(
            {name: _lines(rows[name], 0) for name in KEY} | {_PLACE: _lines(rows[FINDING], -1)}, dtype="str"
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
        has_namesakes = (
            marks.merge(keys[list(KEY)].drop_duplicates(), on=list(KEY), how="left", indicator=True)["_merge"] == "both"
        )
        is_nameless = (marks[["account", "control"]] == "").all(axis=1)
        reasons = np.select(
            [is_nameless, taken, position >= 0, has_namesakes.to_numpy()],
            [_NAMELESS, NO_ROOM, _TAKEN, _SEVERAL],
            default=_GONE,
        )
        remaining = marks.copy()
        remaining[WHY], remaining[FINDING] = reasons, marks[_PLACE]
        remaining = remaining.loc[~shown, [*KEY, FINDING, *BY_HAND, WHY]]
        return rows, pa.table(
            {name: pa.array([text or None for text in remaining[name]], TEXT) for name in remaining.columns}
        )


_PLACE, _ALONE = "place", "is_alone"


def _positions(keys: pd.DataFrame, marks: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return the position of the failure of each mark; -1 if there is none."""
    keys = keys.assign(position=range(len(keys)), is_alone=~keys.duplicated(list(KEY), keep=False))
    numbered = marks.assign(mark=range(len(marks)))
    by_key = numbered[numbered[_ALONE]].merge(keys[keys[_ALONE]], on=list(KEY))
    by_place = numbered.merge(keys, on=[*KEY, _PLACE])
    positions = np.full(len(marks), -1, np.int64)
    for pairs in (by_key, by_place):
        positions[pairs["mark"].to_numpy()] = pairs["position"].to_numpy()
    return positions


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
        sources.append(MarkedWorkbook(str(path), hashlib.sha256(data).hexdigest()))
        sheets = _sheets(str(path), data)
        for marks, sheet in ((beside, SHEET), (without, WITHOUT_ROW)):
            for mark in _in_sheets(str(path), sheets, sheet):
                earlier = marks.get(mark.key)
                if earlier is not None and any(
                    a and b and a != b for a, b in zip(earlier.cells, mark.cells, strict=True)
                ):
                    disputed[mark.key] = mark
                marks[mark.key] = mark if earlier is None else _joined(earlier, mark)
        if _is_signed(sheets):
            signed.append(str(path))
    return Marks(
        tuple(sources), tuple(beside.values()), tuple(without.values()), tuple(signed), tuple(disputed.values())
    )


def _joined(earlier: Mark, later: Mark) -> Mark:
    """Return a mark in which the filled-in cells of `later` replace those of `earlier`."""
    comment, response, due, tick = (new or old for old, new in zip(earlier.cells, later.cells, strict=True))
    return later._replace(comment=comment, response=response, due=due, tick=tick)


def _is_signed(sheets: Mapping[str, Rows]) -> bool:
    """Whether the sheet Sign-off has more texts than the program writes."""
    rows = (cells for cells in sheets.get(SIGN_OFF[0], []) if EVIDENCE_SET not in cells)
    return any(cell not in ("", *SIGN_OFF) for cells in rows for cell in cells)


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
        sheets = {
            sheet_name: book.get_sheet_by_name(sheet_name).to_python()
            for sheet_name in book.sheet_names
            if _is_filled_in(sheet_name)
        }
    except (CalamineError, DamagedError, BadZipFile, RuntimeError, ValueError, *DAMAGED) as error:
        raise InputError(f"--carry-over: {name} is not a workbook: {error}", _HINT) from error
    if not any(sheet.startswith(SHEET) for sheet in sheets):
        names = first_few([repr(sheet_name) for sheet_name in book.sheet_names])
        raise InputError(f"--carry-over: {name} has no sheet {SHEET!r}; it has {names}", _HINT)
    return sheets


def _is_filled_in(sheet: str) -> bool:
    return _is_part(sheet, SHEET) or _is_part(sheet, WITHOUT_ROW) or sheet == SIGN_OFF[0]


def _is_part(sheet: str, name: str) -> bool:
    """Whether a sheet has this name, or continues a sheet of this name, as `name (2)`."""
    return re.fullmatch(rf"{re.escape(name)}( \(\d+\))?", sheet) is not None


def _in_sheets(workbook: str, sheets: Mapping[str, Rows], sheet_name: str) -> Iterator[Mark]:
    """Yield the marks of a sheet and of the sheets that continue it."""
    cell_rows = [
        row
        for sheet, rows in sheets.items()
        if _is_part(sheet, sheet_name)
        for row in _in_sheet(f"{workbook}, sheet {sheet!r}", rows)
    ]
    keys = [(_line(a, 0), _line(u, 0), _line(c, 0), _line(n, 0)) for a, u, c, n, *_ in cell_rows]
    counts = Counter(keys)
    for key, (*_, evidence, comment, response, due, tick) in zip(keys, cell_rows, strict=True):
        by_hand = [text.strip() for text in (comment, response, due, tick)]
        if any(by_hand):
            yield Mark(*key, _line(evidence, -1), counts[key] == 1, *by_hand)


def _in_sheet(location: str, rows: Rows) -> Iterator[list[str]]:
    """Yield the cells of the known columns, row by row. The columns may be in any order, with others between them."""
    columns = (*KEY, FINDING, *BY_HAND)
    header = next((number for number, cells in enumerate(rows) if set(columns) <= set(cells)), None)
    if header is None:
        missing = sorted(set(columns) - {cell for cells in rows[:5] for cell in cells if isinstance(cell, str)})
        raise InputError(
            f"--carry-over: {location}: no heading row with {', '.join(missing)}",
            "restore the headings as credreport wrote them",
        )
    positions = [list(rows[header]).index(name) for name in columns]
    for cells in rows[header + 1 :]:
        yield [_text(cells[position]) if position < len(cells) else "" for position in positions]


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
        written = read_marks([workbook])
        missing = len(marks.beside_rows) + len(marks.without_row) - len(written.beside_rows) - len(written.without_row)
        if missing > 0:
            raise OutputError(
                f"{missing:,} reviewers' marks are missing in the new workbook",
                "this is an error in credreport: report it",
            )
        return cls(marks, len(written.beside_rows), written.without_row)

    @property
    def lines(self) -> list[str]:
        """Sentences on the number of marks that were carried over, and on those without a row."""
        workbooks = ", ".join(source.name for source in self.marks.sources)
        lines = [f"Reviewers' marks in {workbooks}: {self.beside_rows:,} carried over to the sheet {SHEET}."]
        if self.without_row:
            names = first_few([mark.as_text for mark in self.without_row])
            lines.append(f"{counted(len(self.without_row), 'mark')} without a row (sheet {WITHOUT_ROW}): {names}.")
        if self.marks.disputed:
            names = first_few([mark.as_text for mark in self.marks.disputed])
            lines.append(
                f"{counted(len(self.marks.disputed), 'mark')} with different texts in two workbooks; the workbook "
                f"named last counts: {names}."
            )
        if self.marks.signed:
            lines.append(f"The sheet {SIGN_OFF[0]} is not carried over: sign the new workbook.")
        return lines

    @property
    def facts(self) -> dict[str, Any]:
        """The same as plain data."""
        return {
            CARRIED_OVER: {
                "workbooks": [source.name for source in self.marks.sources],
                "marks": self.beside_rows,
                "without_row": [mark._asdict() for mark in self.without_row],
                "disputed": [mark._asdict() for mark in self.marks.disputed],
                "signed": list(self.marks.signed),
            }
        }
