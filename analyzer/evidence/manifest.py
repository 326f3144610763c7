"""The contents of `manifest.json` (inputs, settings, counts, tables) and of `rendered.json` (rendered files)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from analyzer import __version__
from analyzer.evidence.inputs import input_facts
from analyzer.evidence.plain import iso
from analyzer.evidence.seal import PROGRAM, SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analyzer.evidence.summary import Summary
    from analyzer.evidence.writer import Output
    from analyzer.reading.issues import Row

_NOT_READ: Final = (
    *("unreadable_file", "unopened_archive", "not_a_report", "own_output", "not_followed", "duplicate_input"),
)
_TABLES: Final = ("pandas", "pyarrow")
"""Libraries that make the tables."""
_RENDERINGS: Final = (*_TABLES, "matplotlib", "XlsxWriter")
_CALENDAR: Final = "icalendar"
"""The library of the format ics. Its version is looked up only for this format, because that is slow."""


def audit_facts(summary: Summary, issues: Sequence[Row]) -> dict[str, Any]:
    """Return the facts of an audit for the manifest; `issues` are the rows of its issues table."""
    return {
        "as_of": iso(summary.settings.as_of),
        "settings": summary.settings.facts,
        "counts": summary.facts,
        "inputs": input_facts(summary.inputs),
        "not_read": [
            {"source": source, "code": code, "message": message}
            for source, *_, code, message in sorted(issues, key=lambda row: (row[0], row[4], row[5]))
            if code in _NOT_READ
        ],
    }


def manifest(kind: str, facts: Mapping[str, Any], outputs: Sequence[Output]) -> dict[str, Any]:
    """Return a manifest without its digest: the kind of evidence set, its facts, and the files of its tables.

    `facts` are `audit_facts`, or the facts of a history, a comparison or a sample.
    """
    return {
        "program": PROGRAM,
        "kind": kind,
        "schema_version": SCHEMA_VERSION,
        "versions": _versions(_TABLES),
        **facts,
        "outputs": list(outputs),
    }


def rendered(
    manifest_digest: str, settings: Mapping[str, Any], outputs: Sequence[Output], not_made: Sequence[Output]
) -> dict[str, Any]:
    """Return the content of `rendered.json`, without its digest.

    `outputs` are the rendered files, each with its `format`. `not_made` are files that were left out because they would
    be empty, each with its `format` and `why`. A file from an earlier run has `settings` and `versions` of its own if
    they differ from those of this run.
    """
    has_calendar = any(output.get("format") == "ics" for output in outputs)
    libraries = [*_RENDERINGS, *([_CALENDAR] if has_calendar else [])]
    made_by: dict[str, Any] = {"settings": dict(settings), "versions": _versions(libraries)}
    return {
        "program": PROGRAM,
        "schema_version": SCHEMA_VERSION,
        "manifest": manifest_digest,
        **made_by,
        "outputs": [
            {key: value for key, value in output.items() if key not in made_by or made_by[key] != value}
            for output in outputs
        ],
        "not_made": list(not_made),
    }


def _versions(libraries: Sequence[str]) -> dict[str, str]:
    return {PROGRAM: __version__} | {name.lower(): _version(name) for name in libraries}


def versions_of(recorded_versions: Mapping[str, str]) -> dict[str, str]:
    """Return the installed versions of the program and the libraries in `recorded_versions`."""
    return {name: __version__ if name == PROGRAM else _version(name) for name in recorded_versions}


def _version(library: str) -> str:
    loaded = sys.modules.get(library.lower())
    if loaded is not None:
        return str(loaded.__version__)
    from importlib.metadata import version  # noqa: PLC0415 - takes a while to load

    return version(library)
