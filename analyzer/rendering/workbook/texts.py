"""Texts that cells share (ECMA-376, Shared String Table): a workbook has each text once, and cells its number."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.rendering.workbook.escaping import escaped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PART: Final = "xl/sharedStrings.xml"
_FORMATS: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_RELATIONS: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
NAMING_PARTS: Final = {
    "[Content_Types].xml": (
        b"</Types>",
        f'<Override PartName="/{PART}" ContentType="{_FORMATS}.sharedStrings+xml"/>'.encode(),
    ),
    "xl/_rels/workbook.xml.rels": (
        b"</Relationships>",
        f'<Relationship Id="texts" Type="{_RELATIONS}/sharedStrings" Target="sharedStrings.xml"/>'.encode(),
    ),
}
"""The parts of a workbook that have to name this one: before which end, and by what."""
_BEGINNING: Final = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" uniqueCount="{count}">'
)


@dataclass
class SharedTexts:
    """The texts that cells of a workbook share, each with its number."""

    _numbers: dict[str, int] = field(default_factory=dict)

    def add(self, texts: Iterable[str]) -> None:
        """Give new texts the next numbers."""
        for text in texts:
            self._numbers.setdefault(text, len(self._numbers))

    def numbers(self, texts: pa.Array) -> pa.Array:
        """Return the number of each text, as a text; null for null, and for a text without a number."""
        return pa.array(map(self._numbers.get, texts.to_pylist()), pa.int64()).cast(pa.string())

    def pieces(self) -> Iterator[bytes]:
        """Yield the part with all texts."""
        yield _BEGINNING.format(count=len(self._numbers)).encode()
        elements = pc.binary_join_element_wise("<si><t", escaped(pa.array(self._numbers, pa.string())), "</t></si>", "")
        yield "".join(elements.to_pylist()).encode()
        yield b"</sst>"
