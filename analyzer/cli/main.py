"""The program: its commands, errors and exit codes. The only module that exits.

Exit codes: 0 every check passes, is waived or is a manual check; 1 a check fails or is not checked; 3 some input was
not read, or the report of an expected account is missing; 2 nothing was written.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer
from typer.exceptions import TyperException

from analyzer import __version__
from analyzer.cli import signals, streams
from analyzer.cli.blocks import with_blocks
from analyzer.cli.commands import audit, evidence, inspecting, manual, sampling, showing, tracking
from analyzer.cli.streams import complain
from analyzer.errors import AnalyzerError

if TYPE_CHECKING:
    from collections.abc import Sequence

NOTHING_PRODUCED: Final = 2

app = typer.Typer(
    name="credreport",
    help="Read AWS IAM credential reports offline. Find unused credentials, and check everything else that a "
    "report can show about frameworks such as CIS and PCI DSS.",
    epilog="Exit codes: 0 every check passes, is waived or is a manual check; 1 a check fails or is not checked; 3 "
    "some input was not read, or the report of an expected account is missing; 2 nothing was written.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for _name, _command, _in_short in (
    ("audit", audit.audit, "Find unused credentials and other failures; write the evidence."),
    ("compare", tracking.compare, "Show what changed between two snapshots of each account."),
    ("history", tracking.history, "Follow failures through many snapshots: open, closed, regressed."),
    ("ingest", tracking.ingest, "Add snapshots to a store, for history and compare."),
    ("store", tracking.show_store, "Show what a store has, and where snapshots are missing."),
    ("show", showing.show_findings, "List the checks of an evidence set, with report and line."),
    ("sample", sampling.draw_sample, "Draw an audit sample from an evidence set."),
    ("render", evidence.render, "Make a workbook, charts or a PDF from an evidence set."),
    ("verify", evidence.verify, "Check whether an evidence set is as it was written."),
    ("inspect", inspecting.inspect, "Show what files contain, without judging them."),
    ("controls", inspecting.list_controls, "List the controls, or explain one."),
    ("manual", manual.show_manual, "Show the manual."),
):
    app.command(_name, short_help=_in_short)(with_blocks(_command))


def _version(*, is_set: bool) -> None:
    if is_set:
        typer.echo(f"credreport {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=lambda value: _version(is_set=value), is_eager=True, help="Show the version."
        ),
    ] = False,
) -> None:
    pass


def main() -> NoReturn:
    """Run the program with the arguments of this process, and exit."""
    streams.prepare()
    signals.listen()
    _save_memory()
    # Garbage collection while modules are loaded takes a tenth of a short run: see `engine.settle`.
    gc.disable()
    sys.exit(run(sys.argv[1:]))


def _save_memory() -> None:
    """Make Arrow, which is not loaded yet, return free memory to the system sooner, at no cost in time.

    On Linux, all common builds of Arrow have jemalloc. A pool that the user sets in Arrow's variable is kept.
    """
    if sys.platform == "linux":
        os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "jemalloc")


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code. Tracebacks are shown only if CREDREPORT_DEBUG is set."""
    try:
        code = int(app(list(arguments), prog_name="credreport", standalone_mode=False) or 0)
        sys.stdout.flush()
    except AnalyzerError as error:
        complain(error.message, error.hint)
    except TyperException as error:
        _explain_usage(error)
    except (signals.Interrupted, typer.Abort):
        complain(
            "interrupted", "no half-written output was left: the folder is as it was, or has all of the new output"
        )
    except BrokenPipeError:
        # The reader of the help or the version has closed the pipe, as `head` does.
        streams.silence()
        return 0
    except MemoryError:
        complain("out of memory", "give fewer files at a time, or write fewer formats: --format parquet")
    except Exception as error:
        _explain_failure(error)
        if os.environ.get("CREDREPORT_DEBUG"):
            raise
    else:
        return code
    return NOTHING_PRODUCED


def _explain_failure(error: Exception) -> None:
    """Print an error of the operating system, or one that the program did not expect."""
    if isinstance(error, OSError):
        complain(
            f"cannot read or write: {error}", "check that there is free space where the output goes; then try again"
        )
        return
    complain(
        f"internal error: {type(error).__name__}: {error}",
        "this is a bug in credreport, not in your files; set CREDREPORT_DEBUG=1 to see the details, and report it",
    )


def _explain_usage(error: TyperException) -> None:
    """Print a usage error in the form of this program, or the help if there is no argument."""
    message = getattr(error, "format_message", lambda: str(error))().strip()
    context = getattr(error, "ctx", None)
    refused = (context.info_name if context else None, getattr(error, "option_name", None))
    if context is not None and message == context.get_help().strip():
        typer.echo(message)
    elif hint := tracking.OPTIONS_OF_OTHERS.get(refused):
        complain(f"credreport {refused[0]} has no option {refused[1]}", hint)
    else:
        complain(message.rstrip("."), f"see {context.command_path if context else 'credreport'} --help")
