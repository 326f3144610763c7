"""The settings of a run, which a manifest stores completely."""

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
from analyzer.survey.names import CaptureTime

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analyzer.controls.frameworks import Framework


@dataclass(frozen=True)
class Settings:
    """The settings of a run. They do not depend on the machine, the clock or the output folder."""

    checklist: Checklist = field(default_factory=make_checklist)
    """The controls with their limits, and the waivers."""
    as_of: datetime | None = None
    """The reference date (UTC); None: each report is judged at its own `captured_at`."""
    every_snapshot: bool = False
    """Judge every snapshot of an account, not only the newest one."""
    account_id: str | None = None
    """The account of rows whose account is not known from the ARN or the file name."""
    captured_at: tuple[CaptureTime, ...] = ()
    """Capture times for reports without one in their envelope or name; the first matching pattern is used."""
    limits: Limits = DEFAULT
    """The size limits for reading files."""
    trend: bool = True
    """Whether an audit compares each account's judged snapshot with the one before; not with `every_snapshot`."""
    accounts: tuple[str, str] | None = None
    """The list of expected accounts: the file as given, and its SHA-256."""
    max_report_age: int | None = None
    """The maximum age in days for the report of a listed account."""
    leavers: tuple[str, str] | None = None
    """The list of people who left: the file as given, and its SHA-256."""
    people: tuple[str, str] | None = None
    """The list of people to match with the users: the file as given, and its SHA-256."""
    pseudonyms: str | None = None
    """The fingerprint of the key, if names are replaced by pseudonyms (also in these settings)."""

    @property
    def names_in_words(self) -> list[str]:
        """A line about the pseudonyms; no line if there are none."""
        hidden = "Users, ARNs, accounts, file names and the texts of policies and lists are pseudonyms"
        return [f"{hidden} (key with fingerprint {self.pseudonyms})."] if self.pseudonyms else []

    @property
    def facts(self) -> dict[str, Any]:
        """The settings as plain data, without loss: `Settings.of_facts` returns equal settings."""
        checklist = self.checklist
        policy = checklist.policy
        return {
            "as_of": iso(self.as_of),
            "benchmark": checklist.benchmark.id if checklist.benchmark else None,
            "controls": [
                {
                    "control": check.control.id,
                    "title": check.title,
                    "requirement": check.requirement,
                    "severity": check.severity.value,
                    "parameters": dict(check.parameters),
                    "set_by": dict(check.set_by),
                    "requirements": list(check.requirements),
                }
                for check in checklist.checks
            ],
            "switched_off": list(checklist.left_out),
            "policy": {"name": policy.name, "sha256": policy.sha256, "text": policy.text} if policy else None,
            "every_snapshot": self.every_snapshot,
            "account_id": self.account_id,
        } | self._changed_facts

    @property
    def _changed_facts(self) -> dict[str, Any]:
        """The settings that differ from a default, of those that most runs do not change."""
        times = {"captured_at": self._capture_times} if self.captured_at else {}
        sizes = {"max_file_size": self.limits.largest} if self.limits != DEFAULT else {}
        frameworks = self.checklist.benchmark.each if self.checklist.benchmark else ()
        own = [{"name": framework.name, "text": framework.text} for framework in frameworks if framework.name]
        files = {"benchmark_files": own} if own else {}
        files_of_lists = {"accounts": self.accounts, "leavers": self.leavers, "people": self.people}
        listed = {
            name: dict(zip(("name", "sha256"), file, strict=True)) for name, file in files_of_lists.items() if file
        }
        age = {} if self.max_report_age is None else {"max_report_age": self.max_report_age}
        hidden = {"pseudonyms": self.pseudonyms} if self.pseudonyms else {}
        return times | sizes | ({} if self.trend else {"trend": False}) | files | listed | age | hidden

    @property
    def _capture_times(self) -> list[dict[str, Any]]:
        return [{"pattern": capture_time.pattern, "at": iso(capture_time.at)} for capture_time in self.captured_at]

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> Settings:
        """Return the settings from the plain data of `facts`."""
        checks = tuple(
            Check(
                BY_ID[row["control"]],
                row["requirement"],
                Severity(row["severity"]),
                row["parameters"],
                row["set_by"],
                tuple(row.get("requirements", ())),
            )
            for row in facts["controls"]
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
            tuple(
                CaptureTime(row["pattern"], datetime.fromisoformat(row["at"])) for row in facts.get("captured_at", ())
            ),
            Limits(facts.get("max_file_size", DEFAULT.largest)),
            facts.get("trend", True),
            _listed(facts, "accounts"),
            facts.get("max_report_age"),
            _listed(facts, "leavers"),
            _listed(facts, "people"),
            facts.get("pseudonyms"),
        )


def _listed(facts: Mapping[str, Any], name: str) -> tuple[str, str] | None:
    """Return the file of a given list and its SHA-256; None if no list was given."""
    return (facts[name]["name"], facts[name]["sha256"]) if name in facts else None


def _framework_of(facts: Mapping[str, Any]) -> Framework | None:
    """Return the framework of a run: a built-in framework by its id, the user's own framework from its text."""
    if not facts["benchmark"]:
        return None
    own = [parse_framework(file["name"], file["text"].encode()) for file in facts.get("benchmark_files", ())]
    own_by_id = {framework.id: framework for framework in own}
    return together([own_by_id.get(name) or FRAMEWORKS[name] for name in facts["benchmark"].split(",")])
