"""Read tables made for people: `--output table`, Markdown, psql, HTML, and the line output of Steampipe."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Final

from analyzer.reading.forms.content import Content, DamagedError, Opened, left_out_lines
from analyzer.reading.forms.headers import canonical, is_header, known_columns
from analyzer.reading.forms.values import dated, decoded
from analyzer.reading.forms.walking import cut_row
from analyzer.reading.layout import ROOT_USER

_RULE: Final = re.compile(r"[\s|+:=\-─━│┼├┤┌┐└┘┬┴]+")
_BOX: Final = re.compile(r"\|\s*Content\s*\|\s*(\S+)\s*\|")
_BOX_TIME: Final = re.compile(r"\|\s*GeneratedTime\s*\|\s*([^|\n]*?)\s*\|")
_BOX_TITLE: Final = re.compile(r"\|\s*GetCredentialReport\s*\|")
_RECORD: Final = re.compile(r"^-\[ RECORD \d+ +\]-*.*$", re.MULTILINE)
_ENOUGH: Final = 5


def open_box(text: str) -> Opened | None:
    """Return the report in `--output table` of the AWS CLI; None if the text is not one."""
    match = _BOX.search(text)
    if match is None:
        if _BOX_TITLE.search(text):
            raise DamagedError(
                "a table of the AWS CLI without Content: it does not contain the rows; use --output json"
            )
        return None
    time = _BOX_TIME.search(text)
    return [dated(decoded(match[1], "table envelope"), time[1] if time else None)]


def open_drawn(text: str) -> Opened | None:
    """Return the report in a table with `|` (or `│`) between its cells."""
    lines = text.replace("│", "|").split("\n")
    names: list[str] = []
    rows: list[list[str]] = []
    outside: list[tuple[int, str]] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or _RULE.fullmatch(line):
            continue
        cells = [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]
        cells = [re.sub(r"^`(.*)`$", r"\1", cell) for cell in cells]
        if not names:
            if "|" in line and is_header(cells) and len(known_columns(cells)) >= _ENOUGH:
                names = cells
                continue
            outside.append((number, line))
        elif len(cells) == len(names):
            rows.append(cells)
        elif len(cells) == 1:
            outside.append((number, line))
        else:
            raise DamagedError(
                f"line {number} of the table has {len(cells)} cells, and the header has {len(names)}; use the CSV"
            )
    return _opened(names, rows, "drawn table", outside) if names else None


def open_records(text: str) -> Opened | None:
    """Return the reports in `--output line` of Steampipe: a name and a value on each line."""
    if not _RECORD.search(text):
        return None
    rows: list[dict[str, object]] = []
    for record in _RECORD.split(text)[1:]:
        cells = (line.partition("|") for line in record.split("\n") if "|" in line)
        rows.append({name.strip(): value.strip() for name, _, value in cells})
    if not rows or len(known_columns(rows[0])) < _ENOUGH:
        return None
    from analyzer.reading.forms import grids  # noqa: PLC0415 - few forms need Arrow

    return grids.from_mappings(rows, "lines of records") + cut_row(rows)


def open_html(text: str) -> Opened | None:
    """Return the report in an HTML page: the rows of its tables from the first report header on."""
    if "<t" not in text.lower() or "</t" not in text.lower() or not re.search(r"<(?:table|tr)\b", text, re.IGNORECASE):
        return None
    page = _Page()
    page.feed(text)
    names: list[str] = []
    rows = []
    if page.rows and "</table" not in text[text.lower().rfind("<tr") :].lower():
        page.rows.append(["cut"])
    for cells in page.rows:
        if names and len(cells) == len(names):
            rows.append(cells)
        elif not names and is_header(cells) and len(known_columns(cells)) >= _ENOUGH:
            names = cells
        elif names and any(cells):
            raise DamagedError(
                f"the HTML table is cut, or has a row with {len(cells)} cells instead of {len(names)}; use the CSV"
            )
    return _opened(names, rows, "html table", []) if names else None


def _opened(names: list[str], rows: list[list[str]], shape: str, outside: list[tuple[int, str]]) -> Opened:
    from analyzer.reading.forms import grids  # noqa: PLC0415 - few forms need Arrow

    rows = [row for row in rows if [canonical(cell) for cell in row] != [canonical(name) for name in names]]
    remarks = left_out_lines(outside)
    opened = grids.from_cells(names, rows, shape)
    return [
        replace(content, remarks=content.remarks + remarks) if isinstance(content, Content) else content
        for content in opened
    ]


class _Page(HTMLParser):
    """The rows of all tables of a page, as lists of texts."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - as the parser calls it
        """Begin a row or a cell."""
        if tag == "tr":
            self.rows.append([])
        elif tag in {"td", "th"}:
            if not self.rows:
                self.rows.append([])
            self.rows[-1].append("")
            self._inside = True
        elif tag == ROOT_USER.strip("<>"):  # the page does not escape angle brackets
            self.handle_data(ROOT_USER)

    def handle_endtag(self, tag: str) -> None:
        """End a cell."""
        if tag in {"td", "th", "tr", "table"}:
            self._inside = False

    def handle_data(self, data: str) -> None:
        """Take the text of a cell."""
        if self._inside and self.rows and self.rows[-1]:
            self.rows[-1][-1] = (self.rows[-1][-1] + data).strip()
