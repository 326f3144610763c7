r"""Read CSV with changed lines: text above the header, grep prefixes, line numbers, quotes, wrapped lines, `\n`."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from analyzer.reading.forms.content import Content, DamagedError, Opened, Remark, left_out_lines
from analyzer.reading.forms.headers import (
    DELIMITERS,
    HEADER_LENGTH,
    find_header,
    find_header_below,
    is_cut_header,
    is_header,
    known_columns,
    parse_header,
    split_line,
)
from analyzer.reading.forms.programs import program_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_START: Final = re.compile(r"(?i)\"?user\"?[,;\t]\"?arn\"?[,;\t]")
"""The beginning of nearly all headers."""
_GREP: Final = re.compile(r"[^,;\t\n\"]*?:(?:\d+:)?")
_NUMBER: Final = re.compile(r"[ \t]*\d+(?:[:.)]?[ \t]+|[:,|]|\t)")
_QUOTE: Final = re.compile(r"(?:> ?|\| ?)+")
_PREFIXES: Final = (("line numbers", _NUMBER), ("file names from grep", _GREP), ("quote marks (> or |)", _QUOTE))
_MOST_ABOVE: Final = 50
"""A header below more lines is an example in a text, not the header of a report."""
_SHORTEST: Final = 40
"""The smallest width at which programs wrap lines."""


def open_below(text: bytes) -> Opened | None:
    """Return the report whose header is below other lines; these lines are left out, each with an issue."""
    header = find_header_below(text)
    if header is None:
        return None
    above = text[: header.start].decode("utf-8", errors="replace").split("\n")
    left_out = [(number, line) for number, line in enumerate(above, start=1) if line.strip("\ufeff \t")]
    if len(left_out) > _MOST_ABOVE:
        raise DamagedError(
            f"the header of a report below {len(left_out)} lines of other text; if a report follows, save it in a file "
            "of its own"
        )
    return [Content(text, header, "csv", "utf-8", remarks=left_out_lines(left_out))]


def open_foreign(text: bytes) -> Opened | None:
    """Return the reports in the CSV of another program."""
    table = find_foreign(text)
    if table is None:
        return None
    import csv  # noqa: PLC0415
    import io  # noqa: PLC0415

    from analyzer.reading.forms import grids  # noqa: PLC0415 - few forms need Arrow

    delimiter, body = table
    names, *rows = csv.reader(io.StringIO(body.decode("utf-8", errors="replace")), delimiter=delimiter)
    rows = [row for row in rows if row and row != names]
    if odd := next((number for number, row in enumerate(rows, start=2) if len(row) != len(names)), None):
        raise DamagedError(f"row {odd} of the table does not have as many cells as the header; export the table again")
    return grids.from_cells(names, [[cell or None for cell in row] for row in rows], "csv")


def find_foreign(text: bytes) -> tuple[str, bytes] | None:
    """Return the delimiter and the text from its header on, if the text begins with the header of another program."""
    lines = text.lstrip(b"\xef\xbb\xbf \n\t").split(b"\n", 1)
    first = lines[0][:HEADER_LENGTH].decode("utf-8", errors="replace")
    for delimiter in (*DELIMITERS, "|"):
        names = split_line(first, delimiter)
        program = program_of(names) if names else None
        if program and len(names) > 2 and (len(known_columns(names)) > 2 or program.refused):
            return delimiter, text[text.find(lines[0]) :]
    return None


def open_bent(text: bytes) -> Opened | None:
    """Return the report in a CSV whose lines were changed. Raises DamagedError if they cannot be restored."""
    opened = _straightened(text, (_without_prefixes, _with_line_ends, _unwrapped))
    ends = (text.lstrip(b"\n").partition(b"\n")[0], text.rpartition(b"\n")[2])
    if opened is None and find_header_below(text) is None and any(is_cut_header(line) for line in ends):
        raise DamagedError("the header of the report is cut in the middle of a name; download the report again")
    return opened


def open_quoted(text: bytes) -> Opened | None:
    """Return the report in a text in which each whole line is in quotes."""
    is_quoted = text.startswith(b'"user') and b"\n" in text.strip()
    return _straightened(text, (_without_quotes,)) if is_quoted else None


def _straightened(text: bytes, steps: Sequence[Callable[[str], tuple[str, str] | None]]) -> Opened | None:
    decoded = text.decode("utf-8", errors="replace")
    for straighten in steps:
        result = straighten(decoded)
        if result is None:
            continue
        straight, change = result
        data = straight.encode()
        header = find_header(data) or find_header_below(data)
        if header is None:
            raise DamagedError(
                f"a report with {change}: the original lines cannot be restored with certainty; download the report "
                "again"
            )
        remark = Remark(
            "form_straightened",
            f"the report has {change}: this was undone in the only way that fits; use the original report from AWS",
        )
        return [replace(Content(data, header, "csv", "utf-8"), remarks=(remark,))]
    return None


def _without_prefixes(text: str) -> tuple[str, str] | None:
    """Return the lines without the prefixes that grep, `cat -n` or a mail program adds."""
    lines = text.split("\n")
    for line in lines[:50]:
        start = _START.search(line)
        if start is None or start.start() == 0 or parse_header(line[start.start() :].encode()) is None:
            continue
        for kind, prefix in _PREFIXES:
            if prefix.fullmatch(line[: start.start()]) is None:
                continue
            literal = line[: start.start()]
            same = all(text_line.startswith(literal) for text_line in lines if text_line.strip())
            matches = [
                re.compile(re.escape(literal)).match(text_line) if same else prefix.match(text_line)
                for text_line in lines
            ]
            if all(match or not text_line.strip() for match, text_line in zip(matches, lines, strict=True)):
                stripped = [
                    text_line[match.end() :] if match else text_line
                    for match, text_line in zip(matches, lines, strict=True)
                ]
                return "\n".join(stripped), f"{kind} before each line"
        return None
    return None


def _without_quotes(text: str) -> tuple[str, str] | None:
    """Return the lines without the quotes around each line."""
    lines = text.strip("\n").split("\n")
    if not lines[0].startswith('"') or not _START.match(lines[0][1:]) or lines[0][1:5] != "user":
        return None
    straight = []
    for line in lines:
        bare = line.strip().removesuffix(",")
        if bare and not (len(bare) > 1 and bare.startswith('"') and bare.endswith('"')):
            return None
        straight.append(bare[1:-1].replace('""', '"').replace('\\"', '"'))
    return ("\n".join(straight), "quotes around each line") if parse_header(straight[0].encode()) else None


def _with_line_ends(text: str) -> tuple[str, str] | None:
    r"""Return the lines of a text that has the two characters `\n` in place of line ends, as jq writes without -r."""
    if "\\n" not in text or not _START.search(text[:HEADER_LENGTH]):
        return None
    whole = text.strip().strip('"')
    start = _START.search(whole)
    if start is None or "\n" in whole[start.start() :]:
        return None
    change = "\\n in place of line ends"
    straight = re.sub(r"(?:\\r)?\\n", "\n", whole)
    return straight if _is_even(straight) else "", change


def _unwrapped(text: str) -> tuple[str, str] | None:
    """Return the lines of a text that was wrapped at a fixed width."""
    lines = text.rstrip("\n").split("\n")
    width = len(lines[0])
    first = split_line(lines[0], ",")
    if width < _SHORTEST or not _START.match(lines[0]) or not known_columns(first) or len(lines) < 2:
        return None
    if any(len(line) > width for line in lines) or not any(len(line) == width for line in lines[1:]):
        return None
    change = f"lines wrapped at column {width}"
    joined = "".join(line if len(line) == width else f"{line}\n" for line in lines)
    return joined if _is_even(joined) else "", change


def _is_even(text: str) -> bool:
    """Return whether a text is a header and rows that are all as wide as the header."""
    lines = [line for line in text.split("\n") if line]
    cells = split_line(lines[0], ",") if lines else []
    return is_header(cells) and len(lines) > 1 and all(len(split_line(line, ",")) == len(cells) for line in lines)
