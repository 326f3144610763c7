"""The command that shows the manual."""

# Typer reads annotations when the program runs: no `from __future__ import annotations` here.

import sys
from typing import Annotated

import typer

from analyzer.errors import checked_choice
from analyzer.rendering import manual

_WIDEST = 100
"""Columns of text that are still easy to read."""


def show_manual(
    topic: Annotated[
        str | None,
        typer.Argument(
            metavar="TOPIC",
            help=f"Topic to show: {', '.join(manual.TOPICS)}. Without it, the topics are listed.",
            show_default=False,
        ),
    ] = None,
) -> int:
    """Show the manual, which is installed with the program and needs no network.

    On a terminal, a page is formatted for reading; elsewhere it is printed as Markdown.

    \b
    Examples:
      credreport manual
      credreport manual judging
      credreport manual sql > sql.md
    """  # noqa: D301 - \b keeps the examples' lines
    if topic is None:
        width = max(map(len, manual.TOPICS))
        typer.echo("Topics of the manual (credreport manual TOPIC):\n")
        typer.echo("\n".join(f"  {name:{width}}  {about}" for name, about in manual.TOPICS.items()))
        return 0
    text = manual.page(checked_choice("TOPIC", topic, manual.TOPICS))
    if not sys.stdout.isatty():
        typer.echo(text, nl=False)
        return 0
    from rich.console import Console  # noqa: PLC0415 - for terminals alone
    from rich.markdown import Markdown  # noqa: PLC0415
    from rich.theme import Theme  # noqa: PLC0415

    console = Console(theme=Theme({"markdown.code": "bold cyan"}))  # the usual black ground is hard to read on white
    console.print(Markdown(text, hyperlinks=False), width=min(console.width, _WIDEST))
    return 0
