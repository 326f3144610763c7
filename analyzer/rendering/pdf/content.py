"""What the pages of a PDF show, as plain data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from analyzer.reading.issues import CODES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analyzer.evidence.opening import Figure


@dataclass(frozen=True)
class Part:
    """A part with a title: a table, if it has `heads`, and then paragraphs.

    `widths` are shares of the page's width, 0 for what the cells need.
    """

    title: str
    heads: Sequence[str] = ()
    rows: Sequence[Sequence[str | int]] = ()
    widths: Sequence[int] = ()
    texts: Sequence[str] = ()

    @property
    def shown(self) -> dict[str, Any]:
        """What the template needs of it: texts alone, and for each column whether it has numbers."""
        numbers = [any(isinstance(row[at], int) for row in self.rows) for at in range(len(self.heads))]
        rows = [[f"{cell:,}" if isinstance(cell, int) else cell for cell in row] for row in self.rows]
        return asdict(self) | {"rows": rows, "numbers": numbers, "widths": self.widths or [0] * len(self.heads)}


def pairs(title: str, values: Mapping[str, str | int]) -> Part:
    """Return a part with names and values."""
    return Part(title, ("", ""), list(values.items()), (2, 3))


@dataclass(frozen=True)
class Content:
    """What a PDF shows: `alarm` is what is incomplete, `answer` a sentence, `lines` what belongs to it."""

    title: str
    subtitle: str
    alarm: str
    answer: str
    lines: Sequence[str]
    figures: Sequence[Figure] = ()
    parts: Sequence[Part] = ()

    @property
    def shown(self) -> dict[str, Any]:
        """What the template needs."""
        return {
            **{name: getattr(self, name) for name in ("title", "subtitle", "alarm", "answer")},
            "lines": list(self.lines),
            "figures": [one._asdict() for one in self.figures],
            "parts": [part.shown for part in self.parts],
        }


def issues(counts: Mapping[str, int]) -> Part | None:
    """Return what was found wrong with the inputs, how often by code; None where nothing was."""
    rows: list[list[str | int]] = [[count, CODES[code].title] for code, count in counts.items()]
    return Part("Data issues, most serious first", ("count", "issue"), rows, (0, 1)) if rows else None


_MOST_INPUTS: Final = 12


def inputs(found: Sequence[Mapping[str, Any]]) -> Part:
    """Return inputs (`name`, `sha256`) with their digests, where they are few; where these are, if there are more."""
    where = "manifest.json, whose digest is at the foot of this page, has the SHA-256 of each input and of each table."
    if len(found) > _MOST_INPUTS:
        return Part("Inputs", texts=[f"{len(found):,} inputs were read. {where}"])
    rows: list[list[str | int]] = [[one["name"], one["sha256"]] for one in found]
    return Part("Inputs", ("name", "SHA-256"), rows, (1, 0), [where])
