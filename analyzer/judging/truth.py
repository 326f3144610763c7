"""Three-valued logic on columns: yes, no or unknown. An unknown never becomes a pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Truth:
    """A three-valued answer for each row: `yes`, `no`, or unknown if neither is set."""

    yes: Flags
    no: Flags

    @classmethod
    def certain(cls, yes: Flags) -> Truth:
        """Return the answer yes or no for every row, with no unknowns."""
        return cls(yes, ~yes)

    def __and__(self, other: Truth) -> Truth:
        """Return the logical and: no where either is no."""
        return Truth(self.yes & other.yes, self.no | other.no)

    def __or__(self, other: Truth) -> Truth:
        """Return the logical or: yes where either is yes."""
        return Truth(self.yes | other.yes, self.no & other.no)

    def __invert__(self) -> Truth:
        """Return the negation: unknown stays unknown."""
        return Truth(self.no, self.yes)

    def take(self, rows: npt.NDArray[np.int64]) -> Truth:
        """Return the answers for the rows at the positions `rows`."""
        return Truth(self.yes[rows], self.no[rows])

    def unless(self, unknown: Flags) -> Truth:
        """Return the answers, changed to unknown where `unknown` is set."""
        return Truth(self.yes & ~unknown, self.no & ~unknown)

    @property
    def unknown(self) -> Flags:
        """Where the answer is neither yes nor no."""
        return ~self.yes & ~self.no
