"""The content of a page, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from analyzer.rendering import manual
from analyzer.rendering.page.columns import as_data, as_json, as_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pyarrow as pa


@dataclass
class PageContent:
    """The content of a page: `shown` are variables of the template, `data` is JSON for the script, in pieces."""

    shown: dict[str, Any]
    data: Iterable[bytes]


class Linked(NamedTuple):
    """A part of a text: a link if `href` is not empty."""

    text: str
    href: str


HREF: Final = "href:"
"""The beginning of the names of columns with links: those of the cells of another column."""


@dataclass(frozen=True)
class Note:
    """A section that explains something: names with their texts, or paragraphs."""

    id: str
    title: str
    pairs: Sequence[Sequence[str]] = ()
    texts: Sequence[str] = ()


@dataclass(frozen=True)
class PageTable:
    """A table of a page.

    `visible` are the columns that the table shows. `filters` are the columns with a list of values to choose from.
    `file` is the file that has the same rows. `blank` is the text of a number that is null.
    """

    name: str
    title: str
    rows: pa.Table
    visible: Sequence[str]
    filters: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    file: str = "the Parquet tables"
    blank: str = ""

    @property
    def shown(self) -> dict[str, Any]:
        """The table as the template reads it."""
        columns = [name for name in self.visible if name in self.rows.column_names]
        return {"name": self.name, "title": self.title, "note": self.note, "file": self.file, "columns": columns}


def with_tables(
    shown: dict[str, Any], tables: Sequence[PageTable], further_data: Mapping[str, Any] | None = None
) -> PageContent:
    """Return the content of a page with these tables; `further_data` are further values for its script, by name."""
    table_data = as_object(
        {table.name: as_data(table.rows, table.labels, table.filters, table.blank) for table in tables}
    )
    others = {name: [as_json(value)] for name, value in (further_data or {}).items()}
    return PageContent(
        shown | {"tables": [table.shown for table in tables]}, as_object({"tables": table_data, **others})
    )


def link(table: str, **chosen: str | Sequence[str]) -> str:
    """Return the link to the rows of a table with these values, by column; `-` means an empty cell."""
    pairs = [
        (name, value) for name, values in chosen.items() for value in ([values] if isinstance(values, str) else values)
    ]
    return f"#{table}?{'&'.join(f'{name}={_encoded(value)}' for name, value in pairs)}"


def _encoded(text: str) -> str:
    """Return a text in percent-encoding, for the query of a link."""
    return "".join(chr(byte) if chr(byte) in _PLAIN else f"%{byte:02X}" for byte in text.encode())


def help_sections() -> list[Note]:
    """Return the sections at the end of a page that explain it. Their texts come from the manual."""
    limits = "What a credential report cannot show"
    return [
        Note("decided", "How checks are decided", texts=manual.paragraphs("judging", "Every control")),
        Note("limits", limits, texts=manual.paragraphs("judging", limits)),
        Note("terms", "Terms", pairs=manual.terms()),
    ]


_PLAIN: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
