"""Runs of the program, each taken apart into entries: canonical texts of all that it printed and wrote.

The commands run in this process, in a folder of their own, so that all names are relative. An entry is small enough to
say what changed: one table, one sheet, one file. Left out is what may differ without a difference: versions of
libraries, bytes of files that were compressed, pictures.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import tempfile
from contextlib import chdir, redirect_stderr, redirect_stdout
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from unittest import mock

from openpyxl import load_workbook
from pyarrow import parquet

from analyzer.cli.main import app
from analyzer.errors import AnalyzerError
from tests.golden.fleets import ACCOUNTS, FLEETS, MULTI_DAY, drawn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

SAMPLES: Final = Path(__file__).resolve().parents[2] / "sample_reports"
OUT: Final = "out"
PLAIN: Final = {"COLUMNS": "110", "LINES": "50", "NO_COLOR": "1", "TERM": "dumb"}
"""What a terminal would tell the program."""
_TELLTALE: Final = ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "JUPYTER_COLUMNS", "JUPYTER_LINES")
_BINARY: Final = frozenset({".parquet", ".xlsx", ".png"})

Entries = dict[str, str]


class Step(NamedTuple):
    """One command of a run: `keeps` is the folder that it fills, which is looked at afterwards.

    It runs twice, the second time with `--json`, unless `once` is set: a second run of such a command would give
    another answer.
    """

    label: str
    args: Sequence[str]
    keeps: str | None = None
    once: bool = False


class Run(NamedTuple):
    """The input files, and the commands in their order."""

    files: Callable[[], Mapping[str, bytes]]
    steps: Sequence[Step]


# The runs


def _audit(args: Sequence[str], label: str = "") -> Step:
    return Step(label, ["audit", *args, "-o", OUT], OUT)


def _following(old: str, new: str, reports: str) -> list[Step]:
    """Return how reports of several days are compared and followed."""
    written = ["-o", OUT, "--format", "parquet,excel"]
    return [
        Step("compare", ["compare", old, new, *written], OUT),
        Step("history", ["history", reports, "--sla-days", "30", *written], OUT),
        Step("monthly", ["history", reports, "--as-of-series", "monthly", "--benchmark", "cis-5.0", *written], OUT),
    ]


def _storing(reports: str, first_reports: str) -> list[Step]:
    """Return how reports are kept in a store and read from it; some are in it already when the others are added."""
    stored = ["--store", "kept", "-o", OUT, "--format", "parquet,excel"]
    return [
        Step("ingest", ["ingest", first_reports, "--store", "kept"], once=True),
        Step("ingest the rest", ["ingest", reports, "--store", "kept"], "kept", once=True),
        Step("ingest again", ["ingest", reports, "--store", "kept"], "kept"),
        Step("store", ["store", "kept"]),
        Step("stored history", ["history", *stored], OUT),
        Step("stored compare", ["compare", "--from", "2026-08-31", "--to", "2026-10-31", *stored], OUT),
    ]


def _compared(name: str) -> list[Step]:
    """Return how a fleet of several days is compared and followed: by days, or one account's first and last."""
    files = sorted(drawn(name).files)
    days = sorted({file.split("/")[1] for file in files if file.startswith("in/2026-")})
    if days:
        return _following(f"in/{days[0]}", f"in/{days[-1]}", "in")
    account = next(account for account in ACCOUNTS if account in files[0])
    own = [file for file in files if account in file]
    return _following(own[0], own[-1], "in")


def _fleet_run(name: str) -> Run:
    return Run(lambda: drawn(name).files, [_audit(drawn(name).args)])


def _following_run(name: str) -> Run:
    return Run(lambda: drawn(name).files, _compared(name))


def _stored_run(name: str) -> Run:
    steps = [
        Step("ingest", ["ingest", "in", "--store", "kept"], "kept", once=True),
        Step("store", ["store", "kept"]),
        Step("history", ["history", "--store", "kept", "-o", OUT, "--format", "parquet"], OUT),
    ]
    return Run(lambda: drawn(name).files, steps)


