"""The verdicts of the oracle on the rows of a case; those of untouched rows are computed beforehand."""

from __future__ import annotations

import csv
import re
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from tests.campaign.cases import base_of
from tests.campaign.sheets import AS_OF
from tests.control_oracle import DEFAULTS, judge_controls, verdicts_on_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.campaign.sheets import Line, Sheet

Verdicts = Counter[tuple[str, str, str]]
"""Control, credential and status."""
_BLANKS: Final = " \t\n\r\v\f"
_ADDITIONAL: Final = "additional_credentials_info"
ALL: Final = frozenset(DEFAULTS)


def oracle_verdicts(header: Sequence[str], cells: Sequence[str]) -> Verdicts:
    """Return the verdicts of the oracle on a row; columns with one name count where their cells are equal."""
    row: dict[str, str] = {}
    for name, cell in zip(map(str.strip, header), cells, strict=False):
        text = cell.strip(_BLANKS)
        row[name] = text if row.get(name, text) == text else "two different values"
    if _ADDITIONAL in [name.strip() for name in header]:
        row.setdefault(_ADDITIONAL, "")
    return Counter((v.control, v.credential, v.status) for v in verdicts_on_row(row, 1, AS_OF, DEFAULTS))


_VERDICTS: dict[tuple[int, int], Verdicts] = {}


def untouched_verdicts(base: Sheet, origin: int) -> Verdicts:
    """Return the verdicts on a row of an untouched report."""
    key = (id(base), origin)  # the few bases stay in memory
    if key not in _VERDICTS:
        _VERDICTS[key] = oracle_verdicts(base.header, base.lines[origin].cells)
    return _VERDICTS[key]


def meanings(sheet: Sheet, line: Line) -> list[Verdicts]:
    """Return the verdicts on a touched row as it may be read: as written, or with columns under their names before."""
    # Forms of rows lose every blank around a cell, CSV those of ASCII.
    verdicts = [
        oracle_verdicts(sheet.header, line.cells),
        oracle_verdicts(sheet.header, [cell.strip() for cell in line.cells]),
    ]
    # NULs at the end of a file are padding.
    verdicts.append(oracle_verdicts(sheet.header, [*line.cells[:-1], line.cells[-1].rstrip("\0")]))
    if sheet.names:
        verdicts.append(oracle_verdicts([sheet.names.get(name, name) for name in sheet.header], line.cells))
    return verdicts + [oracle_verdicts(sheet.header, cells) for cells in _with_account_of_neighbours(sheet, line)]


def _with_account_of_neighbours(sheet: Sheet, line: Line) -> list[list[str]]:
    """Return the cells of a row without an ARN, with an ARN in the account that the other rows have: it is its own."""
    if not {"user", "arn"} <= {*sheet.header}:
        return []
    user, arn = sheet.header.index("user"), sheet.header.index("arn")
    if line.cells[arn].strip().startswith("arn:"):
        return []
    arns = [neighbour.cells[arn] for neighbour in sheet.lines if len(neighbour.cells) == len(sheet.header)]
    accounts = {match[0] for text in arns if (match := re.match(r"arn:[\w-]+:iam::\d{12}:", text))}
    name = line.cells[user].strip()
    own = "root" if name == "<root_account>" else f"user/{name}"
    return [[*line.cells[:arn], account + own, *line.cells[arn + 1 :]] for account in sorted(accounts)]


def verdicts_of_raw_row(sheet: Sheet, raw: str) -> Verdicts:
    """Return the verdicts on a row of text; none where it has not as many cells as the header."""
    try:
        quoted = next(csv.reader([raw], strict=True), [])
    except csv.Error:
        quoted = raw.split(",")  # a quotation mark that is never closed is text
    return oracle_verdicts(sheet.header, quoted) if len(quoted) == len(sheet.header) else Counter()


@lru_cache(maxsize=1 << 12)
def account_passes(text: str) -> frozenset[str]:
    """Return the controls of accounts that pass, by the oracle on a whole CSV."""
    return frozenset(v.control for v in judge_controls(text, AS_OF) if v.user is None and v.status == "pass")


__all__ = [
    "ALL",
    "Verdicts",
    "account_passes",
    "base_of",
    "meanings",
    "oracle_verdicts",
    "untouched_verdicts",
    "verdicts_of_raw_row",
]
