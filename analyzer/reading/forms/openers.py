"""Open texts that do not begin with a header, by trying the families of forms in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.reading.forms import answers, bent, documents, dumps, marks, tables, texts
from analyzer.reading.forms.content import NotAReportError

if TYPE_CHECKING:
    from collections.abc import Callable

    from analyzer.reading.forms.content import Opened


def _of_text(opener: Callable[[str], Opened | None]) -> Callable[[bytes], Opened | None]:
    return lambda data: opener(data.decode("utf-8", errors="replace"))


_OPENERS: Final[tuple[Callable[[bytes], Opened | None], ...]] = (
    bent.open_quoted,
    *map(_of_text, (documents.open_json, dumps.open_repr, texts.open_literal, documents.open_xml, texts.open_armour)),
    *map(_of_text, (dumps.open_dump, documents.open_yaml, tables.open_records)),
    *(bent.open_foreign, bent.open_bent, bent.open_below),
    *map(_of_text, (tables.open_box, texts.open_lines, texts.open_base64, tables.open_html)),
    *map(_of_text, (texts.open_noisy, tables.open_drawn)),
)
"""The openers in the order in which they are tried. Each returns None or raises NotAReportError if it does not fit."""


def open_text(data: bytes) -> Opened:
    """Return the reports in a text that does not begin with a header. Raises an error if it contains none."""
    for opener in _OPENERS:
        try:
            opened = opener(data)
        except NotAReportError:
            continue
        if opened:
            return opened
    answers.refuse_text(data.decode("utf-8", errors="replace"))
    raise marks.refusal(data)
