"""Writes `summary.pdf` from an evidence set."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from analyzer import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analyzer.evidence.opened import EvidenceSet
    from analyzer.rendering.pdf.content import PdfContent
    from analyzer.rendering.render import Options

NAME: Final = "summary.pdf"
_STANDARD: Final = "ua-1"
"""PDF/UA-1 (ISO 14289-1): a title, a language, and tags that screen readers follow."""


def render(evidence: EvidenceSet, folder: Path, options: Options) -> list[Path]:
    """Write the PDF of an evidence set into `folder` and return its path."""
    if evidence.kind == "audit":
        from analyzer.rendering.pdf.of_audit import content_of_audit  # noqa: PLC0415 - histories do not need it

        content = content_of_audit(evidence, options.due_within)
    else:
        from analyzer.rendering.pdf.of_tracking import content_of_tracking  # noqa: PLC0415

        content = content_of_tracking(evidence)
    path = folder / NAME
    path.write_bytes(pdf_of(content, str(evidence.manifest["digest"])))
    return [path]


def pdf_of(content: PdfContent, digest: str) -> bytes:
    """Return the PDF; `digest` is the digest of the evidence set.

    The template reads all texts as data, so Typst runs nothing in them. Equal contents give equal bytes.
    """
    import typst  # noqa: PLC0415 - only this format needs it

    made_by = f"Made by credreport {__version__}; digest of the evidence set (credreport verify prints it): {digest}."
    shown = _writable({**content.shown, "made_by": made_by})
    shown["parts"] = [_breakable(part) for part in shown["parts"]]
    return typst.compile(
        (files("analyzer.rendering.pdf") / "summary.typ").read_bytes(),
        font_paths=typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(_fonts())]),
        ignore_system_fonts=True,
        sys_inputs={"data": json.dumps(shown)},
        pdf_standards=_STANDARD,
    )


def _fonts() -> Path:
    """Return the folder of the fonts that come with matplotlib."""
    import matplotlib as mpl  # noqa: PLC0415

    return Path(mpl.get_data_path()) / "fonts/ttf"


_DIGEST: Final = r"\b(?P<digest>[0-9a-f]{64})\b"
"""A digest is not broken: readers copy it."""
_BREAK: Final = "\N{ZERO WIDTH SPACE}"
"""A place at which a line may break."""


@cache
def _characters() -> frozenset[int]:
    """Return the characters that both fonts of the pages have."""
    from matplotlib.ft2font import FT2Font  # noqa: PLC0415

    charmaps = [set(FT2Font(str(_fonts() / name)).get_charmap()) for name in ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")]
    return frozenset(code for code in charmaps[0] & charmaps[1] if chr(code).isprintable())


def _writable(shown: Any) -> Any:  # noqa: ANN401 - plain data
    """Return data with `?` for each character that the fonts lack or that is not printable."""
    if isinstance(shown, str):
        return "".join(character if ord(character) in _characters() else "?" for character in shown)
    if isinstance(shown, dict):
        return {name: _writable(value) for name, value in shown.items()}
    return [_writable(value) for value in shown] if isinstance(shown, list | tuple) else shown


def _breakable(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return a part with places to break in the long words of its columns of limited width."""
    rows = [
        [
            _broken_cell(cell, part["longest_word"]) if width else cell
            for cell, width in zip(row, part["widths"], strict=True)
        ]
        for row in part["rows"]
    ]
    return {**part, "rows": rows}


def _broken_cell(cell: str | list[str], longest_word: int) -> str | list[str]:
    return _broken(cell, longest_word) if isinstance(cell, str) else [_broken(text, longest_word) for text in cell]


def _broken(text: str, longest_word: int) -> str:
    """Return a text in which a line may break between `longest_word` characters and further ones of a word."""
    long_word = re.compile(rf"{_DIGEST}|[^\s/-]{{{longest_word}}}(?=[^\s/-])")
    return long_word.sub(lambda word: word["digest"] or f"{word[0]}{_BREAK}", text)
