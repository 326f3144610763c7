"""Mutations of the cells, rows and columns of a report; each one notes which rows it touches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.campaign.sheets import Line, csv_row, stamp
from tests.strategies import FLAG_COLUMNS, GARBAGE_FLAGS, GARBAGE_TIMES, SENTINELS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from tests.campaign.sheets import Sheet

ODD: Final = (
    *(
        *SENTINELS,
        "n/a",
        "No_Information",
        "NULL",
        "None",
        "nan",
        "",
        " ",
        "\t",
        "\u00a0",
        "\u3000",
        "\ufeff",
        "\u200b",
    ),
    *("9" * 40, "1e308", "-1", "0x7fffffff", "1" * 3000, "99999-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
    *("9999-12-31T23:59:59Z", "1969-12-31T23:59:59-23:59", "2262-04-11T23:47:17Z", "1677-09-21T00:12:43Z"),
    *("2026-10-30T10:00:00.999999999Z", "2026-10-30t10:00:00z", "\uff12\uff10\uff12\uff16-10-30T10:00:00Z", "46325"),
    *("30/10/2026 10:00:00", "Oct 30, 2026", "2026-W44-5", "2026-303", "2026-10-30T10:00:00 UTC"),
    *("\x00", "a\x00b", "\x01\x02", "\x1b[2J", "\x7f", "\x85", "\u2028", "\r", "a\nb", "a\r\nb", "\x0b\x0c", "\x1a"),
    *('"', '""', '"a', 'a"b"c', "'", "`id`", "$(id)", ",", ",,,,", ";", "\t\t", "|", "\\", "\\n", "a,b;c\td", "\\,"),
    *("=1+1", "@SUM(A1)", "<script>", "&amp;", "%s%n", "{0}", "../../etc/passwd", "\u202etxt", "e\u0301", "\U0001f600"),
    *(
        "caf\u00c3\u00a9",
        "\ufffd",
        "true ",
        "TRUE",
        "True",
        "false",
        "tru\u0435",
        "\u0130",
        "true\x00",
        "yes",
        "1",
        "0",
    ),
    *GARBAGE_TIMES,
    *GARBAGE_FLAGS,
)
"""What may stand in a cell and should not, or hardly."""
WHO: Final = ("user", "arn")


def odd_cells(rng: Random, sheet: Sheet) -> None:
    """Put odd texts into one to three cells that hold evidence."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        line = rng.choice(sheet.lines)
        positions = [at for at, name in enumerate(sheet.header) if name not in WHO]
        line.cells[rng.choice(positions)] = rng.choice(ODD)
        line.touched = True


def odd_identity(rng: Random, sheet: Sheet) -> None:
    """Put an odd text in the place of the name or the ARN of a user."""
    line = rng.choice(sheet.lines)
    line.cells[sheet.header.index(rng.choice(WHO))] = rng.choice(ODD)
    # Who a row is of decides which rows are found twice, and whether the account has a root.
    line.touched = True


def odd_row(rng: Random, sheet: Sheet) -> None:
    """Put odd texts into most cells of a row."""
    line = rng.choice(sheet.lines)
    line.cells[1:] = [rng.choice(ODD) if rng.random() < 0.7 else cell for cell in line.cells[1:]]
    line.touched = True


def other_times(rng: Random, sheet: Sheet) -> None:
    """Move the times of a row, before or after each other."""
    line = rng.choice(sheet.lines)
    for at, cell in enumerate(line.cells):
        if cell[:2] == "20" and "T" in cell:
            line.cells[at] = rng.choice((stamp(rng), cell.replace("2026", "2027"), cell.replace("Z", ""), cell[:10]))
    line.touched = True


def flipped_flags(rng: Random, sheet: Sheet) -> None:
    """Turn some flags of a row round."""
    line = rng.choice(sheet.lines)
    for at, name in enumerate(sheet.header):
        if name in FLAG_COLUMNS and rng.random() < 0.4:
            line.cells[at] = {"true": "false", "false": "true"}.get(line.cells[at], "true")
    line.touched = True


def moved_cells(rng: Random, sheet: Sheet) -> None:
    """Change two cells of a row with each other."""
    line = rng.choice(sheet.lines)
    first, second = (rng.randrange(2, len(line.cells)) for _ in range(2))
    line.cells[first], line.cells[second] = line.cells[second], line.cells[first]
    line.touched = True


def doubled_row(rng: Random, sheet: Sheet) -> None:
    """Write a row twice."""
    at = rng.randrange(len(sheet.lines))
    line = sheet.lines[at]
    sheet.lines.insert(rng.randint(0, len(sheet.lines)), Line(list(line.cells), line.origin))


def doubled_row_that_differs(rng: Random, sheet: Sheet) -> None:
    """Write a row twice, the second time with the times of another moment."""
    at = rng.randrange(len(sheet.lines))
    line = Line(list(sheet.lines[at].cells), sheet.lines[at].origin, touched=True)
    sheet.lines[at].touched = True
    positions = [at for at, cell in enumerate(line.cells) if cell[:2] == "20"]
    for position in positions:
        line.cells[position] = stamp(rng)
    sheet.lines.append(line)


def shuffled_rows(rng: Random, sheet: Sheet) -> None:
    """Bring the rows into another order."""
    rng.shuffle(sheet.lines)


