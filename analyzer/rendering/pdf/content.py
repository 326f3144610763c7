"""The content of a PDF, as plain data."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from analyzer.errors import first_few
from analyzer.evidence.answer import spoken
from analyzer.evidence.counted import UNKNOWN_ACCOUNT
from analyzer.reading.issues import CODES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from analyzer.evidence.opening import Figure


Cell: TypeAlias = str | int | tuple[str, ...]
"""A cell of a table: a text, a number, or several texts, each on a line of its own."""


@dataclass(frozen=True)
class Part:
    """A part with a title: a table (if `heads` are given), followed by paragraphs.

    `widths` are the shares of the columns in the page width; 0 means as wide as the cells need. A `small` part has
    small letters, because it is a long list. In a column with a share, a line may also break after `longest_word`
    characters of a word.
    """

    title: str
    heads: Sequence[str] = ()
    rows: Sequence[Sequence[Cell]] = ()
    widths: Sequence[int] = ()
    texts: Sequence[str] = ()
    small: bool = False
    longest_word: int = 19

    @property
    def shown(self) -> dict[str, Any]:
        """The part as the template reads it: all cells as texts, and for each column whether it has numbers."""
        numbers = [any(isinstance(row[column], int) for row in self.rows) for column in range(len(self.heads))]
        rows = [[f"{cell:,}" if isinstance(cell, int) else cell for cell in row] for row in self.rows]
        return asdict(self) | {"rows": rows, "numbers": numbers, "widths": self.widths or [0] * len(self.heads)}


_LONGEST_TEXT: Final = 80


def short(text: str, most: int = _LONGEST_TEXT) -> str:
    """Return a text cut to `most` characters."""
    return text if len(text) <= most else f"{text[: most - 1]}\N{HORIZONTAL ELLIPSIS}"


def pairs(title: str, values: Mapping[str, str | int], *, small: bool = False) -> Part:
    """Return a part that lists names with their values."""
    return Part(title, ("", ""), list(values.items()), (2, 3), small=small)


@dataclass(frozen=True)
class PdfContent:
    """The content of a PDF: `alarm` names what is incomplete, `answer` is one sentence, `lines` are details of it."""

    title: str
    subtitle: str
    alarm: str
    answer: str
    lines: Sequence[str]
    figures: Sequence[Figure] = ()
    parts: Sequence[Part] = ()

    @property
    def shown(self) -> dict[str, Any]:
        """The content as the template reads it."""
        return {
            **{name: getattr(self, name) for name in ("title", "subtitle", "alarm", "answer")},
            "lines": list(self.lines),
            "figures": [figure._asdict() for figure in self.figures],
            "parts": [part.shown for part in self.parts],
        }


def issues(counts: Mapping[str, int]) -> Part | None:
    """Return the data issues with their numbers; None if there are none."""
    rows: list[list[str | int]] = [[count, CODES[code].of(count)] for code, count in counts.items()]
    return Part("Data issues, most serious first", ("count", "issue"), rows, (0, 1)) if rows else None


_MOST_INPUTS: Final = 30
_NOT_JUDGED: Final = "not judged: "
"""The beginning of the role of an input that was not judged; the reason follows (see `role_in_words`)."""


def inputs(input_rows: Sequence[Mapping[str, Any]], role: Callable[[Mapping[str, Any]], str] | None = None) -> Part:
    """Return the inputs: a table of up to `_MOST_INPUTS`, otherwise how many there are and where their list is.

    The rows have `name`, `sha256`, and `captured_at` as a time or as its text in ISO 8601. They have `captured_from`
    unless they come from a store. `role` returns the use of an input in words, and is shown with the accounts of the
    input, which are then in the rows too: not every name of a file has them. Inputs that were not judged are only
    counted, by their role, so that the PDF of a few accounts stays short.
    """
    facts = "the SHA-256, the capture time and the role" if role else "the SHA-256 and the capture time"
    note = (
        f"manifest.json has {facts} of each input, and the SHA-256 of each table. Its own digest is at the foot of "
        "this page."
    )
    roles = [role(row) if role else "" for row in input_rows]
    unused = Counter(text.removeprefix(_NOT_JUDGED) for text in roles if text.startswith(_NOT_JUDGED))
    used = [(row, text) for row, text in zip(input_rows, roles, strict=True) if not text.startswith(_NOT_JUDGED)]
    if len(used) > _MOST_INPUTS:
        return Part("Inputs", texts=[f"{len(input_rows):,} inputs were read, too many for this list. {note}"])
    heads = ("name and SHA-256", "captured, known from", *(["role, account"] if role else []))
    rows: list[list[Cell]] = [
        [(row["name"], row["sha256"]), _captured(row), *([(text, _accounts(row))] if role else [])]
        for row, text in used
    ]
    kinds = ", ".join(f"{count:,} ({reason})" for reason, count in unused.items())
    notes = [*([f"Read, but not judged: {kinds}."] if unused else []), note]
    return Part(
        "Inputs", heads if rows else (), rows, (12, 5, *([5] if role else [])), notes, small=True, longest_word=40
    )


_MOST_ACCOUNTS: Final = 3


def _accounts(row: Mapping[str, Any]) -> str:
    """Return the first accounts of an input and the number of the others; an account that is not known is `unknown`."""
    return first_few([part["account_id"] or UNKNOWN_ACCOUNT for part in row["accounts"]], most=_MOST_ACCOUNTS)


def _captured(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the capture time of an input in words, and how it is known.

    The second text is missing if it is not known how.
    """
    time, known_from = row["captured_at"], row.get("captured_from", "unknown")
    words = "unknown" if time is None else spoken(datetime.fromisoformat(time) if isinstance(time, str) else time)
    return (words,) if known_from == "unknown" else (words, _KNOWN_FROM.get(known_from, known_from))


_KNOWN_FROM: Final = {"envelope": "answer of AWS"}
"""The words for how a capture time is known that are not those of the table of inputs."""
