"""The options by which evidence is signed, and by which it says who made it."""

# Typer reads annotations when the program runs: no `from __future__ import annotations` here.

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from analyzer.pipeline import values

if TYPE_CHECKING:
    from analyzer.pipeline.leaving import Proof

SignKey = Annotated[
    Path | None,
    typer.Option(
        "--sign",
        metavar="KEY",
        help="Sign manifest.json, rendered.json and run.json with this private key of OpenSSH, or with the agent's key "
        "that belongs to this public one (ssh-keygen -Y sign); verify --allowed-signers checks that.",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class Proving:
    """Whether the evidence is signed, and says who made it."""

    sign: SignKey = None
    record_run: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Write run.json: that NAME made this evidence, on which machine, and from when to when.",
            show_default=False,
        ),
    ] = None

    def proof(self) -> "Proof":
        """Return what is left beside the evidence. Raises UsageError for an empty name."""
        return values.proof(self.sign, self.record_run)
