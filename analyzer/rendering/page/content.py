"""What a page shows, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from analyzer import manual
from analyzer.rendering.page.columns import as_data

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa


@dataclass
class Content:
    """What the template shows (`shown`), and the JSON that the script reads (`data`), by name."""

    shown: dict[str, Any]
    data: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PageTable:
    """A table of a page: `visible` are the columns that are shown, `filters` those that readers choose values of."""

    name: str
    title: str
    rows: pa.Table
    visible: Sequence[str]
    filters: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    file: str = "the Parquet tables, or manifest.json,"

    @property
    def shown(self) -> dict[str, Any]:
        """What the template needs of it."""
        there = [name for name in self.visible if name in self.rows.column_names]
        return {"name": self.name, "title": self.title, "note": self.note, "file": self.file, "columns": there}


def with_tables(shown: dict[str, Any], tables: Sequence[PageTable], more: Mapping[str, str] | None = None) -> Content:
    """Return the content of a page with these tables; `more` are further JSON texts that its script reads."""
    each = ", ".join(f'"{one.name}": {as_data(one.rows, one.labels, one.filters)}' for one in tables)
    return Content(shown | {"tables": [one.shown for one in tables]}, {"tables": f"{{{each}}}", **(more or {})})


def link(table: str, **chosen: str | Sequence[str]) -> str:
    """Return where the rows of a table with these values are on the page; `-` stands for no value."""
    pairs = [(name, one) for name, some in chosen.items() for one in ([some] if isinstance(some, str) else some)]
    return f"#{table}?{'&'.join(f'{name}={_encoded(value)}' for name, value in pairs)}"


def _encoded(text: str) -> str:
    """Return a text as the query of an address has it."""
    return "".join(chr(byte) if chr(byte) in _PLAIN else f"%{byte:02X}" for byte in text.encode())


def help_sections() -> list[dict[str, Any]]:
    """Return the sections of the page that explain it, from the manual."""
    limits = [("", text) for text in manual.paragraphs("judging", "What a credential report cannot show")]
    decided = [("", text) for text in manual.paragraphs("judging", "Every control")]
    return [
        {"id": "decided", "title": "How checks are decided", "pairs": decided},
        {"id": "limits", "title": "What a credential report cannot show", "pairs": limits},
        {"id": "terms", "title": "Terms", "pairs": manual.terms()},
    ]


_PLAIN: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
