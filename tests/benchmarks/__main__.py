"""`python -m tests.benchmarks history`: measure, compare the rows, and print a Markdown table."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyarrow import parquet

from tests.benchmarks.fleet import Fleet, write_day
from tests.benchmarks.measuring import in_turn, measure, table
from tests.benchmarks.peers import duckdb_history

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = Path(sys.executable).with_name("credreport")
A_MONTH = 31


def history(folder: Path, accounts: int, users: int, days: int, runs: int) -> str:
    """Follow `unused-credentials` through a store of daily reports; return the measures."""
    store = folder / f"store-{accounts}x{users}x{days}"
    if not store.exists():
        _make_store(store, accounts, users, days)
    out = folder / "out"
    follow = [str(PROGRAM), "history", "--store", str(store), "--format", "parquet", "-q"]
    commands = {
        "credreport, unused-credentials": [*follow, "--control", "unused-credentials", "-o", str(out)],
        "DuckDB, the same rows": [
            sys.executable,
            "-m",
            duckdb_history.__name__,
            str(store),
            str(folder / "peer.parquet"),
        ],
        "credreport, all controls": [*follow, "-o", str(folder / "all")],
    }
    found = in_turn(commands, Path.cwd(), runs)
    same_rows(out / "lifetimes.parquet", folder / "peer.parquet", duckdb_history.COLUMNS)
    return _notes_of(store).read_text(encoding="utf-8") + table(found, next(iter(commands)))


def _notes_of(store: Path) -> Path:
    return store.with_suffix(".txt")


def _make_store(store: Path, accounts: int, users: int, days: int) -> None:
    """Ingest the daily reports a month at a time, and note what that took."""
    fleet, size, wall = Fleet(accounts, users), 0, 0.0
    part = store.with_name(f"{store.name}-part")  # a store that is not whole must not pass for one
    shutil.rmtree(part, ignore_errors=True)
    for first in range(0, days, A_MONTH):
        with tempfile.TemporaryDirectory(dir=store.parent) as reports:
            size += sum(write_day(fleet, Path(reports)) for _ in range(first, min(first + A_MONTH, days)))
            wall += measure([str(PROGRAM), "ingest", reports, "--store", str(part), "-q"], Path.cwd()).wall
    kept = sum(path.stat().st_size for path in part.rglob("*") if path.is_file())
    _notes_of(store).write_text(
        f"{accounts * days:,} reports of {users:,} users ({size / 1e6:,.0f} MB of CSV) were ingested in {wall:,.0f} s, "
        f"a month at a time; the store has {kept / 1e6:,.1f} MB, {kept / size:.1%} of that.\n\n",
        encoding="utf-8",
    )
    part.rename(store)


def same_rows(one: Path, other: Path, columns: Sequence[str]) -> int:
    """Return how many rows there are. Raises AssertionError unless both files have the same, in whatever order."""
    rows = [Counter(map(_plain, parquet.read_table(path, columns=list(columns)).to_pylist())) for path in (one, other)]
    if rows[0] != rows[1]:
        differ = [*(rows[0] - rows[1]).items(), *(rows[1] - rows[0]).items()]
        raise AssertionError(f"{one} and {other} do not have the same rows: {differ[:5]}")
    return rows[0].total()


def _plain(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(value) for value in row.values())


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("what", choices=["history"])
    parser.add_argument("--accounts", type=int, default=50)
    parser.add_argument("--users", type=int, default=400, help="of each account")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="put the measures between its marks, as in README.md"
    )
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "credreport-benchmarks")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    told = history(given.folder, given.accounts, given.users, given.days, given.runs)
    print(told, end="")  # noqa: T201
    if given.write:
        put_between(given.write, given.what, told)


def put_between(path: Path, what: str, told: str) -> None:
    """Replace what a text has between the marks `<!-- benchmark WHAT -->` and `<!-- /benchmark WHAT -->`."""
    first, last = f"<!-- benchmark {what} -->\n", f"<!-- /benchmark {what} -->"
    before, _, rest = path.read_text(encoding="utf-8").partition(first)
    _, mark, after = rest.partition(last)
    if not mark:
        raise ValueError(f"{path} has no marks for {what}")
    path.write_text(f"{before}{first}{told}{mark}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
