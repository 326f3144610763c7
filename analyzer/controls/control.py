"""The record of a control: its subjects, when it fails, and what the report can show."""

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


# Plans are pickled for other processes, and pickle cannot handle a mapping proxy.
copyreg.pickle(MappingProxyType, lambda view: (_view, (dict(view),)))


class Severity(CodedEnum):
    """How much harm a failure can do, most severe first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Whose(StrEnum):
    """Whose rows a control judges."""

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
    """The unit of the number, and what it does."""
    is_own: bool = False
    """Whether the default is our own choice, because frameworks that ask for the control give no number."""

    @property
    def expected(self) -> str:
        """A description of the permitted values."""
        return f"a whole number from {self.least:,} to {self.most:,} ({self.meaning})"

    def takes(self, value: object) -> bool:
        """Return whether `value` is permitted."""
        return isinstance(value, int) and not isinstance(value, bool) and self.least <= value <= self.most


@dataclass(frozen=True)
class Option:
    """A choice between a few words that a policy may make."""

    default: str
    choices: tuple[str, ...]
    """The permitted words, the least strict first."""
    meaning: str
    """What the choice decides."""

    @property
    def expected(self) -> str:
        """A description of the permitted values."""
        return f"{' or '.join(json.dumps(word) for word in self.choices)} ({self.meaning})"

    def takes(self, value: object) -> bool:
        """Return whether `value` is permitted."""
        return value in self.choices


Value: TypeAlias = int | str
"""The value of a parameter."""
Parameters: TypeAlias = "Mapping[str, Parameter | Option]"

POLICY, MAX_IDLE_DAYS = NOT_FRAMEWORKS = ("policy", "--max-idle-days")
"""What can set parameters besides frameworks; no framework may have one of these as its label."""
NO_PARAMETERS: Final[Parameters] = MappingProxyType({})


@dataclass(frozen=True)
class Control:
    """One control.

    A control with `kinds` judges each active credential of these kinds. A control without kinds judges whole rows of
    the report (`credential` is then `user`). In texts, `{name}` stands for the value of the parameter `name`.
    """

    id: str
    title: str
    severity: Severity
    whose: Whose
    rule: str
    """The function of `analyzer.judging.rules` that decides it."""
    applies_to: str
    """A description of the subjects."""
    fails_when: str
    evidence: tuple[str, ...]
    """The report columns that the rule reads."""
    rationale: str
    remediation: str
    references: tuple[str, ...]
    kinds: tuple[Kind, ...] = ()
    remedies: Mapping[Kind, str] = field(default_factory=lambda: MappingProxyType({}))
    """The parts of `remediation` that are about one kind of credential; empty if all of it is about every kind."""
    parameters: Parameters = field(default_factory=lambda: NO_PARAMETERS)
    caveats: tuple[str, ...] = ()
    """What the report cannot show."""
    inactive_too: bool = False
    """Whether inactive credentials are judged as well."""
    messages: Mapping[Reason, str | Mapping[Kind, str]] = field(default_factory=lambda: MappingProxyType({}))
    """Messages by reason that replace the common ones (`analyzer.judging.wording`)."""
    by_default: bool = True
    """Whether it is judged if no framework, policy or option asks for certain controls."""
    needs: str | None = None
    """The option that gives the file that the control needs; without the file it is never judged."""
    stricter_than: str | None = None
    """The control that this one is a stricter reading of: a subject that fails that one fails this one too."""
    absent: Reason | None = None
    """The reason of the single check that an account gets if it has nothing to judge."""

    @property
    def limit(self) -> str | None:
        """The name of the parameter that findings show as `limit_days`; None if there is no limit in days."""
        return next((name for name in self.parameters if name.endswith("_days")), None)
