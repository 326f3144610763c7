"""Reports and lists whose names are meant to harm whoever reads the outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.reports import csv_of, key, password, root, user, write

if TYPE_CHECKING:
    from pathlib import Path

ESCAPES: Final = "evil\x1b[31mred\x1b]0;title\x07\x9b31m\x08"
BIDIRECTIONAL: Final = "a\u202egpj\u2066b\u200fc\u061c"
FORMULAS: Final = ("=1+1", "+1", "-1+1", "@SUM(1)", '=HYPERLINK("http://x","y")', "=cmd|' /C calc'!A0")
NAMES: Final = (ESCAPES, BIDIRECTIONAL, *FORMULAS)
CONTROLS: Final = frozenset(
    [*map(chr, range(32)), *map(chr, range(0x7F, 0xA0)), *"\u061c\u200e\u200f\u2028\u2029"]
    + [chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))]
) - {"\n"}
"""Characters that a terminal obeys, or that change the order in which others are shown."""
FILE: Final = "x\x1b[2J\u202e.csv"


def write_odd(folder: Path) -> None:
    """Write two snapshots (2026-09-30, 2026-10-31) of an account with such users, and lists that have such names."""
    users = [user(name, **key(rotated="2020-01-01T00:00:00Z")) for name in NAMES]
    extra = user("=new()", **password(changed="2020-01-01T00:00:00Z", used="N/A"))
    write(folder / "r/2026-09-30/a.csv", csv_of(root(), *users))
    write(folder / f"r/2026-10-31/{FILE}", csv_of(root(), *users, extra))
    write(folder / "r/2026-10-31/=odd().csv", "no,report\n=1,2\n")
    owner = BIDIRECTIONAL.replace("\u2066", "")
    write(folder / "accounts.csv", f"account,name,owner\n111122223333,\x1b[31mpay,{owner}\n444455556666,=1+1,=2+2\n")
    write(folder / "leavers.csv", f"user,last_day\n{FORMULAS[0]},2026-01-31\n=nobody(),2026-01-31\n")
