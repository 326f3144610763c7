"""How reports are judged, as data that a manifest keeps without loss."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from analyzer.controls.catalog import BY_ID
from analyzer.controls.checklist import Check, Checklist, make_checklist
from analyzer.controls.control import Severity
from analyzer.controls.frameworks import FRAMEWORKS, together
from analyzer.controls.frameworks.reading import parse_framework
from analyzer.controls.policy import parse_policy
from analyzer.evidence.plain import iso
from analyzer.reading.limits import DEFAULT, Limits
from analyzer.survey.names import GivenTime

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analyzer.controls.frameworks import Framework


@dataclass(frozen=True)
class Settings:
    """How reports are judged. Nothing here depends on the machine, the clock or the output folder."""

    checklist: Checklist = field(default_factory=make_checklist)
    """What is judged: controls, limits, waivers."""
    as_of: datetime | None = None
    """The reference instant (UTC); None: each report at its own `captured_at`."""
    every_snapshot: bool = False
    """Judge every snapshot of an account, not the newest one only."""
    account_id: str | None = None
    """The account of rows that neither their ARN nor their file name says."""
    captured_at: tuple[GivenTime, ...] = ()
    """When reports were captured whose envelope and name do not tell; the first whose pattern fits counts."""
    limits: Limits = DEFAULT
    """How many bytes of a file are read at most."""
    trend: bool = True
    """Whether an audit compares each account's judged snapshot with the one before; not with `every_snapshot`."""
    accounts: tuple[str, str] | None = None
    """The list of accounts that ought to be there: its file as it was given, and the SHA-256 of it."""
    max_report_age: int | None = None
    """Days that the report of an account in that list may be old."""
    leavers: tuple[str, str] | None = None
    """The list of people who left: its file as it was given, and the SHA-256 of it."""
    people: tuple[str, str] | None = None
    """The same of the list of people with whom the users are compared."""
    pseudonyms: str | None = None
    """Where names have pseudonyms, here as well: the fingerprint of their key."""

    @property
    def names_in_words(self) -> list[str]:
        """What is said where names have pseudonyms, in lines; empty where they have none."""
        hidden = "Users, ARNs, accounts, file names and the texts of policies and lists are pseudonyms"
        return [f"{hidden} (key with fingerprint {self.pseudonyms})."] if self.pseudonyms else []

    @property
    def facts(self) -> dict[str, Any]:
        """The same as plain data, without loss: `Settings.of_facts` makes equal settings of it."""
        checklist = self.checklist
        policy = checklist.policy
        return {
            "as_of": iso(self.as_of),
            "benchmark": checklist.benchmark.id if checklist.benchmark else None,
            "controls": [
                {
                    "control": one.control.id,
                    "title": one.title,
                    "requirement": one.requirement,
                    "severity": one.severity.value,
                    "parameters": dict(one.parameters),
                    "set_by": dict(one.set_by),
                    "requirements": list(one.requirements),
                }
                for one in checklist.checks
            ],
            "switched_off": list(checklist.left_out),
            "policy": {"name": policy.name, "sha256": policy.sha256, "text": policy.text} if policy else None,
            "every_snapshot": self.every_snapshot,
            "account_id": self.account_id,
        } | self._given

    @property
    def _given(self) -> dict[str, Any]:
        """What most runs leave as it is, where this one does not."""
        times = {"captured_at": self._given_times} if self.captured_at else {}
        sizes = {"max_file_size": self.limits.largest} if self.limits != DEFAULT else {}
        frameworks = self.checklist.benchmark.each if self.checklist.benchmark else ()
        own = [{"name": one.name, "text": one.text} for one in frameworks if one.name]
        files = {"benchmark_files": own} if own else {}
        files_of_lists = {"accounts": self.accounts, "leavers": self.leavers, "people": self.people}
        listed = {name: dict(zip(("name", "sha256"), one, strict=True)) for name, one in files_of_lists.items() if one}
        age = {} if self.max_report_age is None else {"max_report_age": self.max_report_age}
        hidden = {"pseudonyms": self.pseudonyms} if self.pseudonyms else {}
        return times | sizes | ({} if self.trend else {"trend": False}) | files | listed | age | hidden

    @property
    def _given_times(self) -> list[dict[str, Any]]:
        return [{"pattern": one.pattern, "at": iso(one.at)} for one in self.captured_at]

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> Settings:
        """Return the settings that gave some facts."""
        checks = tuple(
            Check(
                BY_ID[one["control"]],
                one["requirement"],
                Severity(one["severity"]),
                one["parameters"],
                one["set_by"],
                tuple(one.get("requirements", ())),
            )
            for one in facts["controls"]
        )
        policy = facts["policy"]
        return cls(
            Checklist(
                checks,
                _framework_of(facts),
                parse_policy(policy["name"], policy["text"].encode()) if policy else None,
                tuple(facts["switched_off"]),
            ),
            None if facts["as_of"] is None else datetime.fromisoformat(facts["as_of"]),
            facts["every_snapshot"],
            facts["account_id"],
            tuple(GivenTime(one["pattern"], datetime.fromisoformat(one["at"])) for one in facts.get("captured_at", ())),
            Limits(facts.get("max_file_size", DEFAULT.largest)),
            facts.get("trend", True),
            _listed(facts, "accounts"),
            facts.get("max_report_age"),
            _listed(facts, "leavers"),
            _listed(facts, "people"),
            facts.get("pseudonyms"),
        )


def _listed(facts: Mapping[str, Any], name: str) -> tuple[str, str] | None:
    """Return the file of a list that was given, and the SHA-256 of it."""
    return (facts[name]["name"], facts[name]["sha256"]) if name in facts else None


def _framework_of(facts: Mapping[str, Any]) -> Framework | None:
    """Return the benchmark of a run: those of this program by their ids, a user's own by their texts."""
    if not facts["benchmark"]:
        return None
    own = [parse_framework(one["name"], one["text"].encode()) for one in facts.get("benchmark_files", ())]
    known = {one.id: one for one in own}
    return together([known.get(name) or FRAMEWORKS[name] for name in facts["benchmark"].split(",")])
