"""`python -m tests.golden --write` keeps the digests of today's outputs; `--dump DIR` writes them out as texts.

Two dumps, made by two versions of the program, can be compared with `diff -r`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Final

from tests.golden.capturing import RUNS, Entries, capture, digests

DIGESTS_FILE: Final = Path(__file__).with_name("digests.json")


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.golden", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"rewrite {DIGESTS_FILE.name}")
    parser.add_argument("--dump", type=Path, metavar="DIR", help="write the text of every entry below this folder")
    parser.add_argument("--run", action="append", choices=RUNS, metavar="NAME", help="dump only this run; may repeat")
    options = parser.parse_args(arguments)
    if not options.write and options.dump is None:
        parser.error("say --write, or --dump DIR")
    if options.write and options.run:
        parser.error("--write is about all runs")
    digests_of_runs: dict[str, dict[str, str]] = {}
    for name in options.run or RUNS:
        entries = capture(name)
        digests_of_runs[name] = digests(entries)
        if options.dump is not None:
            dump(entries, options.dump / name)
    if options.write:
        DIGESTS_FILE.write_text(json.dumps(digests_of_runs, indent=1) + "\n", encoding="utf-8")


def dump(entries: Entries, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in entries.items():
        (folder / f"{name.replace('/', '_')}.txt").write_bytes(text.encode())


if __name__ == "__main__":
    main(sys.argv[1:])
