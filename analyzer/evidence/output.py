"""The output folder: every chosen format, then the manifest, swapped into place as one."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from analyzer.errors import OutputError
from analyzer.evidence import folder as places
from analyzer.evidence import manifest
from analyzer.evidence import writer as parquet
from analyzer.evidence.folder import cannot_write, replaced
from analyzer.evidence.seal import MANIFEST
from analyzer.rendering.registry import FORMATS
from analyzer.survey.files import is_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from analyzer.evidence.comparison import Comparison
    from analyzer.evidence.history import History
    from analyzer.evidence.result import Audit
    from analyzer.evidence.summary import Summary

IN_PARTS: Final = frozenset({"parquet", "charts"})
"""Formats that need no table whole."""
_FOREIGN_NAMED: Final = 3

check_folder: Final = places.check


@dataclass(frozen=True)
class Written:
    """What a run left in its output folder, or at a URL: `files` are relative to it, in the order they were written."""

    folder: Path | str
    files: list[str]


def write(audit: Audit, folder: Path, formats: Sequence[str], tables: Sequence[str]) -> Written:
    """Write the evidence into `folder`: a reader, or a crash, sees the old set or the new one, whole.

    Raises OutputError where `folder` cannot be written, or holds files that are not credreport's.
    """
    from analyzer.rendering import remediation  # noqa: PLC0415 - Parquet alone needs none of them
    from analyzer.rendering.pictures import render as charts  # noqa: PLC0415 - Parquet alone needs none of them
    from analyzer.rendering.workbook import book as excel  # noqa: PLC0415 - Parquet alone needs none of them

    writers = {"parquet": partial(parquet.write, audit, tables=tables)} | {
        name: partial(module.write, audit)
        for name, module in (("excel", excel), ("charts", charts), ("remediation", remediation))
    }
    return _write(folder, formats, writers, partial(manifest.write, audit))


def write_in_parts(
    folder: Path, formats: Sequence[str], tables: Sequence[str], run: Callable[[parquet.GrowingTables], Summary]
) -> tuple[Summary, Written]:
    """Write the tables that `run` puts out as they come, and the other formats in `IN_PARTS`; else as `write` does."""
    found: list[Summary] = []

    def write_tables(staging: Path) -> list[Path]:
        out = parquet.GrowingTables(staging, tables if "parquet" in formats else ())
        try:
            found.append(run(out))
            return out.close()
        except BaseException:
            out.abandon()
            raise

    def write_charts(staging: Path) -> list[Path]:
        from analyzer.rendering.pictures import render as charts  # noqa: PLC0415

        return charts.write(found[0], staging)

    def describe(staging: Path, paths: list[Path]) -> Path:
        return manifest.write(found[0], staging, paths)

    # The tables come first: all that is told is counted from them.
    written = _write(folder, ["parquet", *formats], {"parquet": write_tables, "charts": write_charts}, describe)
    return found[0], written


def write_parts(
    place: str, tables: Sequence[str], run: Callable[[str], tuple[Summary, list[dict[str, Any]]]]
) -> tuple[Summary, Written]:
    """Write what `run` puts into the folder that it is given, and last the manifest.

    At a path as `write` does; a URL must hold nothing, and a set without its manifest is one that was not finished.
    """
    if not is_url(place):
        with replaced(Path(place)) as staging:
            found, outputs = run(str(staging))
            (staging / MANIFEST).write_bytes(manifest.text("audit", manifest.facts_of(found), outputs))
    else:
        try:
            found, outputs = run(place)
            parquet.put(place, MANIFEST, manifest.text("audit", manifest.facts_of(found), outputs))
        except BaseException as error:
            with suppress(Exception):
                parquet.clear(place, tables)
            if isinstance(error, OSError):
                raise cannot_write(place, error) from error
            raise
    return found, Written(place, [*(output["name"] for output in outputs), MANIFEST])


def check_url(url: str) -> None:
    """Raise OutputError where something stands at a URL: there, nothing is replaced."""
    try:
        found = sorted(parquet.sizes(url))
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(
            f"cannot look at {url}: {error.strerror or error}", "check the URL and your permissions"
        ) from error
    if found:
        raise OutputError(
            f"the output folder {url} is not empty: {', '.join(found[:_FOREIGN_NAMED])}",
            "choose another URL with -o, or remove what is there: at a URL nothing is replaced",
        )


def write_history(history: History, folder: Path, formats: Sequence[str]) -> Written:
    """Write what `history` found, as `write` does."""
    from analyzer.rendering.pictures import render as charts  # noqa: PLC0415
    from analyzer.rendering.workbook import book as excel  # noqa: PLC0415

    writers = {
        "parquet": partial(parquet.write_tables, history.tables),
        "excel": partial(excel.write_tables, history.title, history.lines, history.method, history.tables),
        "charts": partial(charts.write_history, history),
    }
    return _write(folder, formats, writers, partial(manifest.describe, "history", history.facts))


def write_comparison(comparison: Comparison, folder: Path, formats: Sequence[str]) -> Written:
    """Write what `compare` found, as `write` does; there are no charts of it."""
    from analyzer.rendering.workbook import book as excel  # noqa: PLC0415

    writers = {
        "parquet": partial(parquet.write_tables, comparison.tables),
        "excel": partial(excel.write_tables, comparison.title, comparison.lines, comparison.method, comparison.tables),
    }
    return _write(folder, formats, writers, partial(manifest.describe, "comparison", comparison.facts))


def _write(
    folder: Path,
    formats: Sequence[str],
    writers: Mapping[str, Callable[[Path], list[Path]]],
    describe: Callable[[Path, list[Path]], Path],
) -> Written:
    """Write the chosen formats into `folder`, in their order, and last the manifest that describes them."""
    with replaced(folder) as staging:
        paths = [path for name in FORMATS if name in formats and name in writers for path in writers[name](staging)]
        paths.append(describe(staging, paths))
        files = [path.relative_to(staging).as_posix() for path in paths]
    return Written(folder, files)


def check(place: str) -> None:
    """Raise OutputError unless a path or URL may be written to (see `check_folder`, `check_url`)."""
    if is_url(place):
        check_url(place)
    else:
        check_folder(Path(place))
