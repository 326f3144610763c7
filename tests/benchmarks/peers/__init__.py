"""The same work as other programs do it: `python -m tests.benchmarks.peers.NAME IN OUT`, each its own process."""
