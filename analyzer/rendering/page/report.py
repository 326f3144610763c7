"""Writes `report.html` from an evidence set."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from analyzer import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from analyzer.evidence.opened import EvidenceSet
    from analyzer.rendering.page.content import PageContent
    from analyzer.rendering.render import Options

NAME: Final = "report.html"
_DATA: Final = "<!-- data -->"
"""Stands for the data in the output of the template. No other text has it, because `<` is escaped."""


def render(evidence: EvidenceSet, folder: Path, options: Options) -> list[Path]:
    """Write the page of an evidence set into `folder` and return its path."""
    if evidence.kind == "audit":
        from analyzer.rendering.page.of_audit import content_of_audit  # noqa: PLC0415 - histories do not need it

        content = content_of_audit(evidence, options.due_within)
    else:
        from analyzer.rendering.page.of_tracking import content_of_tracking  # noqa: PLC0415

        content = content_of_tracking(evidence)
    path = folder / NAME
    with path.open("wb") as page:
        page.writelines(pieces_of_page(content, str(evidence.manifest["digest"])))
    return [path]


def pieces_of_page(content: PageContent, digest: str) -> Iterator[bytes]:
    """Yield the page as HTML in pieces; `digest` is the digest of the evidence set.

    The Content-Security-Policy allows only this script and this style sheet, by their hashes, and forbids all loading.
    """
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 - only this format needs it
    from markupsafe import Markup  # noqa: PLC0415

    style, script = _resource("page.css"), _resource("page.js")
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    trusted: dict[str, Any] = {
        "style": Markup(style),  # noqa: S704 - files of this package
        "script": Markup(script),  # noqa: S704
        "data": Markup(_DATA),  # noqa: S704
    }
    template = environment.from_string(_resource("report.html.j2"))
    html = template.render(content.shown | trusted, policy=policy, version=__version__, digest=digest)
    # The data would be several times in memory if the template contained them.
    before, _, after = html.partition(_DATA)
    yield before.encode()
    yield from content.data
    yield after.encode()


def _resource(name: str) -> str:
    return (files("analyzer.rendering.page") / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Return the source expression with which a Content-Security-Policy allows an element that has this text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
