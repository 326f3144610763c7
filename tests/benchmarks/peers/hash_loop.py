"""Read all reports and hash them, one after the other: `hash_loop REPORTS`."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path


def main(reports: Path) -> None:
    """Print the digest of each report, by name."""
    for path in sorted(reports.rglob("*.csv")):
        print(hashlib.sha256(path.read_bytes()).hexdigest(), path)  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