def _samples() -> dict[str, bytes]:
    """Return the sample reports, and the files beside them, without pictures."""
    paths = sorted(path for path in SAMPLES.rglob("*") if path.suffix in {".csv", ".json"})
    files = {f"in/{path.relative_to(SAMPLES).as_posix()}": path.read_bytes() for path in paths}
    return files | {"in/README.md": b"# Sample reports\n"}


def _crossed() -> dict[str, bytes]:
    """Return two folders to compare: the second one has a newer report of one account, and an older one of another."""
    files = _samples()
    days = {"old": ("2026-09-30", "2026-10-31"), "new": ("2026-10-31", "2026-09-30")}
    return {
        f"{folder}/{day}/{account}.csv": files[f"in/{day}/credentialReport_{account}.csv"]
        for folder, folder_days in days.items()
        for day, account in zip(folder_days, ("111122223333", "123456789012"), strict=True)
    }


def _swapped() -> dict[str, bytes]:
    """Return reports of several days; those of two days are in each other's folder, so that time goes backwards."""
    swapped_days = {"2026-09-30": "2026-10-31", "2026-10-31": "2026-09-30"}
    files = {}
    for name, content in drawn("days_in_folders").files.items():
        _, day, file = name.split("/")
        files[f"in/{swapped_days.get(day, day)}/{file}"] = content
    return files


_FORMATS: Final = ["--format", "parquet,excel,remediation"]

RUNS: Final[dict[str, Run]] = {
    "samples": Run(_samples, [_audit(["in"])]),
    "samples with remediation": Run(_samples, [_audit(["in", *_FORMATS])]),
    "samples as of a date": Run(_samples, [_audit(["in", "--as-of", "2026-10-31", *_FORMATS])]),
    "samples, every snapshot": Run(_samples, [_audit(["in", "--every-snapshot", *_FORMATS])]),
    "samples, one control": Run(_samples, [_audit(["in", "--control", "unused-credentials", *_FORMATS])]),
    "samples by benchmarks": Run(
        _samples,
        [
            _audit(["in", "--benchmark", name, "--as-of", "2026-10-31", "--format", "parquet,excel"], name)
            for name in ("cis-1.4", "cis-5.0", "pci-dss-4.0.1")
        ],
    ),
    "samples inspected": Run(_samples, [Step("", ["inspect", "in"])]),
    "samples followed": Run(_samples, _following("in/2026-09-30", "in/2026-10-31", "in")),
    "samples crossed": Run(_crossed, [Step("", ["compare", "old", "new", "-o", OUT], OUT)]),
    "samples stored": Run(_samples, _storing("in", "in/2026-09-30")),
    **{name: _fleet_run(name) for name in FLEETS},
    **{f"{name} followed": _following_run(name) for name in MULTI_DAY},
    **{f"{name} stored": _stored_run(name) for name in ("account_in_name_only", "undated", "everything_at_once")},
    "days swapped": Run(
        _swapped, [_audit(["in", *_FORMATS], "audit"), *_following("in/2026-09-30", "in/2026-10-31", "in")]
    ),
    "bystanders inspected": Run(lambda: drawn("bystanders").files, [Step("", ["inspect", "in"])]),
    "written_otherwise inspected": Run(lambda: drawn("written_otherwise").files, [Step("", ["inspect", "in"])]),
}


# Capturing


def digests(entries: Entries) -> dict[str, str]:
    """Return a short digest of each text."""
    return {name: hashlib.sha256(text.encode()).hexdigest()[:16] for name, text in entries.items()}


def capture(name: str) -> Entries:
    """Run what `name` stands for in a folder of its own, and return its entries."""
    run, entries = RUNS[name], Entries()
    with tempfile.TemporaryDirectory() as folder:
        for file, content in run.files().items():
            path = Path(folder) / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        with chdir(folder):
            for step in run.steps:
                prefix = f"{step.label}: " if step.label else ""
                entries |= {f"{prefix}{key}": text for key, text in _entries_of(step)}
    return entries


