"""What the commands do, as short lists of stages; no printing, no exit codes. This is the public Python API as well.

paths -> survey -> run plan -> judge, batch by batch -> evidence set -> render
"""

from analyzer.evidence.asked import Names
from analyzer.evidence.settings import Settings
from analyzer.pipeline.audits import audit, inspect, judge_reports
from analyzer.pipeline.leaving import Left, Run
from analyzer.pipeline.road import LOCAL, Engine, Road
from analyzer.pipeline.sets import Shown, render, show, verify
from analyzer.pipeline.snapshots import compare, history, ingest, stored
from analyzer.rendering.render import Options

__all__ = [
    "LOCAL",
    "Engine",
    "Left",
    "Names",
    "Options",
    "Road",
    "Run",
    "Settings",
    "Shown",
    "audit",
    "compare",
    "history",
    "ingest",
    "inspect",
    "judge_reports",
    "render",
    "show",
    "stored",
    "verify",
]
