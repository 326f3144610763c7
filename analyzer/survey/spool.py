"""Reports that cannot be read at random, put aside once: what stands in archives in archives, in lists, in a pipe."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from analyzer.survey.files import File, file_system, is_url

NAME = ".reports"
"""The folder that they are put into."""


@dataclass(frozen=True)
class Spool:
    """A folder for reports, at a path or URL that all who read them see; it is made when the first one comes."""

    place: str

    def put(self, name: str, csv: bytes) -> File:
        """Keep the CSV of a report and return where it stands; the same report comes to the same place."""
        own = f"{hashlib.sha256(name.encode()).hexdigest()[:16]}-{hashlib.sha256(csv).hexdigest()[:16]}.csv"
        if is_url(self.place):
            system, root = file_system(self.place)
            system.makedirs(root, exist_ok=True)
            system.pipe_file(f"{root}/{own}", csv)
            return File(name, f"{self.place}/{own}", named=True, size=len(csv))
        path = Path(self.place) / own
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_bytes(csv)
        return File(name, path, named=True, size=len(csv))
