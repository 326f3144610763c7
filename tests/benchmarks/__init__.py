"""Measured side by side with other programs: `python -m tests.benchmarks --help`."""
