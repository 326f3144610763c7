"""A small evidence set of each kind, to render."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from analyzer import pipeline
from analyzer.controls.checklist import make_checklist
from analyzer.controls.policy import parse_policy
from analyzer.evidence import storage
from analyzer.evidence.comparison import Comparison
from analyzer.evidence.manifest import manifest
from analyzer.evidence.schema import EVENTS, ISSUES
from analyzer.evidence.seal import MANIFEST, seal
from analyzer.evidence.writer import put_tables
from tests.audits import AS_OF, ODD
from tests.rendering.pictures.history.worlds import WORLDS, at, frame, history_of
from tests.reports import ACCOUNT, csv_of, key, root, user, write
from tests.running import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from analyzer.evidence.history import History

OTHER_ACCOUNT: Final = "444455556666"
POLICY: Final = b"""
[waivers.known]
user = "007"
reason = "known"
owner = "somebody"
expires = 2026-12-31
"""
INPUT: Final = {"name": "in/one.csv", "sha256": "0" * 64, "account_id": ACCOUNT, "captured_at": "2026-10-31T00:00:00Z"}


def settings() -> Settings:
    """Return how the audit of this module is judged: all controls, some of it waived."""
    return Settings(make_checklist(policy=parse_policy("policy.toml", POLICY)), as_of=AS_OF)


def write_reports(folder: Path) -> list[str]:
    """Write reports of two accounts, one of them of two days and damaged, below `folder`; return the paths to audit."""
    write(folder / "in/2026-10-31/odd.csv", csv_of(root(), *ODD) + "\n,,\n")
    for day in ("2026-10-30", "2026-10-31"):
        old = user("ci-deploy", account=OTHER_ACCOUNT, **key(rotated="2026-01-01T00:00:00Z"))
        write(folder / f"in/{day}/{OTHER_ACCOUNT}.csv", csv_of(root(OTHER_ACCOUNT), old))
    return [str(folder / "in")]


def audit(folder: Path) -> None:
    """Leave the evidence set of an audit in `folder`."""
    paths = write_reports(folder.parent / "reports of the set")
    pipeline.audit(paths, settings(), str(folder), formats=["parquet"])


def history(folder: Path) -> None:
    """Leave the evidence set of a history in `folder`."""
    world, checklist = WORLDS["a month"]()
    followed = history_of(world, checklist, sla_days=30, not_covered=(("2026-10-31", OTHER_ACCOUNT),))
    issues = [{"source": "in/one.csv", "line": 2, "code": "bad_timestamp", "message": "not a time: x", "value": "x"}]
    _leave("history", replace(followed, issues=frame(issues, ISSUES)), folder)


def comparison(folder: Path) -> None:
    """Leave the evidence set of a comparison in `folder`."""
    subject: dict[str, Any] = {"account_id": ACCOUNT, "user": "ann", "credential": "access_key_1", "kind": "access_key"}
    failing = {"control": "unused-credentials", "severity": "high", "message": "created long ago", "new_line": 2}
    events = [
        {**subject, "event": "key_used", "was": at(0), "is_now": at(1), "old_captured_at": at(1)},
        {**subject, "event": "new_failure", **failing},
        {**subject, "event": "fixed", **failing, "how": "used"},
    ]
    compared = Comparison(
        settings=settings(),
        inputs=[],
        events=frame(events, EVENTS),
        issues=frame([], ISSUES),
        accounts=(ACCOUNT,),
        only_old=(OTHER_ACCOUNT,),
    )
    _leave("comparison", compared, folder)


def _leave(kind: str, result: History | Comparison, folder: Path) -> None:
    facts = {**result.facts, "inputs": [INPUT]}
    folder.mkdir()
    outputs = put_tables(str(folder), result.tables)
    storage.put(str(folder), MANIFEST, seal(manifest(kind, facts, outputs)))


SETS: Final[Mapping[str, Callable[[Path], None]]] = {"audit": audit, "comparison": comparison, "history": history}
"""What leaves an evidence set in a folder, by its kind."""
