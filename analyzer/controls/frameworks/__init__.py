"""Frameworks by version: what each requires that a credential report can decide, by which controls, with which limits.

A TOML file a framework, in this folder or the user's own: see `reading` for its form. A row names its source; numbers,
levels and limits are facts from there, titles are ours.
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
    """A requirement that a credential report decides, wholly or partly, by some controls.

    `parameters` are for those of the controls that have them. `level` is the profile of CIS (1 or 2), `assessment`
    whether the framework itself calls it automated or manual; None where it does not say.
    """

    number: str
    """As a run writes it: where it judges several frameworks, the id of this one stands before `own_number`."""
    title: str
    controls: tuple[str, ...]
    parameters: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))
    level: int | None = None
    assessment: str | None = None
    is_partly: bool = False
    """Whether a report decides a part of it only."""
    is_related: bool = False
    """Whether it is only near to what the controls decide: others map them, and it does not ask for them."""
    note: str = ""
    source: str = ""
    framework: str = ""
    """The id of its framework."""
    own_number: str = ""
    """Its number in that framework."""

    @property
    def mark(self) -> str:
        """What stands behind its title: that it is only related, if so."""
        return " (related)" if self.is_related else ""


RELATED_IN_WORDS: Final = "Related: others map the requirement to these controls; it does not ask for them itself."
"""What outputs say below requirements of which `is_related` is true."""


class Asked(NamedTuple):
    """A control that is asked for with certain parameters, by requirements of these numbers."""

    control: str
    parameters: Mapping[str, Value]
    numbers: tuple[str, ...]
    who: str = ""
    """The labels of the frameworks that ask."""


@dataclass(frozen=True)
class Framework:
    """A framework in one version, or several that are judged together (see `together`)."""

    id: str
    title: str
    label: str
    """Its name in short."""
    version: str
    publisher: str
    requirements: tuple[Requirement, ...]
    note: str = ""
    name: str | None = None
    """The file as it was given; None for one of this program's own."""
    text: str = ""
    """What is in that file."""
    parts: tuple[Framework, ...] = ()
    """The frameworks that are judged together; empty for one alone."""

    @property
    def each(self) -> tuple[Framework, ...]:
        """The frameworks one by one."""
        return self.parts or (self,)

    @property
    def heading(self) -> str:
        """What stands over, or before, its numbers where they are beside controls."""
        return "requirement" if self.parts else self.label

    @property
    def heading_beside_titles(self) -> str:
        """What stands over its numbers where they are beside the titles of requirements."""
        return "number" if self.parts else self.label

    def numbers_of(self, control: str) -> list[str]:
        """Return the numbers of all requirements that `control` decides."""
        return [one.number for one in self.requirements if control in one.controls]

    @property
    def asked(self) -> list[Asked]:
        """What is asked of each control, in the order of the catalogue.

        A control that is asked for with several limits is there for each of them, the strictest first.
        """
        found: dict[tuple[str, tuple[tuple[str, Value], ...]], list[Requirement]] = {}
        for one in self.requirements:
            for control in one.controls:
                known = BY_ID[control].parameters
                # A requirement that names a control's own limit asks for the same as one that names none.
                parameters = tuple(
                    (name, value)
                    for name, value in one.parameters.items()
                    if name in known and value != known[name].default
                )
                found.setdefault((control, parameters), []).append(one)
        order, labels = list(BY_ID), {one.id: one.label for one in self.each}
        rows = []
        for (control, parameters), requirements in found.items():
            numbers = tuple(one.number for one in requirements)
            who = in_words([labels[name] for name in dict.fromkeys(one.framework for one in requirements)])
            rows.append(Asked(control, MappingProxyType(dict(parameters)), numbers, who))
        return sorted(rows, key=lambda row: (order.index(row.control), _leniency(row)))


def _leniency(asked: Asked) -> tuple[int, ...]:
    """Return what sorts parameters of a control, the strictest first: few days of `max_…`, much of anything else."""
    found = []
    for name, parameter in BY_ID[asked.control].parameters.items():
        value = asked.parameters.get(name, parameter.default)
        if isinstance(parameter, Option):
            found.append(-parameter.choices.index(str(value)))
        else:
            found.append(int(value) if name.startswith("max_") else -int(value))
    return tuple(found)


_MOST_NAMED: Final = 4
"""Frameworks that a title names one by one."""


def together(frameworks: Sequence[Framework]) -> Framework:
    """Return frameworks as one whose numbers say which of them each is of: `cis-7.0 2.11`.

    One that stands there twice counts once. Raises UsageError for two different ones with the same id.
    """
    found: dict[str, Framework] = {}
    for one in frameworks:
        if found.setdefault(one.id, one) != one:
            raise UsageError(
                f"--benchmark: two frameworks have the id {one.id}: {_origin(found[one.id])} and {_origin(one)}",
                "give one of the files another id, or leave one out",
            )
    parts = tuple(found.values())
    if len(parts) == 1:
        return parts[0]
    labels = [one.label for one in parts]
    label = in_words(labels if len(labels) <= _MOST_NAMED else [*labels[:3], f"{len(labels) - 3} other frameworks"])
    return Framework(
        id=",".join(found),
        title=label,
        label=label,
        version=", ".join(one.version for one in parts),
        publisher=", ".join(dict.fromkeys(one.publisher for one in parts)),
        requirements=tuple(
            replace(one, number=f"{part.id} {one.number}") for part in parts for one in part.requirements
        ),
        parts=parts,
    )


def _origin(framework: Framework) -> str:
    return framework.name or "credreport's own"


def _natural(name: str) -> tuple[bool, list[tuple[int, str]]]:
    """Return what sorts ids: the versions of the CIS benchmark first, and numbers in names by their value."""
    parts = [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]
    return _CIS.match(name) is None, parts


_CIS: Final = re.compile(r"cis-\d")
"""How ids of versions of the CIS benchmark begin."""


@cache
def _own(name: str) -> Framework:
    from analyzer.controls.frameworks.reading import parse_framework  # noqa: PLC0415 - it needs this module

    path = resources.files(__name__) / f"{name}.toml"
    return parse_framework(path.name, path.read_bytes(), is_own=True)


class _Frameworks(Mapping[str, Framework]):
    """The frameworks of this program by id; each is read when it is first asked for."""

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
"""By id, CIS oldest first."""


def newest_cis() -> Framework:
    """Return the framework whose numbers are shown where none is chosen."""
    return FRAMEWORKS[[name for name in FRAMEWORKS if _CIS.match(name)][-1]]
