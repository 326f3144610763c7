"""Hypothesis profiles: a short slice that is the same on every run, and longer ones that look elsewhere each time.

`python -m pytest tests/test_laws.py --hypothesis-profile campaign` runs the longest; `.ci/full` runs all of them.
"""

from hypothesis import HealthCheck, settings

_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile("slice", max_examples=20, derandomize=True, deadline=None, suppress_health_check=_SLOW)
settings.register_profile("whole", max_examples=100, deadline=None, suppress_health_check=_SLOW, print_blob=True)
settings.register_profile("campaign", max_examples=1000, deadline=None, suppress_health_check=_SLOW, print_blob=True)
settings.load_profile("slice")
