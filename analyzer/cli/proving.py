"""The options that sign evidence, record who made it, and check it."""

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
        help="Sign manifest.json, rendered.json and run.json (ssh-keygen -Y sign) with this private key of OpenSSH. "
        "Give the public key if the SSH agent has the private one. To check the signatures: verify --allowed-signers.",
        show_default=False,
    ),
]
RecordRun = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Write run.json: who made this evidence (NAME), on which machine, and from when to when.",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class Checking:
    """The options of verify: what an evidence set is compared with, apart from its own digests."""

    inputs: Annotated[
        list[str],
        typer.Option(
            "--inputs",
            metavar="PATH",
            help="Also check the reports under this path: files, folders, archives. Repeat for more paths.",
            show_default=False,
        ),
    ] = field(default_factory=list)
    pseudonyms: Annotated[
        Path | None,
        typer.Option(
            metavar="KEYFILE",
            help="Key file of the pseudonyms in the evidence set. It is needed to find the inputs by their names.",
            show_default=False,
        ),
    ] = None
    allowed_signers: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also check the signatures against this list of signers (format: man ssh-keygen, ALLOWED SIGNERS).",
            show_default=False,
        ),
    ] = None
    rerun: Annotated[
        bool,
        typer.Option(
            "--rerun",
            help="With --inputs: repeat the run with the settings of the evidence set, and compare the results.",
        ),
    ] = False

    def chosen(self) -> dict[str, Any]:
        """Return the parameters of `pipeline.verify`. Raises UsageError for options that need --inputs, without it."""
        if self.pseudonyms is not None and not self.inputs:
            raise UsageError(
                "--pseudonyms needs --inputs", "add the reports with --inputs PATH, or leave out --pseudonyms"
            )
        if self.rerun and not self.inputs:
            raise UsageError("--rerun needs --inputs", "add the reports that the run read: --inputs PATH")
        from analyzer.survey.key_file import read_key  # noqa: PLC0415 - what loads pandas is not for --help

        key = None if self.pseudonyms is None else read_key(self.pseudonyms, make=False).pseudonyms
        return {
            "inputs": self.inputs,
            "pseudonyms": key,
            "allowed_signers": self.allowed_signers,
            "again": self.rerun,
        }
