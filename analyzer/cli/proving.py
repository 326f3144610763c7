"""The options by which evidence is signed, says who made it, and is checked."""

# Typer reads annotations when the program runs: no `from __future__ import annotations` here.

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from analyzer.errors import UsageError

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
RecordRun = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Write run.json: that NAME made this evidence, on which machine, and from when to when.",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class Checking:
    """What an evidence set is checked by, beside its own digests."""

    inputs: Annotated[
        list[str],
        typer.Option(
            "--inputs",
            metavar="PATH",
            help="Check the reports under this path as well: files, folders, archives. Repeat for more.",
            show_default=False,
        ),
    ] = field(default_factory=list)
    pseudonyms: Annotated[
        Path | None,
        typer.Option(
            metavar="KEYFILE",
            help="The key of the pseudonyms in the set, to find its inputs by their names.",
            show_default=False,
        ),
    ] = None
    allowed_signers: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Check the signatures as well, by this list of signers (its form: man ssh-keygen, ALLOWED SIGNERS).",
            show_default=False,
        ),
    ] = None
    rerun: Annotated[
        bool,
        typer.Option(
            "--rerun",
            help="With --inputs: make the run again, by the settings of the set, and compare what it leaves.",
        ),
    ] = False

    def chosen(self) -> dict[str, Any]:
        """Return the parameters of `pipeline.verify`. Raises UsageError for what needs --inputs, without it."""
        if self.pseudonyms is not None and not self.inputs:
            raise UsageError("--pseudonyms without --inputs", "only the names of inputs need it: give --inputs as well")
        if self.rerun and not self.inputs:
            raise UsageError("--rerun without --inputs", "give the reports that the set was made of: --inputs PATH")
        from analyzer.survey.key_file import read_key  # noqa: PLC0415 - what loads pandas is not for --help

        key = None if self.pseudonyms is None else read_key(self.pseudonyms, make=False).pseudonyms
        return {
            "inputs": self.inputs,
            "pseudonyms": key,
            "allowed_signers": self.allowed_signers,
            "again": self.rerun,
        }