def lost_row(rng: Random, sheet: Sheet) -> None:
    """Leave a row out."""
    del sheet.lines[rng.randrange(len(sheet.lines))]


def cut_row(rng: Random, sheet: Sheet) -> None:
    """Cut a row short."""
    line = rng.choice(sheet.lines)
    text = csv_row(line.cells)
    line.raw, line.touched, sheet.loose = text[: rng.randrange(1, len(text))], True, True


def joined_rows(rng: Random, sheet: Sheet) -> None:
    """Put nothing, or another character, in the place of the line end between two rows."""
    at = rng.randrange(len(sheet.lines))
    text = csv_row(sheet.lines[at].cells) + rng.choice(("", " ", ",", '"', "\r"))
    if at + 1 < len(sheet.lines):
        text += csv_row(sheet.lines.pop(at + 1).cells)
    sheet.lines[at].raw, sheet.lines[at].touched, sheet.loose = text, True, True


def wide_row(rng: Random, sheet: Sheet) -> None:
    """Add cells to a row, or take the last ones away."""
    line = rng.choice(sheet.lines)
    cells = list(line.cells)
    if rng.random() < 0.5:
        cells[rng.randrange(len(cells)) : 0] = [rng.choice(("", "N/A", "x", "true"))] * rng.choice((1, 2, 30))
    else:
        del cells[rng.randrange(2, len(cells)) :]
    line.raw, line.touched, sheet.loose = csv_row(cells), True, True


def open_quote(rng: Random, sheet: Sheet) -> None:
    """Put a quotation mark anywhere into a row."""
    line = rng.choice(sheet.lines)
    text = csv_row(line.cells)
    at = rng.randrange(len(text))
    line.raw, line.touched, sheet.loose = text[:at] + '"' + text[at:], True, True


def blank_rows(rng: Random, sheet: Sheet) -> None:
    """Put rows without text between the others."""
    for _ in range(rng.choice((1, 3))):
        raw = rng.choice(("", "  ", "," * (len(sheet.header) - 1), "\t"))
        sheet.lines.insert(rng.randint(0, len(sheet.lines)), Line([], None, touched=True, raw=raw))
    sheet.loose = True


def header_again(rng: Random, sheet: Sheet) -> None:
    """Repeat the header between rows, as files that were run together do."""
    at = rng.randint(0, len(sheet.lines))
    sheet.lines.insert(at, Line([], None, touched=True, raw=",".join(sheet.header)))
    sheet.loose = True
    sheet.extra_headers += 1


def no_header(rng: Random, sheet: Sheet) -> None:  # noqa: ARG001 - as all mutations
    """Leave the header out."""
    sheet.header = []
    sheet.touch_all()
    sheet.loose = True


def lost_column(rng: Random, sheet: Sheet) -> None:
    """Leave a column out."""
    at = rng.randrange(1, len(sheet.header))
    del sheet.header[at]
    for line in sheet.lines:
        del line.cells[at]
    sheet.touch_all()


def renamed_column(rng: Random, sheet: Sheet) -> None:
    """Give a column another name."""
    at = rng.randrange(1, len(sheet.header))
    name = sheet.header[at]
    new = rng.choice((name.title(), name.upper(), f" {name} ", name.replace("_", " "), name[:-1], f"{name}2", "", "x"))
    sheet.names[new] = name
    sheet.header[at] = new
    sheet.touch_all()


def doubled_column(rng: Random, sheet: Sheet) -> None:
    """Write a column twice, with other cells in one of them."""
    position, new_position = rng.randrange(1, len(sheet.header)), rng.randint(1, len(sheet.header))
    name = sheet.header[position]
    cells = [line.cells[position] for line in sheet.lines]
    rng.shuffle(cells)
    sheet.header.insert(new_position, name)
    for line, cell in zip(sheet.lines, cells, strict=True):
        line.cells.insert(new_position, cell)
    sheet.touch_all()


def shuffled_columns(rng: Random, sheet: Sheet) -> None:
    """Bring the columns into another order: no verdict depends on it."""
    order = list(range(len(sheet.header)))
    rng.shuffle(order)
    sheet.header = [sheet.header[at] for at in order]
    for line in sheet.lines:
        line.cells = [line.cells[at] for at in order]


def unknown_column(rng: Random, sheet: Sheet) -> None:
    """Add a column that no report has."""
    at = rng.randint(0, len(sheet.header))
    sheet.header.insert(at, rng.choice(("notes", "access_key_3_active", "owner", "account_name")))
    for line in sheet.lines:
        line.cells.insert(at, rng.choice(("", "N/A", "platform", "2026-10-30T10:00:00Z")))


def untouched(rng: Random, sheet: Sheet) -> None:
    """Change nothing."""


MUTATIONS: Final[Mapping[str, Callable[[Random, Sheet], None]]] = {
    mutation.__name__.replace("_", " "): mutation
    for mutation in (
        *(odd_cells, odd_identity, odd_row, other_times, flipped_flags, moved_cells, doubled_row),
        *(doubled_row_that_differs, shuffled_rows, lost_row, cut_row, joined_rows, wide_row, open_quote, blank_rows),
        *(header_again, no_header, lost_column, renamed_column, doubled_column, shuffled_columns, unknown_column),
        untouched,
    )
}
WEIGHTS: Final = tuple(
    6 if name == "odd cells" else 2 if name in {"odd row", "odd identity"} else 1 for name in MUTATIONS
)
