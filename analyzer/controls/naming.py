"""Find controls by id, or by requirement number in the framework whose numbers are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.controls.catalog import BY_ID
from analyzer.controls.frameworks import FRAMEWORKS, newest_cis
from analyzer.errors import UsageError, checked_choice

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from analyzer.controls.frameworks import Demand, Framework, Requirement


def demands_named(
    names: Iterable[str], demands: Sequence[Demand], benchmark: Framework | None, option: str
) -> list[Demand]:
    """Return the elements of `demands` that `names` names, by control id or by requirement number, ignoring case.

    The numbers are those of `benchmark`, or of the newest CIS version if that is None. If `benchmark` combines several
    frameworks, a number of one of them is enough. A number with several controls names all of them. `option` is the
    option that errors name. Raises UsageError for an unknown name, and for a control that the framework does not have.
    """
    return [demand for name in names for demand in _demands_of(name.strip().lower(), demands, benchmark, option)]


def _demands_of(name: str, demands: Sequence[Demand], benchmark: Framework | None, option: str) -> list[Demand]:
    requirements = (benchmark or newest_cis()).requirements
    numbers = {requirement.number for requirement in requirements if is_number(name, requirement)}
    matches = [demand for demand in demands if name == demand.control or not numbers.isdisjoint(demand.numbers)]
    if matches:
        return matches
    if name in BY_ID:
        title = (benchmark or newest_cis()).title
        controls = dict.fromkeys(demand.control for demand in demands)
        raise UsageError(f"{name} is not part of {title}", f"its controls are {', '.join(controls)}")
    elsewhere = _meanings_elsewhere(name)
    if elsewhere or name.replace(".", "").isdigit():
        raise UsageError(f"{option}: {_no_such_number(name, benchmark)}", elsewhere or _known_numbers(demands))
    checked_choice(option, name, BY_ID)
    return []


def is_number(name: str, requirement: Requirement) -> bool:
    """Return whether `name`, in small letters, is the number of a requirement in this run or in its framework."""
    return name in (requirement.number.lower(), requirement.own_number.lower())


def _no_such_number(name: str, benchmark: Framework | None) -> str:
    which = "" if benchmark else ", which is used if no framework is chosen"
    return f"no control has the number {name.upper()} in {(benchmark or newest_cis()).label}{which}"


def _meanings_elsewhere(name: str) -> str:
    """Return a hint on what a number means in other frameworks; empty if no framework has it."""
    benchmarks_of: dict[str, list[str]] = {}
    for benchmark in FRAMEWORKS.values():
        for demand in benchmark.demands:
            if name in map(str.lower, demand.numbers):
                benchmarks_of.setdefault(demand.control, []).append(benchmark.id)
    meanings = "; ".join(f"it is {control} in {', '.join(benchmarks)}" for control, benchmarks in benchmarks_of.items())
    return f"{meanings}: name the control, or choose the framework with --benchmark" if meanings else ""


def _known_numbers(demands: Sequence[Demand]) -> str:
    numbers = dict.fromkeys(number for demand in demands for number in demand.numbers)
    return f"its numbers are {', '.join(numbers)}; credreport controls lists them with their controls"
