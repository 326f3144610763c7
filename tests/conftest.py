"""Hypothesis profiles (a short slice that is the same on every run, and longer ones that look elsewhere each time), and
what the gate leaves out.

`python -m pytest tests/test_laws.py --hypothesis-profile campaign` runs the longest; `.ci/full` runs all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.slices import leave_out

if TYPE_CHECKING:
    from collections.abc import Sequence

_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile("slice", max_examples=8, derandomize=True, deadline=None, suppress_health_check=_SLOW)
settings.register_profile("whole", max_examples=100, deadline=None, suppress_health_check=_SLOW, print_blob=True)
settings.register_profile("campaign", max_examples=1000, deadline=None, suppress_health_check=_SLOW, print_blob=True)
settings.load_profile("slice")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Mark what the gate leaves out, before tests are chosen by their marks."""
    leave_out(items)
