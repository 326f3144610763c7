"""`.ci/bundle` as a module."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPT = ROOT / ".ci/bundle"


def _loaded() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("bundle_script", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader) or sys.exit(1))
    # Data classes look their module up.
    sys.modules[loader.name] = module
    # No cache of its byte code is left beside the script.
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    loader.exec_module(module)
    sys.dont_write_bytecode = before
    return module


bundle = _loaded()
TARGETS = [(platform, python) for python in bundle.PYTHONS for platform in bundle.PLATFORMS]
