"""`run.json`: who made an evidence set, where and when. All other files are the same if the same run is repeated."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from analyzer import __version__
from analyzer.evidence.plain import iso
from analyzer.evidence.seal import PROGRAM, RUN, DamagedSealError, own_digest, seal, unseal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

RECORDED: Final = ("name", "host", "started", "ended")
"""Who ran credreport, on which machine, and from when to when (UTC)."""


def run_record(name: str, started: datetime, manifest: bytes) -> bytes:
    """Return the bytes of `run.json` for a run that `name` started, that ends now and wrote this manifest."""
    import platform  # noqa: PLC0415 - only this needs it

    return seal(
        {
            "program": PROGRAM,
            "version": __version__,
            "manifest": own_digest(manifest),
            "name": name,
            "host": platform.node(),
            "started": iso(started),
            "ended": iso(datetime.now(UTC)),
        }
    )


def read_record(folder: Path) -> Mapping[str, Any] | None:
    """Return the content of `run.json`; None if there is no such file. Raises DamagedSealError if it was changed."""
    path = folder / RUN
    if path.is_symlink() or not path.is_file():
        return None
    try:
        record = unseal(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DamagedSealError(folder, RUN, "was changed since it was written") from error
    if (
        not all(isinstance(record.get(name), str) for name in ("program", "manifest", *RECORDED))
        or record["program"] != PROGRAM
    ):
        raise DamagedSealError(folder, RUN, "does not name who ran credreport and when")
    return record
