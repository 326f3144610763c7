"""The one place through which these tests follow and compare: what is found, without renderings."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

from analyzer import pipeline
from analyzer.pipeline import Settings
from tests.reports import ACCOUNT, csv_of, root, unused, write

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from analyzer.controls.checklist import Checklist
    from analyzer.evidence.comparison import Comparison
    from analyzer.evidence.history import History


def history(paths: Sequence[str], settings: Settings, **options: Any) -> History:  # noqa: ANN401
    """Follow reports, or a store."""
    with tempfile.TemporaryDirectory() as folder:
        return pipeline.history(paths, settings, f"{folder}/out", formats=[], **options).summary


def compare(old: Sequence[str], new: Sequence[str], settings: Settings, **options: Any) -> Comparison:  # noqa: ANN401
    """Compare two sides of reports, or of audits."""
    with tempfile.TemporaryDirectory() as folder:
        return pipeline.compare(old, new, settings, f"{folder}/out", formats=[], **options).summary


def compare_stored(store: Path, since: datetime, until: datetime, settings: Settings) -> Comparison:
    """Compare two times of a store."""
    return compare([], [], settings, store=store, since=since, until=until)


def followed(
    folder: Path,
    days: dict[str, list[dict[str, str]]],
    checklist: Checklist | None = None,
    **options: Any,  # noqa: ANN401
) -> History:
    """Follow the users of one account (`ACCOUNT`) through reports of some days, each written with a row of root."""
    for day, rows in days.items():
        write(folder / "in" / f"{day}_{ACCOUNT}.csv", csv_of(root(mfa_active="true"), *rows))
    return history([str(folder / "in")], Settings(checklist or unused(), every_snapshot=True), **options)
