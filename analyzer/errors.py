"""The errors that end a run. Each says what is wrong, where, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class AnalyzerError(Exception):
    """An error that ends a run: `message` says what is wrong and where, `hint` says what to do.

    Commands print both without a traceback, and exit with code 2. Tracebacks of other programs show both as well.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.add_note(f"hint: {hint}")
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[type[AnalyzerError], tuple[str, str]]:
        """Support pickling, so that the error can pass from one process to another."""
        return type(self), (self.message, self.hint)


class UsageError(AnalyzerError):
    """An option or argument has a value that cannot be used."""


class PolicyError(AnalyzerError):
    """A policy file cannot be read or used."""


class FrameworkError(AnalyzerError):
    """The file of a framework cannot be read or used."""


class AccountsError(AnalyzerError):
    """A list of accounts cannot be read or used."""


class PeopleError(AnalyzerError):
    """A list of people cannot be read or used."""


class InputError(AnalyzerError):
    """The inputs contain nothing to judge, or cannot be used."""


class OutputError(AnalyzerError):
    """An output folder or file cannot be written."""


class EngineError(AnalyzerError):
    """A cluster cannot be used, or it lost work."""


def checked_choice(option: str, value: str, names: Iterable[str]) -> str:
    """Return `value` in lower case if it is one of `names`. Otherwise raise UsageError with the most similar name."""
    name, choices = value.strip().lower(), list(names)
    if name not in choices:
        raise UsageError(
            f"{option}: no such choice: {value!r}{did_you_mean(name, choices)}", f"choose from {', '.join(choices)}"
        )
    return name


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Return the end of an error message that suggests a similar name; empty if none is similar."""
    import difflib  # noqa: PLC0415 - only for errors

    close = difflib.get_close_matches(name, list(choices), n=1)
    return f"; did you mean {str(close[0])!r}?" if close else ""


def printable(text: str) -> str:
    """Return `text` without characters that move the cursor of a terminal or hide text. Line breaks are kept."""
    return "".join(character if character.isprintable() or character == "\n" else "\ufffd" for character in text)


def in_words(texts: Sequence[str]) -> str:
    """Return texts as a list in a sentence: `a, b and c`."""
    return " and ".join([*([", ".join(texts[:-1])] if texts[:-1] else []), *texts[-1:]])


def first_few(texts: Sequence[str], *, most: int = 5) -> str:
    """Return the first texts and the number of the others, for a message."""
    return ", ".join(texts[:most]) + (f" and {len(texts) - most:,} more" if len(texts) > most else "")


def first_few_lines(texts: Sequence[str], *, most: int = 5) -> str:
    """Return the first texts and the number of the others, each on its own line, for the end of a message."""
    more = [f"and {len(texts) - most:,} more"] if len(texts) > most else []
    return "".join(f"\n  {text}" for text in (*texts[:most], *more))
