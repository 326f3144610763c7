"""`python -m tests.benchmarks NAME`: measure, and print Markdown tables; `--help` lists what can be measured."""

from __future__ import annotations

import argparse
import compileall
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl
from polars import selectors

import analyzer
import tests.benchmarks
from analyzer.evidence.schema import TABLES
from tests.benchmarks import peers
from tests.benchmarks.fleet import Fleet, write_day
from tests.benchmarks.measuring import Run, in_turn, measure, table
from tests.benchmarks.peers import duckdb_audit, duckdb_history, hash_loop, loop_audit, polars_audit
from tests.benchmarks.peers import floor as floors
from tests.benchmarks.peers import workbook as books
from tests.benchmarks.stages import table_of_stages

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

PROGRAM = Path(sys.executable).with_name("credreport")
A_MONTH = 31
LARGE, SMALL_FILES, LARGER, USUAL = (200, 5000), (2000, 50), (2000, 5000), (10_000, 12)
MEDIUM = (200, 60)
"""Fleets: accounts, and users of each."""
A_WEEK, A_YEAR, YEARLY = 7, 365, (200, 50)
ROWS_OF_WORKBOOK = 100_000
PEERS_OF_AUDIT: Final = {"Polars": polars_audit, "DuckDB": duckdb_audit, "a loop over `csv`": loop_audit}
CUT_AND_GREP: Final = Path(peers.__path__[0]) / "cut_grep.sh"


def audit(folder: Path, runs: int, fleets: Sequence[tuple[int, int]] = (LARGE, SMALL_FILES)) -> str:
    """Judge `unused-credentials` by the reports of one day, for fleets of accounts and users; return the measures."""
    return "\n".join(_audit(folder, runs, *fleet) for fleet in fleets)


def _audit(folder: Path, runs: int, accounts: int, users: int) -> str:
    reports = _reports(folder, accounts, users)
    out = folder / "audit"
    out.mkdir(exist_ok=True)
    judge = _judge(reports, *UNUSED)

    def run(module: ModuleType, folder_name: str, *options: str) -> list[str]:
        return [sys.executable, "-m", module.__name__, str(reports), str(out / folder_name), *options]

    findings = {
        "credreport": [*judge, "--tables", "findings", "-o", str(out / "credreport")],
        **{name: run(module, name) for name, module in PEERS_OF_AUDIT.items()},
        "`cut` and `grep`, which only filter": [str(CUT_AND_GREP), str(reports), str(out / "filtered.csv")],
    }
    tables = {
        "credreport, all tables": [*judge, "-o", str(out / "credreport-all")],
        "credreport, all tables of all controls": [*_judge(reports), "-o", str(out / "credreport-controls")],
        "Polars, all tables": run(polars_audit, "Polars-all", "--tables", "all"),
    }
    floor = {
        f"floor: {'' if stage == floors.STAGES[0] else '… and '}{stage}": [
            *(sys.executable, "-m", floors.__name__, stage, str(reports), str(out / "credreport/findings.parquet"))
        ]
        for stage in floors.STAGES
    }
    measures = in_turn(findings | tables | floor, Path.cwd(), runs)
    rows = {_same_table("findings", out / "credreport", out / name) for name in PEERS_OF_AUDIT}
    for name in TABLES:
        _same_table(name, out / "credreport-all", out / "Polars-all")
    size = sum(path.stat().st_size for path in reports.rglob("*.csv"))
    title = f"{accounts:,} reports of {users:,} users ({size / 1e6:,.0f} MB of CSV) have {rows.pop():,} findings.\n\n"
    parts = [table({name: measures[name] for name in group}, next(iter(group))) for group in (findings | floor, tables)]
    return title + "\n".join(parts)


def _same_table(name: str, own: Path, peer: Path) -> int:
    return same_rows(own / f"{name}.parquet", peer / f"{name}.parquet", TABLES[name].names)


def stages(folder: Path, runs: int, fleet: tuple[int, int] = LARGE, reports: int = 12) -> str:
    """Judge a batch of a fleet's reports, stage by stage; return the measures."""
    return table_of_stages(sorted(_reports(folder, *fleet).rglob("*.csv"))[:reports], runs)


def growth(folder: Path, runs: int, fleets: Sequence[tuple[int, int]] = (LARGE, LARGER)) -> str:
    """Judge one fleet and a larger one; return the measures."""
    commands = {
        f"{accounts:,} reports of {users:,} users, {label}": [
            *(*_judge(_reports(folder, accounts, users), *controls), "--tables", "findings"),
            *("-o", str(folder / "grown")),
        ]
        for label, controls in (("unused-credentials", UNUSED), ("all controls", ()))
        for accounts, users in fleets[::-1]
    }
    measures = in_turn(commands, Path.cwd(), runs)
    names = list(commands)
    return "\n".join(table({name: measures[name] for name in names[at : at + 2]}, names[at]) for at in (0, 2))


