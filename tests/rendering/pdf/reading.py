"""PDFs as readers see them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pypdf import PdfReader

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO


def text_of(pdf: Path | BinaryIO) -> str:
    """Return the text of all pages, with blanks for ends of lines and without invisible breaks in long words."""
    text = " ".join(page.extract_text() for page in PdfReader(pdf).pages)
    return re.sub(r"\s+", " ", text.replace("\N{ZERO WIDTH SPACE}", ""))


def root_of(pdf: Path) -> Any:  # noqa: ANN401 - any value of a PDF
    """Return the root object of a PDF: its language, tags and preferences."""
    return PdfReader(pdf).root_object
