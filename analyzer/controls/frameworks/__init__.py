"""The frameworks by version: the requirements that a credential report can decide, with their controls and limits.

Each framework is a TOML file, in this folder or a file of the user; `reading` describes the format. Each requirement
names its source. Numbers, levels and limits are facts from the source; titles are our own words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.controls.catalog import BY_ID
from analyzer.controls.control import Option
from analyzer.errors import UsageError, in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.controls.control import Value


@dataclass(frozen=True)
class Requirement:
    """A requirement that a credential report can decide, wholly or partly.

    `controls` decide it; `parameters` apply to the controls that have them. `level` is the CIS profile (1 or 2).
    `assessment` is what the framework itself calls the requirement (automated or manual), None if it calls it neither.
    """

    number: str
    """The number in this run: `own_number`, after the id of the framework if the run judges several frameworks."""
    title: str
    controls: tuple[str, ...]
    parameters: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))
    level: int | None = None
    assessment: str | None = None
    is_partly: bool = False
    """Whether a report decides only a part of the requirement."""
    is_related: bool = False
    """Whether others map the requirement to the controls, although it does not ask for them itself."""
    note: str = ""
    source: str = ""
    framework: str = ""
    """The id of the framework."""
    own_number: str = ""
    """The number in the framework."""

    @property
    def mark(self) -> str:
        """The mark behind the title of a related requirement; empty for others."""
        return " (related)" if self.is_related else ""


RELATED_IN_WORDS: Final = "Related: others map the requirement to these controls; it does not ask for them itself."
"""The note below a list that has related requirements."""


class Demand(NamedTuple):
    """A control and parameters that frameworks ask for, and the numbers of the requirements that do."""

    control: str
    parameters: Mapping[str, Value]
    numbers: tuple[str, ...]
    who: str = ""
    """The labels of the frameworks that ask for it."""


@dataclass(frozen=True)
class Framework:
    """One version of a framework, or several frameworks that are judged together (see `together`)."""

    id: str
    title: str
    label: str
    """The short name."""
    version: str
    publisher: str
    requirements: tuple[Requirement, ...]
    note: str = ""
    name: str | None = None
    """The path of the file, as the user gave it; None for a built-in framework."""
    text: str = ""
    """The text of that file; empty for a built-in framework."""
    parts: tuple[Framework, ...] = ()
    """The frameworks that are judged together; empty for a single framework."""

    @property
    def each(self) -> tuple[Framework, ...]:
        """The single frameworks: `parts`, or this one."""
        return self.parts or (self,)

    @property
    def heading(self) -> str:
        """The heading of a column of requirement numbers in a table of controls."""
        return "requirement" if self.parts else self.label

    @property
    def heading_beside_titles(self) -> str:
        """The heading of a column of requirement numbers in a table of requirements."""
        return "number" if self.parts else self.label

    def numbers_of(self, control: str) -> list[str]:
        """Return the numbers of the requirements that have `control`."""
        return [requirement.number for requirement in self.requirements if control in requirement.controls]

    def controls_of(self, number: str) -> list[str]:
        """Return the controls of the requirement with this number; empty if there is none."""
        return [
            control
            for requirement in self.requirements
            if requirement.number == number
            for control in requirement.controls
        ]

    @property
    def demands(self) -> list[Demand]:
        """The controls that the framework asks for, in the order of the catalogue.

        A control that is asked for with several limits appears once for each limit, the strictest first.
        """
        requirements_of: dict[tuple[str, tuple[tuple[str, Value], ...]], list[Requirement]] = {}
        for requirement in self.requirements:
            for control in requirement.controls:
                control_parameters = BY_ID[control].parameters
                # A limit that equals the control's default is the same as no limit.
                parameters = tuple(
                    (name, value)
                    for name, value in requirement.parameters.items()
                    if name in control_parameters and value != control_parameters[name].default
                )
                requirements_of.setdefault((control, parameters), []).append(requirement)
        order, labels = list(BY_ID), {part.id: part.label for part in self.each}
        rows = []
        for (control, parameters), requirements in requirements_of.items():
            numbers = tuple(requirement.number for requirement in requirements)
            framework_ids = dict.fromkeys(requirement.framework for requirement in requirements)
            who = in_words([labels[name] for name in framework_ids])
            rows.append(Demand(control, MappingProxyType(dict(parameters)), numbers, who))
        return sorted(rows, key=lambda row: (order.index(row.control), _leniency(row)))


def _leniency(demand: Demand) -> tuple[int, ...]:
    """Return a sort key that puts the strictest parameters of a control first.

    For `max_…` the smallest value is the strictest, for other numbers the largest.
    """
    key = []
    for name, parameter in BY_ID[demand.control].parameters.items():
        value = demand.parameters.get(name, parameter.default)
        if isinstance(parameter, Option):
            key.append(-parameter.choices.index(str(value)))
        else:
            key.append(int(value) if name.startswith("max_") else -int(value))
    return tuple(key)


_MOST_NAMED: Final = 4
"""Up to this number of frameworks, a title names each of them."""


def together(frameworks: Sequence[Framework]) -> Framework:
    """Combine frameworks into one; its requirement numbers start with the id of the framework: `cis-7.0 2.11`.

    Duplicates are dropped. Raises UsageError for two different frameworks with the same id.
    """
    by_id: dict[str, Framework] = {}
    for framework in frameworks:
        if by_id.setdefault(framework.id, framework) != framework:
            raise UsageError(
                f"--benchmark: two frameworks have the id {framework.id}: {_origin(by_id[framework.id])} and "
                f"{_origin(framework)}",
                "give one of the files another id, or leave one out",
            )
    parts = tuple(by_id.values())
    if len(parts) == 1:
        return parts[0]
    labels = [part.label for part in parts]
    label = in_words(labels if len(labels) <= _MOST_NAMED else [*labels[:3], f"{len(labels) - 3} other frameworks"])
    return Framework(
        id=",".join(by_id),
        title=label,
        label=label,
        version=", ".join(part.version for part in parts),
        publisher=", ".join(dict.fromkeys(part.publisher for part in parts)),
        requirements=tuple(
            replace(requirement, number=f"{part.id} {requirement.number}")
            for part in parts
            for requirement in part.requirements
        ),
        parts=parts,
    )


def _origin(framework: Framework) -> str:
    return framework.name or "credreport's own"


def _natural(name: str) -> tuple[bool, list[tuple[int, str]]]:
    """Return a sort key for ids: versions of the CIS benchmark first, numbers in ids by value."""
    parts = [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]
    return _CIS.match(name) is None, parts


_CIS: Final = re.compile(r"cis-\d")
"""The start of the ids of the CIS AWS Foundations Benchmark."""


@cache
def _own(name: str) -> Framework:
    from analyzer.controls.frameworks.reading import parse_framework  # noqa: PLC0415 - it needs this module

    path = resources.files(__name__) / f"{name}.toml"
    return parse_framework(path.name, path.read_bytes(), is_own=True)


class _Frameworks(Mapping[str, Framework]):
    """The built-in frameworks by id; each file is read on first use."""

    def __init__(self) -> None:
        names = [path.name for path in resources.files(__name__).iterdir() if path.name.endswith(".toml")]
        self._ids = sorted((name.removesuffix(".toml") for name in names), key=_natural)

    def __getitem__(self, name: str) -> Framework:
        if name not in self._ids:
            raise KeyError(name)
        return _own(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)


FRAMEWORKS: Final[Mapping[str, Framework]] = _Frameworks()
"""The built-in frameworks by id: the versions of the CIS benchmark, oldest first, then the others."""


def newest_cis() -> Framework:
    """Return the newest CIS AWS Foundations Benchmark, whose numbers are shown if no framework is chosen."""
    return FRAMEWORKS[[name for name in FRAMEWORKS if _CIS.match(name)][-1]]
