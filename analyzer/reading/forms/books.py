"""Read spreadsheets and Parquet files."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from analyzer.reading.forms.areas import require_dense
from analyzer.reading.forms.content import (
    Content,
    DamagedError,
    NotAReportError,
    Opened,
    OwnOutputError,
    left_out_lines,
)
from analyzer.reading.forms.headers import is_header, known_columns
from analyzer.reading.forms.programs import program_of
from analyzer.reading.limits import DAMAGED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAKER: Final = "credreport"
_SHEET: Final = "xl/workbook"
_PROPERTIES: Final = "docProps/core.xml"
_LARGEST: Final = 200_000_000
"""The most unpacked bytes of a spreadsheet that is read."""
_ENOUGH: Final = 5
_DAMAGED: Final = (zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError, *DAMAGED)
"""The errors of unpacking a spreadsheet that is cut, corrupt, encrypted or packed with an unknown method."""


def open_parquet(data: bytes) -> Opened:
    """Return the reports in a Parquet file. Raises OwnOutputError if credreport wrote the file."""
    import pyarrow as pa  # noqa: PLC0415 - few forms need Arrow
    import pyarrow.compute as pc  # noqa: PLC0415
    from pyarrow import parquet  # noqa: PLC0415

    from analyzer.reading.forms import grids  # noqa: PLC0415

    try:
        file = parquet.ParquetFile(BytesIO(data))
        names = file.schema_arrow.names
        if _is_own(file.schema_arrow.metadata or {}, names):
            raise OwnOutputError("a table that credreport made")
        if program_of(names) is None and len(known_columns(names)) < _ENOUGH:
            raise NotAReportError("a Parquet file without the columns of a credential report")
        table = file.read()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DamagedError(f"the Parquet file cannot be read ({error}); copy or export it again") from error
    columns = []
    for column in table.columns:
        kind = column.type
        if pa.types.is_dictionary(kind):
            column, kind = column.cast(kind.value_type), kind.value_type  # noqa: PLW2901
        if pa.types.is_timestamp(kind):
            zone = "Z" if kind.tz else ""
            texts = pc.strftime(column.cast(pa.timestamp("us", kind.tz and "UTC")), f"%Y-%m-%dT%H:%M:%S{zone}")
        elif pa.types.is_nested(kind) or pa.types.is_binary(kind):
            texts = pa.nulls(len(column), pa.string())
        else:
            texts = column.cast(pa.string())
        columns.append(texts)
    return grids.from_table(names, columns, "parquet")


def _is_own(metadata: dict[bytes, bytes], names: Sequence[str]) -> bool:
    return b"credreport" in b" ".join([*metadata.keys(), *metadata.values()]) or {
        "captured_at",
        "source",
        "line",
    } <= set(names)


def open_workbook(data: bytes) -> Iterator[tuple[str, Content | DamagedError]]:
    """Yield the reports in a spreadsheet, each with the name of its sheet.

    Raises NotAReportError if no sheet contains a report, and OwnOutputError if credreport wrote the spreadsheet.
    """
    try:
        _require_openable(data)
    except _DAMAGED as error:
        raise DamagedError(f"the spreadsheet cannot be unpacked ({error}); copy it again") from error
    yield from _sheets(data)


def _require_openable(data: bytes) -> None:
    """Raise an error, as `open_workbook` does, if a spreadsheet cannot or must not be opened."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        names = archive.namelist()
        if _PROPERTIES in names and MAKER.encode() in archive.read(_PROPERTIES):
            raise OwnOutputError("a workbook that credreport made")
        if not any(name.startswith((_SHEET, "content.xml")) for name in names):
            raise NotAReportError("an office document; save the sheet as CSV and name that file")
        if sum(member.file_size for member in archive.infolist()) > _LARGEST:
            raise DamagedError("the spreadsheet is too large; save the sheet as CSV and name that file")
    require_dense(data)


def _sheets(data: bytes) -> Iterator[tuple[str, Content | DamagedError]]:
    from python_calamine import CalamineError, load_workbook  # noqa: PLC0415 - only spreadsheets need it

    try:
        book = load_workbook(BytesIO(data))
        sheets = [(name, book.get_sheet_by_name(name).to_python(skip_empty_area=False)) for name in book.sheet_names]
    except (CalamineError, OSError, ValueError) as error:
        raise DamagedError(
            f"the spreadsheet cannot be opened ({error}); save the sheet as CSV and name that file"
        ) from error
    has_report = False
    for name, rows in sheets:
        texts = [[_cell(value) for value in row] for row in rows]
        at = next((number for number, row in enumerate(texts) if is_header([cell or "" for cell in row])), None)
        if at is None:
            continue
        has_report = True
        try:
            for content in _sheet(texts, at):
                yield name, content
        except (DamagedError, NotAReportError) as error:
            yield name, DamagedError(str(error))
    if not has_report:
        raise NotAReportError("a spreadsheet in which no sheet has the header of a credential report")


def _sheet(texts: list[list[str | None]], at: int) -> Opened:
    """Return the report in a sheet whose header is in row `at`."""
    from analyzer.reading.forms import grids  # noqa: PLC0415 - few forms need Arrow

    above = [(number + 1, " ".join(filter(None, row))) for number, row in enumerate(texts[:at]) if any(row)]
    opened = grids.from_cells([cell or "" for cell in texts[at]], texts[at + 1 :], "spreadsheet")
    remarks = left_out_lines(above)
    return [
        replace(content, remarks=content.remarks + remarks) if isinstance(content, Content) else content
        for content in opened
    ]


def _cell(value: Any) -> str | None:  # noqa: ANN401 - of any kind that spreadsheets have
    """Return a cell as text. A date has no UTC offset, so its text is not accepted as a time."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) or None
