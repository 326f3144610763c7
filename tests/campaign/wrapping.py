"""The containers in which reports are mutated: those of `tests.strategies`, and the forms that hold rows."""

from __future__ import annotations

import base64
import binascii
import gzip
import io
import json
import re
import tarfile
import zipfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import pyarrow as pa
from pyarrow import parquet

from tests.strategies import containers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.campaign.sheets import Sheet

GENERATED: Final = datetime(2026, 10, 31, 8, tzinfo=UTC)
_XML_CANNOT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\r\ufffe\uffff]|^\\s|\\s$|^$")


def _as_text(name: str) -> Callable[[Sheet], bytes]:
    if "semicolons" in name:
        return lambda sheet: (sheet.csv(";") + "\n").replace("\n", "\r\n").encode()
    return lambda sheet: containers[name](sheet.csv(), GENERATED)


def _tar(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("reports/report.csv")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()[: 1536 + -(-len(data) // 512) * 512]


def _mappings(sheet: Sheet) -> list[dict[str, str]]:
    return [dict(zip(sheet.header, line.cells, strict=True)) for line in sheet.lines]


def _parquet(sheet: Sheet) -> bytes:
    columns = zip(*(line.cells for line in sheet.lines), strict=True)
    buffer = io.BytesIO()
    parquet.write_table(pa.table(dict(zip(sheet.header, map(list, columns), strict=True))), buffer)
    return buffer.getvalue()


def sheet_xml(sheet: Sheet) -> str:
    """Return the sheet of a spreadsheet, with its texts in the cells."""

    def cell(text: str) -> str:
        escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return f'<c t="inlineStr"><is><t xml:space="preserve">{escaped}</t></is></c>' if text else "<c/>"

    rows = (sheet.header, *(line.cells for line in sheet.lines))
    rows_xml = "".join(f"<row>{''.join(map(cell, cells))}</row>" for cells in rows)
    return f'<worksheet xmlns="{_MAIN}"><sheetData>{rows_xml}</sheetData></worksheet>'


_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PARTS: Final = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="xml" '
    'ContentType="application/xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r1" '
    f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r1" '
    f'Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets><sheet name="Report" sheetId="1" '
    'r:id="r1"/></sheets></workbook>',
}


def spreadsheet(parts: Mapping[str, str | bytes]) -> bytes:
    """Return a spreadsheet with these parts in the place of, or beside, the least that there has to be."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in {**_PARTS, **parts}.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 10, 31, 12, 0, 0)), content, zipfile.ZIP_DEFLATED, 1)
    return buffer.getvalue()


def xlsx(sheet: Sheet) -> bytes:
    """Return a report as a spreadsheet."""
    return spreadsheet({"xl/worksheets/sheet1.xml": sheet_xml(sheet)})


TEXTS: Final[Mapping[str, Callable[[Sheet], bytes]]] = {name: _as_text(name) for name in containers} | {
    "tar": lambda sheet: _tar(sheet.csv().encode()),
    "tar.gz": lambda sheet: gzip.compress(_tar(sheet.csv().encode()), 1, mtime=0),
}
"""Containers that hold any text."""
ROWS: Final[Mapping[str, Callable[[Sheet], bytes]]] = {
    "list of mappings": lambda sheet: json.dumps(_mappings(sheet)).encode(),
    "JSON lines": lambda sheet: "\n".join(map(json.dumps, _mappings(sheet))).encode(),
    "list of lists": lambda sheet: json.dumps([sheet.header, *(line.cells for line in sheet.lines)]).encode(),
    "xlsx": xlsx,
    "parquet": _parquet,
}
"""Containers of rows: what is no row any more does not fit in."""
CONTAINERS: Final = {**TEXTS, **ROWS}
_EXTENSIONS: Final = {"xlsx": "xlsx", "parquet": "parquet", "JSON lines": "ndjson", "zip": "zip", "text": "txt"}


def extension(container: str) -> str:
    """Return how the name of a file with a container ends."""
    ending = _EXTENSIONS.get(container)
    return ending or ("json" if "json" in container or "list" in container else "csv" if "csv" in container else "dat")


def fits(container: str, sheet: Sheet) -> bool:
    """Whether a container can hold the rows as they are."""
    if container in TEXTS:
        return True
    if not sheet.is_plain or not sheet.header or not sheet.lines or "" in sheet.header:
        return False
    return container != "xlsx" or not any(
        _XML_CANNOT.search(cell) for line in sheet.lines for cell in line.cells if cell
    )


def csv_inside(container: str, data: bytes) -> str | None:
    """Return the CSV in a damaged file, where the damage leaves no doubt about it and every line ends with LF."""
    try:
        if container in {"csv", "csv with a final newline", "csv with a BOM", "csv with CRLF"}:
            text = data.decode("utf-8-sig")
        elif container == "csv in UTF-16LE with CRLF":
            text = data.removeprefix(b"\xff\xfe").decode("utf-16-le")
        elif container == "csv in UTF-16BE":
            text = data.removeprefix(b"\xfe\xff").decode("utf-16-be")
        elif container == "base64":
            text = base64.b64decode(data.strip(), validate=True).decode()
        else:
            return None
    except (UnicodeDecodeError, binascii.Error, ValueError):
        return None
    text = text.replace("\r\n", "\n")
    return None if re.search("[\r\0\x0b\x0c\x1c-\x1f\x85\u2028\u2029]", text) else text