def daily(folder: Path, runs: int, fleet: tuple[int, int] = USUAL) -> str:
    """Judge all controls of a fleet of the usual kind, in threads and on a cluster of this machine."""
    judge = [*_judge(_reports(folder, *fleet)), "-o", str(folder / "daily")]
    name = "{:,} reports of {:,} users".format(*fleet)
    commands = {name: judge, f"{name}, --engine dask": [*judge, "--engine", "dask"]}
    return table(in_turn(commands, Path.cwd(), runs), name)


def default(folder: Path, runs: int, fleets: Sequence[tuple[int, int]] = (MEDIUM, LARGE)) -> str:
    """Judge all controls with the default formats, and with tables alone, for fleets of accounts and users."""
    return "\n".join(_default(folder, runs, fleet) for fleet in fleets)


def _default(folder: Path, runs: int, fleet: tuple[int, int]) -> str:
    judge = [str(PROGRAM), "audit", str(_reports(folder, *fleet)), "-q"]
    name = "{:,} reports of {:,} users".format(*fleet)
    commands = {
        f"{name}, the default formats": [*judge, "-o", str(folder / "default")],
        f"{name}, --format parquet": [*judge, "--format", "parquet", "-o", str(folder / "default-tables")],
    }
    return table(in_turn(commands, Path.cwd(), runs), next(iter(commands)))


def year(folder: Path, runs: int, fleet: tuple[int, int] = YEARLY, days: int = A_YEAR) -> str:
    """Run every command on a folder with daily reports; return the measures."""
    (accounts, users), measures = fleet, runs_on_a_year(folder, runs, fleet, days)
    title = f"{accounts * days:,} reports: a daily one of {accounts:,} accounts of {users:,} users, for {days} days."
    title += f"\n`compare` takes the last {A_WEEK} days and those before.\n\n"
    reports, name = _year(folder, fleet, days), "audit --format parquet"
    commands = {
        name: [*_judge(reports), "-o", str(folder / "year-tables")],
        "a loop that reads and hashes": [sys.executable, "-m", hash_loop.__name__, str(reports)],
    }
    return title + table(measures, "audit") + "\n" + table(in_turn(commands, Path.cwd(), runs), name)


def runs_on_a_year(
    folder: Path, runs: int, fleet: tuple[int, int] = YEARLY, days: int = A_YEAR
) -> dict[str, list[Run]]:
    """Run every command on a folder with daily reports, with its default formats."""
    reports, out = _year(folder, fleet, days), folder / "year-out"
    commands = {
        "audit": ["audit", str(reports), "-o", str(out)],
        "audit --every-snapshot": ["audit", str(reports), "--every-snapshot", "-o", str(out)],
        "inspect": ["inspect", str(reports)],
        "ingest": ["ingest", str(reports), "--store", str(out)],
        "history": ["history", str(reports), "-o", str(out)],
        "compare": ["compare", str(reports / BEFORE), str(reports / AFTER), "-o", str(out)],
    }
    measures: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            shutil.rmtree(out, ignore_errors=True)
            measures[name].append(measure([str(PROGRAM), *command], Path.cwd()))
    return measures


BEFORE, AFTER = "before", "after"


def _year(folder: Path, fleet: tuple[int, int], days: int) -> Path:
    """Return the folder with daily reports of a fleet; they are written once."""
    reports = folder / "year-{}x{}x{}".format(*fleet, days)
    if not reports.exists():
        _write_days(reports, fleet, days)
    return reports


def _write_days(reports: Path, size: tuple[int, int], days: int) -> None:
    """Write daily reports, the last week of them into a folder of its own."""
    with tempfile.TemporaryDirectory(dir=reports.parent) as part:  # what is not whole must not pass for the reports
        fleet = Fleet(*size)
        for number in range(days):
            write_day(fleet, Path(part) / "reports" / (BEFORE if number < days - A_WEEK else AFTER))
        (Path(part) / "reports").rename(reports)


def start(folder: Path, runs: int) -> str:
    """Do next to nothing, beside what loading the libraries for it takes; return the measures."""
    reports = _reports(folder, 1, 12)
    samples = Path(__file__).parents[2] / "sample_reports"

    def python(statement: str) -> list[str]:
        return [sys.executable, "-c", statement]

    pairs = {
        "credreport --version": [str(PROGRAM), "--version"],
        "`import typer`": python("import typer"),
        "one small report as Parquet": [*_judge(reports, *()), "-o", str(folder / "small")],
        "`import pandas, pyarrow.csv, pyarrow.parquet`": python("import pandas, pyarrow.csv, pyarrow.parquet"),
        "`sample_reports`, the default formats": [
            *(str(PROGRAM), "audit", str(samples), "--as-of", "2026-10-31", "-q", "-o", str(folder / "samples"))
        ],
        "`import pandas, matplotlib.figure, xlsxwriter`": python("import pandas, matplotlib.figure, xlsxwriter"),
    }
    measures = in_turn(pairs, Path.cwd(), runs, accepted=(0, 1, 3))
    names = list(pairs)
    return "\n".join(table({name: measures[name] for name in names[at : at + 2]}, names[at]) for at in (0, 2, 4))