def _entries_of(step: Step) -> Iterator[tuple[str, str]]:
    if step.keeps == OUT:
        shutil.rmtree(OUT, ignore_errors=True)
    screen, code = _run(step.args)
    yield "exit code", f"{code}\n"
    yield "screen", screen
    manifest = Path(OUT) / "manifest.json"
    before = manifest.read_bytes() if step.keeps == OUT and manifest.exists() else None
    if not step.once:
        json_text, _ = _run([*step.args, "--json"])
        yield "json", _json(json.loads(json_text)) if json_text.startswith("{") else json_text
        if before is not None and manifest.read_bytes() != before:
            raise AssertionError(f"the same command wrote another manifest: {' '.join(step.args)}")
    if step.keeps is not None:
        yield from _folder(Path(step.keeps))


def _run(args: Sequence[str]) -> tuple[str, int]:
    """Return what a command prints, and its exit code; an error is printed as the program prints it."""
    out, err = io.StringIO(), io.StringIO()
    with mock.patch.dict(os.environ, PLAIN), redirect_stdout(out), redirect_stderr(err):
        for name in _TELLTALE:
            os.environ.pop(name, None)
        try:
            code = app(list(args), prog_name="credreport", standalone_mode=False)
        except AnalyzerError as error:
            err.write(f"error: {error.message}\nhint: {error.hint}\n")
            code = 2
    return out.getvalue() + err.getvalue(), code


def _folder(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield an entry for each file, sheet and table in a folder."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    yield "files", "".join(f"{path.relative_to(folder).as_posix()}\n" for path in paths)
    for path in paths:
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".parquet":
            yield from ((f"{name} ({part})", text) for part, text in _table(path))
        elif path.suffix == ".xlsx":
            yield from ((f"{name} ({sheet})", text) for sheet, text in _sheets(path))
        elif name in {"manifest.json", "rendered.json"}:
            yield name, _manifest(path)
        elif path.suffix != ".png":
            yield name, path.read_bytes().decode()


def _table(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the columns of a table, its rows in their order, and its rows sorted."""
    table = parquet.ParquetFile(path).read()
    rows = [json.dumps(row, ensure_ascii=False, default=_plain) for row in table.to_pylist()]
    yield "columns", "".join(f"{field.name}: {field.type}\n" for field in table.schema)
    yield "in order", "".join(f"{row}\n" for row in rows)
    yield "rows", "".join(f"{row}\n" for row in sorted(_sorted(row) for row in rows))


def _sorted(row: str) -> str:
    return json.dumps(json.loads(row), ensure_ascii=False, sort_keys=True)


def _sheets(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the cells of each sheet, a line a row, without empty cells at its end."""
    book = load_workbook(path)
    yield "sheets", "".join(f"{name}\n" for name in book.sheetnames)
    for name in book.sheetnames:
        lines = []
        for row in book[name].iter_rows(values_only=True):
            cells = [_without_versions(cell) for cell in row]
            while cells and cells[-1] is None:
                cells.pop()
            lines.append(json.dumps(cells, ensure_ascii=False, default=_plain) + "\n")
        yield name, "".join(lines)


def _without_versions(cell: object) -> object:
    if isinstance(cell, str) and cell.startswith("Made by credreport"):
        return re.sub(r"\d+(\.\w+)+", "*", cell)
    return cell


def _manifest(path: Path) -> str:
    facts = json.loads(path.read_bytes())
    for name in ("versions", "digest", "manifest"):  # the digests are of the versions as well
        facts.pop(name, None)
    for output in facts["outputs"]:
        if Path(output["name"]).suffix in _BINARY:
            del output["sha256"], output["bytes"]
    return _json(facts)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True, default=_plain) + "\n"


def _plain(value: Any) -> str:  # noqa: ANN401 - whatever a cell holds
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (bytes, timedelta)):
        return repr(value)
    raise TypeError(f"a cell of an unexpected type: {value!r}")
