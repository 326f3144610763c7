"""The work of the commands, as short lists of stages, without printing and exit codes.

The command line and the public Python API (`analyzer.pipeline.api`) call the same functions.

paths -> survey -> run plan -> judge, batch by batch -> evidence set -> render
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analyzer.evidence.selection import SelectedNames
    from analyzer.evidence.settings import Settings
    from analyzer.pipeline.audits import audit, inspect, judge_reports
    from analyzer.pipeline.leaving import Run, WrittenFiles
    from analyzer.pipeline.road import LOCAL, Engine, Road
    from analyzer.pipeline.sampling import Sampled, sample
    from analyzer.pipeline.sets import ShownFindings, render, show, verify
    from analyzer.pipeline.snapshots import compare, history, ingest, stored
    from analyzer.rendering.render import Options
    from analyzer.survey.pseudonyms import Pseudonyms

__all__ = [
    "LOCAL",
    "Engine",
    "Options",
    "Pseudonyms",
    "Road",
    "Run",
    "Sampled",
    "SelectedNames",
    "Settings",
    "ShownFindings",
    "WrittenFiles",
    "audit",
    "compare",
    "history",
    "ingest",
    "inspect",
    "judge_reports",
    "render",
    "sample",
    "show",
    "stored",
    "verify",
]

if not TYPE_CHECKING:
    # Modules take time to load, and an audit needs none of a history, nor the other way round. So names are imported
    # when they are first used.
    _NAMES_IN: Final[Mapping[str, tuple[str, ...]]] = {
        "analyzer.evidence.selection": ("SelectedNames",),
        "analyzer.evidence.settings": ("Settings",),
        "analyzer.pipeline.audits": ("audit", "inspect", "judge_reports"),
        "analyzer.pipeline.leaving": ("Run", "WrittenFiles"),
        "analyzer.pipeline.road": ("LOCAL", "Engine", "Road"),
        "analyzer.pipeline.sampling": ("Sampled", "sample"),
        "analyzer.pipeline.sets": ("ShownFindings", "render", "show", "verify"),
        "analyzer.pipeline.snapshots": ("compare", "history", "ingest", "stored"),
        "analyzer.rendering.render": ("Options",),
        "analyzer.survey.pseudonyms": ("Pseudonyms",),
    }

    def __getattr__(name: str) -> object:
        from importlib import import_module  # noqa: PLC0415 - dir() shows what is public

        for module, names in _NAMES_IN.items():
            if name in names:
                value = globals()[name] = getattr(import_module(module), name)
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
