"""`python -m analyzer` is the same program as `credreport`."""

from analyzer.cli.main import main

if __name__ == "__main__":  # and not when a process of workers looks at it
    main()
