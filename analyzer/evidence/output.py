"""The output folder: every chosen format, then the manifest, swapped into place as one."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from analyzer.errors import OutputError
from analyzer.evidence import manifest
from analyzer.evidence import writer as parquet
from analyzer.evidence.folder import flush, swap
from analyzer.rendering.registry import FORMATS
from analyzer.survey.files import is_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from analyzer.evidence.record import Comparison, History
    from analyzer.evidence.result import Audit, Summary

IN_PARTS: Final = frozenset({"parquet", "charts"})
"""Formats that need no table whole."""
_FOREIGN_NAMED: Final = 3


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
    from analyzer.rendering.pictures import audit as charts  # noqa: PLC0415 - Parquet alone needs none of them
    from analyzer.rendering.workbook import book as excel  # noqa: PLC0415 - Parquet alone needs none of them

    writers = {
        "parquet": partial(parquet.write, audit, tables=tables),
        "remediation": partial(remediation.write_audit, audit),
    } | {name: partial(module.write, audit) for name, module in (("excel", excel), ("charts", charts))}
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
        from analyzer.rendering.pictures import audit as charts  # noqa: PLC0415

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
        with _staged(Path(place)) as staging:
            found, outputs = run(str(staging))
            (staging / manifest.NAME).write_bytes(manifest.text(manifest.facts_of(found), outputs))
    else:
        try:
            found, outputs = run(place)
            parquet.put(place, manifest.NAME, manifest.text(manifest.facts_of(found), outputs))
        except BaseException as error:
            with suppress(Exception):
                parquet.clear(place, tables)
            if isinstance(error, OSError):
                raise _cannot_write(place, error) from error
            raise
    return found, Written(place, [*(output["name"] for output in outputs), manifest.NAME])


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
    from analyzer.rendering.pictures import history as history_charts  # noqa: PLC0415
    from analyzer.rendering.workbook import book as excel  # noqa: PLC0415

    writers = {
        "parquet": partial(parquet.write_tables, history.tables),
        "excel": partial(excel.write_tables, history.title, history.lines, history.method, history.tables),
        "charts": partial(history_charts.write, history),
    }
    return _write(folder, formats, writers, partial(manifest.describe, history.facts))


def write_comparison(comparison: Comparison, folder: Path, formats: Sequence[str]) -> Written:
    """Write what `compare` found, as `write` does; there are no charts of it."""
    from analyzer.rendering.workbook import book as excel  # noqa: PLC0415

    writers = {
        "parquet": partial(parquet.write_tables, comparison.tables),
        "excel": partial(excel.write_tables, comparison.title, comparison.lines, comparison.method, comparison.tables),
    }
    return _write(folder, formats, writers, partial(manifest.describe, comparison.facts))


def _write(
    folder: Path,
    formats: Sequence[str],
    writers: Mapping[str, Callable[[Path], list[Path]]],
    describe: Callable[[Path, list[Path]], Path],
) -> Written:
    """Write the chosen formats into `folder`, in their order, and last the manifest that describes them."""
    with _staged(folder) as staging:
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


def check_folder(folder: Path) -> None:
    """Raise OutputError unless `folder` is absent, empty, or what an earlier run left there and nothing else."""
    try:
        if not os.path.lexists(folder):
            return
        if not folder.is_dir():
            raise OutputError(f"not a folder: {folder}", "choose another folder with -o")
        if folder.resolve() == Path.cwd():
            raise OutputError(
                "the output folder would be the current one, which is replaced as a whole",
                "choose another folder with -o",
            )
        own = _own_files(folder)
        foreign = sorted(set(islice(_foreign(folder, own), _FOREIGN_NAMED + 1)))
    except OSError as error:
        raise _cannot_write(folder, error) from error
    if foreign:
        more = " and more" if len(foreign) > _FOREIGN_NAMED else ""
        raise OutputError(
            f"the output folder {folder} holds what its {manifest.NAME} does not describe: "
            f"{', '.join(foreign[:_FOREIGN_NAMED])}{more}",
            "choose another folder with -o, or move these away: the folder is replaced as a whole, and with it what "
            "credreport did not write or somebody has changed",
        )


def _foreign(folder: Path, own: set[str]) -> Iterator[str]:
    """Yield what stands in `folder` and is neither one of its `own` files nor a folder of theirs."""
    folders = {path.rpartition("/")[0] for path in own}
    for place, names, files in os.walk(folder):
        here = Path(place)
        for name in sorted((*names, *files)):
            path = here / name
            shown = path.relative_to(folder).as_posix()
            is_folder = path.is_dir() and not path.is_symlink()
            if shown not in (folders if is_folder else own):
                yield f"{shown}/" if is_folder else shown


def _own_files(folder: Path) -> set[str]:
    try:
        kept = json.loads((folder / manifest.NAME).read_text(encoding="utf-8"))
        if kept["program"] != "credreport":
            return set()
        unchanged = {
            output["name"]
            for output in kept["outputs"]
            if manifest.digest_of(folder / output["name"]) == output["sha256"]
        }
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    return {manifest.NAME, *unchanged}


@contextmanager
def _staged(folder: Path) -> Iterator[Path]:
    """Yield a fresh folder (mode 0700) beside `folder`; on success it takes that place, on failure it goes."""
    target = folder.resolve()
    # Named before it is made: a run that is told to stop at any moment from then on finds it and takes it away.
    staging = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staging.mkdir(mode=0o700)
        yield staging
        flush(staging)
        check_folder(target)
        swap(staging, target)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _cannot_write(folder: Path | str, error: OSError) -> OutputError:
    return OutputError(
        f"cannot write {folder}: {error.strerror or error}", "check permissions and free space, or choose another -o"
    )
