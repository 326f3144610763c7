"""`python -m analyzer` is the same program as `credreport`."""

from analyzer.cli.main import main

if __name__ == "__main__":  # not when a worker process imports this module
    main()
