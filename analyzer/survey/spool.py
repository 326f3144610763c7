"""Save the CSV of reports that cannot be read again directly: from nested archives, lists of reports, or a pipe."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from analyzer.survey.files import File, file_system, is_url

NAME = ".reports"
"""The name of the folder for these reports."""


@dataclass(frozen=True)
class Spool:
    """A folder for reports, at a path or URL that all workers can read; the first report creates it."""

    location: str

    def put(self, name: str, csv: bytes) -> File:
        """Save the CSV of a report and return its file; the same report always gets the same file."""
        own = f"{hashlib.sha256(name.encode()).hexdigest()[:16]}-{hashlib.sha256(csv).hexdigest()[:16]}.csv"
        if is_url(self.location):
            system, root = file_system(self.location)
            system.makedirs(root, exist_ok=True)
            system.pipe_file(f"{root}/{own}", csv)
            return File(name, f"{self.location}/{own}", named_by_user=True, size=len(csv))
        path = Path(self.location) / own
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_bytes(csv)
        return File(name, path, named_by_user=True, size=len(csv))
