"""Turn rows in other forms into the CSV of a report, with the column names of AWS.

A null becomes a blank cell, which counts as unknown. If it is certain which word of AWS a program stores as null, the
null becomes this word.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from io import SEEK_END, BytesIO, StringIO
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from analyzer.reading.columns import merged_column
from analyzer.reading.forms.content import Content, DamagedError, NotAReportError, Opened, Remark
from analyzer.reading.forms.headers import FoundHeader, Header, canonical, is_header, squeezed
from analyzer.reading.forms.programs import ACCOUNT_NAMES, program_of
from analyzer.reading.forms.values import dated
from analyzer.reading.layout import COLUMNS, ROOT_USER, TIMESTAMP_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from analyzer.reading.forms.programs import Program

_YEAR_1: Final = "0001-01-01T00:00:00"
"""The time that some programs write for a missing time."""
_NULLS: Final = ("<null>",)
_NO_ROWS: Final = "no rows, which does not show that the account has no users; download the report again"


def from_mappings(rows: Sequence[Mapping[str, object]], shape: str, keys: Iterable[str] = ()) -> Opened:
    """Return the reports in rows that are mappings of column names to values."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = [pa.array([_text(row.get(name)) for row in rows], pa.string()) for name in names]
    return from_table(names, columns, shape, keys)


def from_cells(names: Sequence[str], rows: Sequence[Sequence[str | None]], shape: str) -> Opened:
    """Return the reports in rows of cells; every row has one cell for each name."""
    columns = [pa.array([row[position] for row in rows], pa.string()) for position in range(len(names))]
    return from_table(names, columns, shape)


def from_table(names: Sequence[str], columns: Sequence[Any], shape: str, keys: Iterable[str] = ()) -> Opened:
    """Return the reports in columns of texts: one, or one per GeneratedTime if a program stores this in each row.

    Raises NotAReportError if the columns are not those of a report, and DamagedError if they are not reliable.
    """
    program = program_of(names, keys)
    shape = f"{shape}, {program.name}" if program else shape
    if program and program.refused:
        raise DamagedError(f"rows from {program.name}: {program.refused}")
    new_names = program.names if program else {}
    renamed: dict[str, Any] = {}
    for name, column in zip(names, columns, strict=True):
        new_name = new_names.get(name.strip().lower()) or canonical(name)
        if new_name not in renamed:
            renamed[new_name] = column
        elif new_name in COLUMNS:
            renamed[new_name] = merged_column(renamed[new_name], column)
    if not is_header(list(renamed)):
        raise NotAReportError("rows without the columns of a credential report")
    times_of = {*TIMESTAMP_COLUMNS, program.generated if program else None}
    cells = pa.table({name: _plain(column, is_time=name in times_of) for name, column in renamed.items()})
    cells = cells.filter(_has_text(cells))
    if not cells.num_rows:
        raise DamagedError(f"{shape}: {_NO_ROWS}")
    if program is not None:
        cells = _with_sentinels(cells, program)
    remarks = _remarks(program, shape)
    generated = program.generated if program else None
    if generated is None or generated not in renamed:
        return [_content(cells, shape, remarks)]
    times = pc.fill_null(cells[generated], "")
    return [
        dated(_content(cells.filter(pc.equal(times, time)), shape, remarks), time.as_py() or None)
        for time in sorted(pc.unique(times), key=lambda scalar: scalar.as_py())
    ]


def _remarks(program: Program | None, shape: str) -> tuple[Remark, ...]:
    remarks = []
    if program and program.lost:
        lost = f"{shape}: {program.lost}: what is not certain is not checked; use the original report from AWS"
        remarks.append(Remark("lossy_form", lost))
    if program and program.filters:
        message = f"{shape}: it may contain only some of the users, so a user who is missing here may still exist"
        remarks.append(Remark("filtered_form", message))
    return tuple(remarks)


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


def _plain(column: Any, *, is_time: bool) -> Any:  # noqa: ANN401 - a column of Arrow
    """Return a column without texts that mean null and without line ends; a NUL makes a cell unreadable."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    nothing = pc.is_in(column, pa.array(_NULLS))
    if is_time:
        nothing = pc.or_(nothing, pc.starts_with(column, _YEAR_1))
    column = pc.if_else(pc.fill_null(nothing, fill_value=False), pa.scalar(None, pa.string()), column)
    column = pc.replace_substring(column, "\0", "\ufffd")
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(column, r"[\r\n]+", " "))


def _has_text(cells: Any) -> Any:  # noqa: ANN401 - a table and a mask of Arrow
    """Return a mask of the rows that have a text: some programs turn a final line end into an empty row."""
    has_text = pa.chunked_array([pa.array(np.zeros(cells.num_rows, bool))])
    for column in cells.columns:
        has_text = pc.or_(has_text, pc.not_equal(pc.fill_null(column, ""), ""))
    return has_text


def _with_sentinels(cells: Any, program: Program) -> Any:  # noqa: ANN401 - a table of Arrow
    """Return the rows with the words of AWS in place of nulls that can have only one meaning."""
    no = pa.array(np.zeros(cells.num_rows, bool))
    is_root = pc.fill_null(pc.equal(cells["user"], ROOT_USER), fill_value=False) if "user" in cells.column_names else no
    for rule in program.nulls:
        where = pa.chunked_array([pc.invert(no)])
        if rule.where is not None:
            has_column = rule.where in cells.column_names
            where = pc.is_in(pc.utf8_lower(cells[rule.where]), pa.array(rule.among)) if has_column else no
        if not rule.of_root:
            where = pc.and_(where, pc.invert(is_root))
        for column in rule.columns:
            if column not in cells.column_names:
                continue
            lost = pc.and_(where, pc.is_in(pc.fill_null(cells[column], ""), pa.array([""])))
            filled = pc.if_else(lost, rule.text, cells[column])
            cells = cells.set_column(cells.column_names.index(column), column, filled)
    if not program.believes_root and "password_enabled" in cells.column_names:
        believed = pc.if_else(is_root, pa.scalar(None, pa.string()), cells["password_enabled"])
        cells = cells.set_column(cells.column_names.index("password_enabled"), "password_enabled", believed)
    return cells


def _content(cells: Any, shape: str, remarks: tuple[Remark, ...]) -> Content:  # noqa: ANN401 - a table of Arrow
    """Return rows as the CSV of a report, with the columns in the order of AWS."""
    account = next((name for name in cells.column_names if squeezed(name) in ACCOUNT_NAMES), None)
    names = [name for name in COLUMNS if name in cells.column_names]
    if account is not None and "arn" not in names:
        names.append(account)
    return replace(as_csv(cells.select(names), shape), remarks=remarks)


def as_csv(cells: Any, shape: str) -> Content:  # noqa: ANN401 - a table of Arrow
    """Return a table of texts as CSV; cells are quoted only if some cell needs it."""
    names = tuple(cells.column_names)
    header = StringIO()
    csv.writer(header, lineterminator="\n").writerow(names)
    for quoting in ("none", "needed"):
        buffer = BytesIO(header.getvalue().encode())
        buffer.seek(0, SEEK_END)
        options = arrow_csv.WriteOptions(include_header=False, quoting_style=quoting)
        try:
            arrow_csv.write_csv(cells, buffer, write_options=options)
            break
        except pa.ArrowInvalid:  # a cell with a comma or quote
            continue
    data = buffer.getvalue().removesuffix(b"\n")
    return Content(data, FoundHeader(Header(names, ","), 0, len(header.getvalue()) - 1), shape, "utf-8")
