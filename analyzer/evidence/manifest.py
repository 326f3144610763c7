"""What `manifest.json` and `rendered.json` say: what was judged and how, and what was written and rendered from it."""

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
"""Libraries by which tables are made."""
_RENDERINGS: Final = (*_TABLES, "matplotlib", "XlsxWriter")
_CALENDAR: Final = "icalendar"
"""The library of the format ics, which few runs have, and which takes a while to look up."""


def audit_facts(summary: Summary, issues: Sequence[Row]) -> dict[str, Any]:
    """Return what the manifest says of an audit; `issues` are those of its table."""
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
    """Return a manifest, without its digest: `kind` of evidence, its facts, and the files of its tables.

    The facts are `audit_facts`, or those of a history or a comparison.
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
    """Return a list of renderings (`outputs`, each with its `format`), and from what and how they were made.

    `not_made` lists files that would have shown nothing, each with its `format` and `why`.

    An output that was made before has `settings` and `versions` of its own, where they are others than now.
    """
    has_calendar = any(one.get("format") == "ics" for one in outputs)
    libraries = [*_RENDERINGS, *([_CALENDAR] if has_calendar else [])]
    made_by: dict[str, Any] = {"settings": dict(settings), "versions": _versions(libraries)}
    return {
        "program": PROGRAM,
        "schema_version": SCHEMA_VERSION,
        "manifest": manifest_digest,
        **made_by,
        "outputs": [
            {key: value for key, value in one.items() if key not in made_by or made_by[key] != value} for one in outputs
        ],
        "not_made": list(not_made),
    }


def _versions(libraries: Sequence[str]) -> dict[str, str]:
    return {PROGRAM: __version__} | {name.lower(): _version(name) for name in libraries}


def versions_of(named: Mapping[str, str]) -> dict[str, str]:
    """Return the versions that are here now of the program and of the libraries that are `named`."""
    return {name: __version__ if name == PROGRAM else _version(name) for name in named}


def _version(library: str) -> str:
    loaded = sys.modules.get(library.lower())
    if loaded is not None:
        return str(loaded.__version__)
    from importlib.metadata import version  # noqa: PLC0415 - takes a while to load

    return version(library)