def workbook(folder: Path, runs: int, rows: int = ROWS_OF_WORKBOOK) -> str:
    """Write findings as a workbook; return the measures."""
    findings = folder / f"findings-{rows}.parquet"
    if not findings.exists():
        measure([*_judge(_reports(folder, *LARGE)), "--tables", "findings", "-o", str(folder / "found")], Path.cwd())
        # A sheet has no lists.
        pl.scan_parquet(folder / "found/findings.parquet").drop("requirements").head(rows).collect().write_parquet(
            findings
        )
    commands = {
        f"{program}, {rows:,} findings": [
            *(sys.executable, "-m", books.__name__, program, str(findings), str(folder / program))
        ]
        for program in ("credreport", "pandas")
    }
    return table(in_turn(commands, Path.cwd(), runs), next(iter(commands)))


UNUSED: Final = ("--control", "unused-credentials")


def _judge(reports: Path, *controls: str) -> list[str]:
    """Return the command that judges reports, but for its output folder."""
    return [str(PROGRAM), "audit", str(reports), *controls, "--format", "parquet", "-q"]


def _reports(folder: Path, accounts: int, users: int) -> Path:
    """Return the folder with the reports of a fleet on one day; they are written once."""
    reports = folder / f"reports-{accounts}x{users}"
    if not reports.exists():
        write_reports(reports, accounts, users)
    return reports


def write_reports(reports: Path, accounts: int, users: int) -> None:
    """Write the reports of a fleet on one day into a new folder."""
    with tempfile.TemporaryDirectory(dir=reports.parent) as part:  # what is not whole must not pass for the reports
        whole = Path(part) / "reports"
        write_day(Fleet(accounts, users), whole)
        whole.rename(reports)


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
    measures = in_turn(commands, Path.cwd(), runs)
    same_rows(out / "lifetimes.parquet", folder / "peer.parquet", duckdb_history.COLUMNS)
    return _notes_of(store).read_text(encoding="utf-8") + table(measures, next(iter(commands)))


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
    store_size = sum(path.stat().st_size for path in part.rglob("*") if path.is_file())
    _notes_of(store).write_text(
        f"{accounts * days:,} reports of {users:,} users ({size / 1e6:,.0f} MB of CSV) were ingested in {wall:,.0f} s, "
        f"a month at a time; the store has {store_size / 1e6:,.1f} MB, {store_size / size:.1%} of that.\n\n",
        encoding="utf-8",
    )
    part.rename(store)


def same_rows(own: Path, peer: Path, columns: Sequence[str]) -> int:
    """Return the number of rows. Raises AssertionError unless both files have the same rows, in any order."""
    own_rows, peer_rows = (_sorted(path, columns) for path in (own, peer))
    if not own_rows.equals(peer_rows):
        pairs = ((own_rows, peer_rows), (peer_rows, own_rows))
        differ = [a.join(b, on=list(columns), how="anti", nulls_equal=True).head(3).rows() for a, b in pairs]
        raise AssertionError(f"{own} and {peer} do not have the same rows: {differ}")
    return own_rows.height


def _sorted(path: Path, columns: Sequence[str]) -> pl.DataFrame:
    texts = selectors.by_dtype(pl.Categorical, pl.Enum).cast(pl.String)
    return pl.read_parquet(path).select(columns).with_columns(texts).sort(columns)


MEASURES: Final = {
    function.__name__: function for function in (audit, stages, default, year, growth, daily, start, workbook)
}


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("benchmark", choices=[*MEASURES, "history"])
    parser.add_argument("--accounts", type=int, default=50, help="of history")
    parser.add_argument("--users", type=int, default=400, help="of each account of history")
    parser.add_argument("--days", type=int, default=365, help="of history")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="put the measures between its marks, as in BENCHMARKS.md"
    )
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "credreport-benchmarks")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    # As pip does where it installs; else each process may compile all modules again.
    for package in (analyzer, tests.benchmarks):
        compileall.compile_dir(Path(package.__path__[0]), quiet=1)
    if arguments.benchmark == "history":
        text = history(arguments.folder, arguments.accounts, arguments.users, arguments.days, arguments.runs)
    else:
        text = MEASURES[arguments.benchmark](arguments.folder, arguments.runs)
    print(text, end="")  # noqa: T201
    if arguments.write:
        put_between(arguments.write, arguments.benchmark, text)


def put_between(path: Path, benchmark: str, text: str) -> None:
    """Replace what a text has between the marks `<!-- benchmark NAME -->` and `<!-- /benchmark NAME -->`."""
    first, last = f"<!-- benchmark {benchmark} -->\n", f"<!-- /benchmark {benchmark} -->"
    before, _, after_first = path.read_text(encoding="utf-8").partition(first)
    _, mark, after = after_first.partition(last)
    if not mark:
        raise ValueError(f"{path} has no marks for {benchmark}")
    path.write_text(f"{before}{first}{text}{mark}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
