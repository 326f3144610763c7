"""Statements in three values: certainly so, certainly not so, or unknown. An unknown never becomes a pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Truth:
    """A statement about each row: certainly so (`yes`), certainly not (`no`), or unknown (neither)."""

    yes: Flags
    no: Flags

    @classmethod
    def certain(cls, yes: Flags) -> Truth:
        """Return what is known of every row."""
        return cls(yes, ~yes)

    def __and__(self, other: Truth) -> Truth:
        """Join with and: one certain no is enough to deny both."""
        return Truth(self.yes & other.yes, self.no | other.no)

    def __or__(self, other: Truth) -> Truth:
        """Join with or: one certain yes is enough."""
        return Truth(self.yes | other.yes, self.no & other.no)

    def __invert__(self) -> Truth:
        """Deny it."""
        return Truth(self.no, self.yes)

    def take(self, rows: npt.NDArray[np.int64]) -> Truth:
        """Return the statement of some rows."""
        return Truth(self.yes[rows], self.no[rows])

    def unless(self, unknown: Flags) -> Truth:
        """Return the statement with the rows of `unknown` not known."""
        return Truth(self.yes & ~unknown, self.no & ~unknown)

    @property
    def unknown(self) -> Flags:
        """Return where it is neither so nor not."""
        return ~self.yes & ~self.no
