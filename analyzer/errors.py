"""What can end a run: each error says what is wrong, where, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class AnalyzerError(Exception):
    """A run that cannot go on: `message` says what is wrong and where, `hint` what to do about it.

    Commands show both, and never a traceback (exit code 2). Tracebacks of other programs show both as well.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.add_note(f"hint: {hint}")
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[type[AnalyzerError], tuple[str, str]]:
        """Let it pass from one process to another."""
        return type(self), (self.message, self.hint)


class UsageError(AnalyzerError):
    """An option or argument that cannot be used as given."""


class PolicyError(AnalyzerError):
    """A policy file that cannot be read or used."""


class FrameworkError(AnalyzerError):
    """A file with a framework that cannot be read or used."""


class AccountsError(AnalyzerError):
    """A list of accounts that cannot be read or used."""


class PeopleError(AnalyzerError):
    """A list of people that cannot be read or used."""


class InputError(AnalyzerError):
    """Inputs that leave nothing to judge."""


class OutputError(AnalyzerError):
    """An output folder or file that cannot be written."""


class EngineError(AnalyzerError):
    """A cluster that cannot be used, or that lost its work."""


def known(option: str, given: str, names: Iterable[str]) -> str:
    """Return `given` where it is one of `names`; else raise UsageError with the nearest one."""
    name, choices = given.strip().lower(), list(names)
    if name not in choices:
        raise UsageError(
            f"{option}: no such choice: {given!r}{did_you_mean(name, choices)}", f"choose from {', '.join(choices)}"
        )
    return name


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Return what an error adds where a known name is close to the one given."""
    import difflib  # noqa: PLC0415 - only for errors

    close = difflib.get_close_matches(name, list(choices), n=1)
    return f"; did you mean {str(close[0])!r}?" if close else ""


def printable(text: str) -> str:
    """Return `text` without characters that would move a terminal's cursor or hide something; lines stay lines."""
    return "".join(one if one.isprintable() or one == "\n" else "\ufffd" for one in text)


def in_words(texts: Sequence[str]) -> str:
    """Return texts as a sentence lists them: `a, b and c`."""
    return " and ".join([*([", ".join(texts[:-1])] if texts[:-1] else []), *texts[-1:]])


def first_few(texts: Sequence[str], *, most: int = 5) -> str:
    """Return the first texts, and how many more there are: what a message has room for."""
    return ", ".join(texts[:most]) + (f" and {len(texts) - most:,} more" if len(texts) > most else "")


def first_few_lines(texts: Sequence[str], *, most: int = 5) -> str:
    """Return the same for the end of a message, each text on a line of its own."""
    more = [f"and {len(texts) - most:,} more"] if len(texts) > most else []
    return "".join(f"\n  {text}" for text in (*texts[:most], *more))
