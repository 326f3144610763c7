"""`python -m analyzer` is the same program as `credreport`."""

from analyzer.cli import main

main()
