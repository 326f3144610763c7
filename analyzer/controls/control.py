"""What a control is: a frozen record of what it is about, when it fails and what the report can show of it."""

from __future__ import annotations

import copyreg
import json
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from analyzer.reading.layout import CodedEnum

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analyzer.controls.vocabulary import Reason
    from analyzer.reading.layout import Kind


def _view(mapping: dict[object, object]) -> MappingProxyType[object, object]:
    return MappingProxyType(mapping)


# Plans pass from one process to another, and a view of a mapping cannot by itself.
copyreg.pickle(MappingProxyType, lambda view: (_view, (dict(view),)))


class Severity(CodedEnum):
    """How much a failure matters; in this order."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Whose(StrEnum):
    """Whose rows a control is about."""

    USERS = "IAM users"
    ROOT = "root"
    EVERYONE = "IAM users and root"
    ACCOUNTS = "accounts"


@dataclass(frozen=True)
class Parameter:
    """A whole number that a benchmark, policy or option may set."""

    default: int
    least: int
    most: int
    meaning: str
    """What the number is, with its unit."""
    is_own: bool = False
    """Whether the benchmarks that ask for the control leave the number open: the default is this program's choice."""

    @property
    def wanted(self) -> str:
        """What it may be, in words."""
        return f"a whole number from {self.least:,} to {self.most:,} ({self.meaning})"

    def takes(self, value: object) -> bool:
        """Whether it may have a value."""
        return isinstance(value, int) and not isinstance(value, bool) and self.least <= value <= self.most


@dataclass(frozen=True)
class Option:
    """One of a few words that a policy may set."""

    default: str
    choices: tuple[str, ...]
    """The least strict one first."""
    meaning: str
    """What the words mean."""

    @property
    def wanted(self) -> str:
        """What it may be, in words."""
        return f"{' or '.join(json.dumps(one) for one in self.choices)} ({self.meaning})"

    def takes(self, value: object) -> bool:
        """Whether it may have a value."""
        return value in self.choices


Value: TypeAlias = int | str
"""What a parameter is set to."""
Parameters: TypeAlias = "Mapping[str, Parameter | Option]"

POLICY, MAX_IDLE_DAYS = NOT_FRAMEWORKS = ("policy", "--max-idle-days")
"""Who else than a framework sets parameters, in words: no framework may pass for them."""
NO_PARAMETERS: Final[Parameters] = MappingProxyType({})


@dataclass(frozen=True)
class Control:
    """One control.

    It judges the active credentials of `kinds`, one finding each; without kinds, rows of the report as a whole
    (`credential` is then `user`). `{name}` in texts stands for the value of the parameter `name`.
    """

    id: str
    title: str
    severity: Severity
    whose: Whose
    rule: str
    """The function of `analyzer.judging.rules` that decides it."""
    applies_to: str
    """In words, what is judged."""
    fails_when: str
    evidence: tuple[str, ...]
    """The AWS columns that are looked at."""
    rationale: str
    remediation: str
    references: tuple[str, ...]
    kinds: tuple[Kind, ...] = ()
    parameters: Parameters = field(default_factory=lambda: NO_PARAMETERS)
    caveats: tuple[str, ...] = ()
    """What the report cannot show."""
    inactive_too: bool = False
    """Whether inactive credentials are judged as well."""
    messages: Mapping[Reason, str | Mapping[Kind, str]] = field(default_factory=lambda: MappingProxyType({}))
    """How a finding of this control says its reason, where the common words (`analyzer.judging.wording`) do not fit."""
    by_default: bool = True
    """Whether it is judged where neither a benchmark nor a policy nor an option asks for certain controls."""
    needs: str | None = None
    """The option whose file it judges by: without that it is not judged, whatever asks for it."""
    stricter_than: str | None = None
    """The control of which this one is a stricter reading: what fails that one fails this one too."""
    absent: Reason | None = None
    """Where an account has nothing that could be judged: the reason of the one finding (not_checked) that says so."""

    @property
    def limit(self) -> str | None:
        """The parameter that findings show as `limit_days`; None where the control has no limit in days."""
        return next((name for name in self.parameters if name.endswith("_days")), None)
