"""Cases by number: the same seed and number always give the same file."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING, Final

from tests.campaign.damaging import ARCHIVES, DAMAGES
from tests.campaign.mutating import MUTATIONS, WEIGHTS
from tests.campaign.sheets import Line, account_of, draw_sheet
from tests.campaign.wrapping import CONTAINERS, TEXTS, extension, fits, sheet_xml, spreadsheet

if TYPE_CHECKING:
    from tests.campaign.sheets import Sheet

BASES: Final = 600
"""Reports that are mutated; the verdicts on each are known."""
_PLACEHOLDER: Final = "111122223333"
_NUMBER: Final = re.compile(r"case-(\d+)[.]")


@dataclass(frozen=True)
class Case:
    """A mutated report: its file, and the facts about it.

    `level` says what was mutated: cells (and rows and columns), the bytes of a container, or an archive around it.
    """

    number: int
    container: str
    mutation: str
    level: str
    data: bytes
    sheet: Sheet
    base: Sheet

    @property
    def name(self) -> str:
        """The name of its file, which says nothing about accounts or times."""
        return f"case-{self.number}.{extension(self.container)}"


def number_in(source: str) -> int | None:
    """Return the number of the case whose file a source is, or is in."""
    match = _NUMBER.search(source)
    return int(match[1]) if match else None


@lru_cache(maxsize=BASES)
def base_of(seed: int, index: int) -> Sheet:
    """Return an untouched report, of an account that each case puts its own in the place of."""
    return draw_sheet(Random(f"{seed} base {index}"), _PLACEHOLDER)  # noqa: S311 - no secret


def copied(base: Sheet, account: str) -> Sheet:
    """Return a report as that of another account."""
    lines = [Line([cell.replace(_PLACEHOLDER, account) for cell in line.cells], line.origin) for line in base.lines]
    return replace(base, header=list(base.header), lines=lines, account=account, names={})


def draw_case(seed: int, number: int) -> Case:
    """Return a case."""
    rng = Random(f"{seed} case {number}")  # noqa: S311 - no secret
    base = base_of(seed, rng.randrange(BASES))
    sheet = copied(base, account_of(seed, number))
    roll = rng.random()
    if roll < 0.6:
        return _case_of_cells(rng, number, base, sheet)
    if roll < 0.86:
        container = rng.choice(tuple(CONTAINERS))
        mutation = rng.choice(tuple(DAMAGES))
        damaged = DAMAGES[mutation](rng, CONTAINERS[container](sheet))
        return Case(number, container, mutation, "bytes", damaged, sheet, base)
    if roll < 0.9:
        return Case(number, "xlsx", "odd parts", "bytes", _odd_parts(rng, sheet), sheet, base)
    mutation = rng.choice(tuple(ARCHIVES))
    inside = rng.choice(("csv", "json", "csv with a BOM"))
    return Case(number, "archive", mutation, "archive", ARCHIVES[mutation](rng, TEXTS[inside](sheet)), sheet, base)


def _case_of_cells(rng: Random, number: int, base: Sheet, sheet: Sheet) -> Case:
    mutation = rng.choices(tuple(MUTATIONS), WEIGHTS)[0]
    MUTATIONS[mutation](rng, sheet)
    # The program takes each line of a file for a row of its own.
    sheet.loose = sheet.loose or any("\n" in cell or "\r" in cell for line in sheet.lines for cell in line.cells)
    container = rng.choice([name for name in CONTAINERS if fits(name, sheet)])
    return Case(number, container, mutation, "cells", CONTAINERS[container](sheet), sheet, base)


def _odd_parts(rng: Random, sheet: Sheet) -> bytes:
    """Return a spreadsheet with odd texts in its parts, packed as spreadsheets are."""
    name, text = "xl/worksheets/sheet1.xml", sheet_xml(sheet)
    at = rng.randrange(len(text))
    odd = (
        text.replace("<c ", f'<c r="{rng.choice(("A1", "XFD9", "ZZZZ1", "A0", "A-1", "1A", "A99999999999", ""))}" ', 1),
        text.replace('t="inlineStr"', f't="{rng.choice(("s", "b", "e", "d", "n", "str", "x"))}"', rng.choice((1, 3))),
        text.replace("<row>", f'<row r="{rng.choice(("0", "-1", "x", "7", "1048576"))}">', 1),
        text.replace("<sheetData>", f'<dimension ref="{rng.choice(("A1:ZZ9", "B2", "A1:A0", "x", ":"))}"/><sheetData>'),
        text[:at] + rng.choice(("<", "&", "&#0;", "&#x110000;", "</c>", "]]>", "\0", "<!--", "<c>")) + text[at:],
        text[:at],
    )
    return spreadsheet({name: rng.choice(odd)})
