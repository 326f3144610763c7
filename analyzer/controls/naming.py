"""Find controls by id, or by requirement number in the framework whose numbers are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.controls.catalog import BY_ID
from analyzer.controls.frameworks import FRAMEWORKS, newest_cis
from analyzer.errors import UsageError, known

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from analyzer.controls.frameworks import Asked, Framework, Requirement


def named(names: Iterable[str], asked: Sequence[Asked], benchmark: Framework | None, option: str) -> list[Asked]:
    """Return the elements of `asked` that `names` names, by control id or by requirement number, ignoring case.

    The numbers are those of `benchmark`, or of the newest CIS version if that is None. If `benchmark` combines several
    frameworks, a number of one of them is enough. A number with several controls names all of them. `option` is the
    option that errors name. Raises UsageError for an unknown name, and for a control that the framework does not have.
    """
    return [one for name in names for one in _named(name.strip().lower(), asked, benchmark, option)]


def _named(name: str, asked: Sequence[Asked], benchmark: Framework | None, option: str) -> list[Asked]:
    numbers = {one.number for one in (benchmark or newest_cis()).requirements if is_number(name, one)}
    found = [one for one in asked if name == one.control or not numbers.isdisjoint(one.numbers)]
    if found:
        return found
    if name in BY_ID:
        title = (benchmark or newest_cis()).title
        controls = dict.fromkeys(one.control for one in asked)
        raise UsageError(f"{name} is not part of {title}", f"its controls are {', '.join(controls)}")
    elsewhere = _elsewhere(name)
    if elsewhere or name.replace(".", "").isdigit():
        raise UsageError(f"{option}: {_no_such_number(name, benchmark)}", elsewhere or _what_there_is(asked))
    known(option, name, BY_ID)
    return []


def is_number(name: str, requirement: Requirement) -> bool:
    """Return whether `name`, in small letters, is the number of a requirement in this run or in its framework."""
    return name in (requirement.number.lower(), requirement.own_number.lower())


def _no_such_number(name: str, benchmark: Framework | None) -> str:
    which = "" if benchmark else ", which is used if no framework is chosen"
    return f"no control has the number {name.upper()} in {(benchmark or newest_cis()).label}{which}"


def _elsewhere(name: str) -> str:
    """Return a hint on what a number means in other frameworks; empty if no framework has it."""
    found: dict[str, list[str]] = {}
    for benchmark in FRAMEWORKS.values():
        for one in benchmark.asked:
            if name in map(str.lower, one.numbers):
                found.setdefault(one.control, []).append(benchmark.id)
    said = "; ".join(f"it is {control} in {', '.join(benchmarks)}" for control, benchmarks in found.items())
    return f"{said}: name the control, or choose the framework with --benchmark" if said else ""


def _what_there_is(asked: Sequence[Asked]) -> str:
    known_ones = dict.fromkeys(number for one in asked for number in one.numbers)
    return f"its numbers are {', '.join(known_ones)}; credreport controls lists them with their controls"
