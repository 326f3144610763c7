"""The sheet Provenance: the digest of the evidence set, program versions, settings, and all inputs."""

from __future__ import annotations

import textwrap
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from analyzer import __version__
from analyzer.evidence.answer import settings_in_lines
from analyzer.evidence.schema import TEXT, to_arrow
from analyzer.reading.columns import TIME
from analyzer.rendering.workbook.engine import SheetLayout, TableRows, TableSheet

if TYPE_CHECKING:
    from analyzer.evidence.summary import Summary
    from analyzer.rendering.workbook.engine import Book

_PREFACE_WIDTH: Final = 150
_INPUTS: Final = pa.schema(
    {
        "name": TEXT,
        "sha256": TEXT,
        "bytes": pa.int64(),
        "rows": pa.int64(),
        "rejected": pa.int64(),
        "account_id": TEXT,
        "captured_at": TIME,
        "captured_from": TEXT,
        "newest_time": TIME,
        "judged": pa.bool_(),
        "as_of": TIME,
        "container": TEXT,
        "encoding": TEXT,
        "layout": TEXT,
    }
)


def digest_in_words(digest: str) -> str:
    """Return the line with the digest of the evidence set, as the page and the PDF have it at their foot."""
    return f"digest of the evidence set (credreport verify prints it): {digest}"


def provenance(book: Book, summary: Summary, digest: str) -> TableSheet:
    """Return the sheet Provenance; `digest` is the digest of the evidence set."""
    inputs = to_arrow(summary.inputs, _INPUTS)
    judged = inputs.column_names.index("judged")
    inputs = inputs.set_column(judged, "judged", pc.if_else(inputs["judged"], "yes", "no"))
    programs = [
        f"credreport {__version__}",
        *(f"{name} {version(name)}" for name in ("pandas", "pyarrow", "XlsxWriter")),
    ]
    # A long line would make the printed table small.
    lines = [
        line
        for text in (digest_in_words(digest), f"Made by {', '.join(programs)}", *settings_in_lines(summary))
        for line in textwrap.wrap(text, _PREFACE_WIDTH, subsequent_indent="    ", break_on_hyphens=False)
    ]
    preface = (("Provenance", book.styles.title), *((line, book.styles.text) for line in lines))
    return TableSheet("Provenance", TableRows.of(inputs), SheetLayout(preface=preface, frozen=1))
