"""`manifest.json`: what was read, how it was judged, and what was written, with the digests that tie them together."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from analyzer import __version__
from analyzer.evidence.result import iso, plain_rows
from analyzer.evidence.seal import MANIFEST, PROGRAM, SCHEMA_VERSION, digest_of, seal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from analyzer.evidence.result import Summary

_NOT_READ: Final = ("unreadable_file", "not_a_report", "not_followed", "duplicate_input")
_LIBRARIES: Final = ("pandas", "pyarrow", "matplotlib", "XlsxWriter")


def write(audit: Summary, folder: Path, outputs: Sequence[Path]) -> Path:
    """Write the manifest of `outputs` (files in `folder`) and return its path."""
    return describe("audit", facts_of(audit), folder, outputs)


def describe(kind: str, facts: Mapping[str, Any], folder: Path, outputs: Sequence[Path]) -> Path:
    """Write the manifest of a `kind` of evidence with `facts`, and the digests of `outputs` (files in `folder`).

    Returns its path.
    """
    path = folder / MANIFEST
    path.write_bytes(text(kind, facts, [_output(one, folder) for one in outputs]))
    return path


def facts_of(audit: Summary) -> dict[str, Any]:
    """Return what the manifest tells of an audit."""
    return {
        "as_of": iso(audit.settings.as_of),
        "settings": audit.settings.facts,
        "counts": audit.summary,
        "inputs": plain_rows(audit.inputs),
        "not_read": plain_rows(audit.issues.loc[audit.issues["code"].isin(_NOT_READ), ["source", "code", "message"]]),
    }


def text(kind: str, facts: Mapping[str, Any], outputs: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the manifest of a `kind` of evidence (audit, comparison, history) with `facts`.

    `outputs` has `name, sha256, bytes` for each file.
    """
    return seal(
        {
            "program": PROGRAM,
            "kind": kind,
            "schema_version": SCHEMA_VERSION,
            "versions": {"credreport": __version__} | {name.lower(): version(name) for name in _LIBRARIES},
            **facts,
            "outputs": list(outputs),
        }
    )


def _output(path: Path, folder: Path) -> dict[str, Any]:
    return {"name": path.relative_to(folder).as_posix(), "sha256": digest_of(path), "bytes": path.stat().st_size}
