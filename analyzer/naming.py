"""Names that somebody typed: found among the known ones, or the nearest of them suggested."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable


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
