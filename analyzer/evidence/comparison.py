"""The result of a comparison: events between two snapshots, and the counts that all outputs show."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from analyzer.controls.control import Severity
from analyzer.controls.vocabulary import counted, span
from analyzer.errors import first_few
from analyzer.evidence.answer import checklist_in_words, incomplete, not_added, without_column_in_words
from analyzer.evidence.causes import with_causes
from analyzer.evidence.checks import check_of, summed_rows
from analyzer.evidence.exit_reason import at_least, exit_one, exit_without_failures
from analyzer.evidence.history import IDENTITY
from analyzer.evidence.plain import json_rows
from analyzer.evidence.schema import EVENTS, ISSUES, KINDS_OF_EVENTS, NEW_FAILURES, to_arrow, to_pandas
from analyzer.evidence.settings import Settings
from analyzer.evidence.with_issues import WithIssues, issue_codes
from analyzer.reading.issues import Level

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt
    import pandas as pd
    import pyarrow as pa

FAILING_NOW: Final = (*NEW_FAILURES, "still_failing")
"""The events of failures that the newer snapshot shows."""
_FAILING_BEFORE: Final = ("still_failing", "fixed", "not_known")
"""The events of failures that the older snapshot shows."""
OF_FAILURES: Final = (*NEW_FAILURES, *_FAILING_BEFORE)
"""All events of failures; the other events are changes of users and credentials."""
_CLOSINGS: Final[Mapping[str, str]] = {
    "deleted": "because the user or the credential was deleted",
    "deactivated": "deactivated or removed",
    "used": "used again",
    "mfa_enabled": "MFA enabled",
    "other": "for another reason",
}
"""The words for how failures were fixed that are not their names."""


def event_in_words(event: str) -> str:
    """Return the words for a kind of event."""
    return "undecided" if event == "not_known" else event.replace("_", " ").replace("mfa", "MFA")


def closing_in_words(how: str) -> str:
    """Return the words for how a failure was fixed."""
    return _CLOSINGS.get(how, how.replace("_", " "))


def closing_in_a_cell(how: str) -> str:
    """Return the words for how a failure was fixed; the full words for a deletion are too long for a table."""
    return how if how == "deleted" else closing_in_words(how)


def most_severe_first(events: pd.DataFrame) -> pd.DataFrame:
    """Return events of failures, the most severe first; equal ones keep their order."""
    rank = events["severity"].astype("str").map({severity.value: severity.code for severity in Severity})
    return events.iloc[np.argsort(rank.to_numpy(), kind="stable")]


@dataclass(frozen=True)
class Comparison(WithIssues):
    """Events between an older and a newer snapshot of each account (columns: `EVENTS`)."""

    settings: Settings
    inputs: list[dict[str, Any]]
    """The rows of the inputs table, as in a manifest (see `inputs.input_facts`); for reports from a store only
    `name, sha256, account_id, captured_at`."""
    events: pd.DataFrame
    issues: pd.DataFrame
    accounts: tuple[str, ...] = ()
    """Accounts with a snapshot on both sides."""
    only_old: tuple[str, ...] = ()
    """Accounts without a newer snapshot: those that are only on the older side, and those in `not_newer`."""
    only_new: tuple[str, ...] = ()
    not_newer: tuple[str, ...] = ()
    """Accounts whose newest snapshot is the same on both sides."""
    captured: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By side (older, newer), the `first` and the `last` capture time of the compared snapshots, in ISO 8601.

    It is empty for evidence sets that were written without it.
    """
    not_judged: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By side (older, newer), the controls that judged nothing, because no snapshot has the column that they need."""

    @classmethod
    def of(cls, facts: Mapping[str, Any], tables: Mapping[str, pa.Table]) -> Comparison:
        """Return the comparison from the `facts` of a manifest and its tables."""
        return cls(
            settings=Settings.of_facts(facts["settings"]),
            inputs=facts["inputs"],
            events=to_pandas(tables["events"]),
            issues=to_pandas(tables["issues"]),
            accounts=tuple(facts["accounts"]),
            only_old=tuple(facts["only_old"]),
            only_new=tuple(facts["only_new"]),
            not_newer=tuple(facts.get("no_newer_snapshot", ())),
            captured=facts.get("captured", {}),
            not_judged=facts.get("not_judged", {}),
        )

    @property
    def _issues_by_code(self) -> dict[str, int]:
        return issue_codes(self.issues["code"].astype("str"))

    title: ClassVar[str] = "What changed between two snapshots"

    @property
    def dates(self) -> str:
        """The capture dates of the compared snapshots in words; empty if they are not in the evidence set."""
        noun = "snapshot" if len(self.accounts) == 1 else "snapshots"
        sides = {side: span(times["first"][:10], times["last"][:10]) for side, times in self.captured.items()}
        return " ".join(f"{side.capitalize()} {noun}: captured {days}." for side, days in sides.items())

    @cached_property
    def summed(self) -> pd.DataFrame:
        """The events that sums count, without events of checks that repeat another check."""
        return summed_rows(self.events, self.settings.checklist)

    @cached_property
    def counts(self) -> dict[str, int]:
        """The number of summed events by kind, in the order of `KINDS_OF_EVENTS`."""
        counts = self.summed["event"].astype("str").value_counts()
        return {name: int(counts[name]) for name in KINDS_OF_EVENTS if name in counts}

    @cached_property
    def closings(self) -> dict[str, int]:
        """The number of fixed failures by reason (`how`), the most frequent first."""
        counts = self.fixed["how"].astype("str").value_counts()
        return {str(how): int(count) for how, count in counts.items()}

    @cached_property
    def fixed(self) -> pd.DataFrame:
        """The summed events of fixed failures."""
        return self.summed[(self.summed["event"] == "fixed").to_numpy()]

    @cached_property
    def new_failures(self) -> pd.DataFrame:
        """The events of failures that the older snapshot did not have, without waived failures.

        If a control is judged by several limits, only the strictest limit counts.
        """
        return self._new[self._counting(Severity.LOW)]

    def _counting(self, fail_on: Severity | str) -> npt.NDArray[np.bool_]:
        """Return which of the rows of `_new` count for exit code 1 (see `exit_code_of`)."""
        checklist = self.settings.checklist
        return np.isin(check_of(self._new, checklist), checklist.counting(Severity(fail_on)))

    @cached_property
    def _new(self) -> pd.DataFrame:
        """The same events for all limits of each control."""
        is_new = self.events["event"].isin(list(NEW_FAILURES)).to_numpy()
        return self.events[is_new & self.events["waiver"].isna().to_numpy()]

    def explained(self, failures: pd.DataFrame) -> pd.DataFrame:
        """Return events of failures with messages for readers: each with the event that explains a new failure."""
        return with_causes(failures, self.events, event_in_words)

    def words_for(self, event: str) -> str:
        """Return the words for a kind of event beside its count: regressed failures are new failures as well."""
        is_part = event == "new_failure" and "regressed" in self.counts
        return "new failure, not fixed before" if is_part else event_in_words(event)

    @property
    def new_rows(self) -> list[str]:
        """The events of new and regressed failures, also of waived ones, as JSON objects (columns: `EVENTS`)."""
        return json_rows(to_arrow(self.events[self.events["event"].isin(list(NEW_FAILURES)).to_numpy()], EVENTS))

    @cached_property
    def tables(self) -> dict[str, pa.Table]:
        """The tables as they are written, by name."""
        return {"events": to_arrow(self.events, EVENTS), "issues": to_arrow(self.issues, ISSUES)}

    @cached_property
    def lines(self) -> list[str]:
        """The answer in lines of text."""
        counts = {name: self.counts.get(name, 0) for name in KINDS_OF_EVENTS}
        how = ", ".join(f"{count:,} {closing_in_words(how)}" for how, count in self.closings.items())
        bad = sum(counts[name] for name in NEW_FAILURES)
        checklist, new = self.settings.checklist, check_of(self._new, self.settings.checklist)
        not_waived = int(np.isin(new, checklist.summed).sum())
        notes = [f"{counts['regressed']:,} had been fixed before"] if counts["regressed"] else []
        notes += [f"{bad - not_waived:,} waived"] if bad > not_waived else []
        again = f" ({', '.join(notes)})" if notes else ""
        lines = [
            f"{counted(bad, 'new failure')}{again}; {counts['fixed']:,} fixed{f' ({how})' if how else ''}.",
        ]
        left_out = {at: int((new == at).sum()) for at in checklist.not_summed}
        lines += not_added(checklist, left_out, partial(counted, word="new failure"))
        unknown = f"; {counts['not_known']:,} undecided" if counts["not_known"] else ""
        lines.append(f"{counts['still_failing']:,} still failing{unknown}.")
        lines.append(self._before_and_now)
        return [
            *filter(None, [incomplete(self)]),
            *(lines if self.is_judged else []),
            *self._without_column,
            *self._not_compared,
            *checklist_in_words(checklist),
        ]

    @property
    def is_judged(self) -> bool:
        """Whether any control judged something on the newer side, or has events."""
        unjudged = set(self.not_judged.get("newer", ()))
        has_events = any(name in self.counts for name in OF_FAILURES)
        return has_events or not unjudged.issuperset(self.settings.checklist.controls)

    @property
    def _without_column(self) -> list[str]:
        """Lines with the controls that judged nothing on one side or both."""
        older, newer = (self.not_judged.get(side, ()) for side in ("older", "newer"))
        controls = {
            "the snapshots": [control for control in newer if control in older],
            "the newer snapshots": [control for control in newer if control not in older],
            "the older snapshots": [control for control in older if control not in newer],
        }
        # Without the older side, nothing tells old failures from new ones.
        endings = {"the older snapshots": " Failures that the newer snapshots show count as new."}
        return [
            f"{line}{endings.get(snapshots, '')}"
            for snapshots, names in controls.items()
            for line in without_column_in_words(self.settings.checklist, names, snapshots)
        ]

    @property
    def _before_and_now(self) -> str:
        """A sentence with the number of failures on both sides, in the accounts that are compared."""
        event = self.summed["event"]
        is_now = event.isin(list(FAILING_NOW)).to_numpy()
        now, before = int(is_now.sum()), int(event.isin(list(_FAILING_BEFORE)).sum())
        waived = int(self.summed["waiver"][is_now].notna().sum())
        of_them = f" ({waived:,} of them waived)" if waived else ""
        accounts = "account" if len(self.accounts) == 1 else f"{len(self.accounts):,} accounts"
        return f"{counted(now, 'failure')} now{of_them}, {before:,} before, in the {accounts} compared."

    @property
    def _not_compared(self) -> list[str]:
        """Lines with the accounts that are not compared."""
        only_old = [account for account in self.only_old if account not in set(self.not_newer)]
        reasons = {
            "only on the older side": only_old,
            "no newer snapshot": self.not_newer,
            "only on the newer side": self.only_new,
        }
        return [f"Not compared, {reason}: {first_few(accounts)}." for reason, accounts in reasons.items() if accounts]

    @property
    def method(self) -> list[str]:
        """The method in lines of text."""
        return [
            *self.settings.names_in_words,
            (
                "For each account, the newest snapshot on the older side and the newest on the newer side are "
                "compared. Each is judged at its own capture time."
            ),
            IDENTITY,
            "A value that is unknown in one of the two snapshots is not counted as a change.",
            "new_failure: the check fails now, did not fail in the older snapshot, and is not regressed.",
            (
                "fixed: the check failed in the older snapshot and fails no longer. The column how shows what changed; "
                "other: something else, such as a rule that no longer applies to the user."
            ),
            (
                "Undecided (not_known): the newer snapshot does not show whether the check still fails. A snapshot "
                "that may lack users cannot show that a user was deleted."
            ),
            "regressed: the check failed in an older snapshot, was fixed, and fails again.",
        ]

    @cached_property
    def facts(self) -> dict[str, Any]:
        """The counts as plain data, for the manifest and `--json`."""
        not_judged = {side: list(controls) for side, controls in self.not_judged.items()}
        return {
            "settings": self.settings.facts,
            "events": self.counts,
            "fixed_by": self.closings,
            "accounts": list(self.accounts),
            "only_old": list(self.only_old),
            "only_new": list(self.only_new),
            "no_newer_snapshot": list(self.not_newer),
            **({"captured": self.captured} if self.captured else {}),
            **({"not_judged": not_judged} if any(not_judged.values()) else {}),
            "issues": self.issue_counts,
            "inputs": self.inputs,
        }

    @property
    def exit_code(self) -> int:
        """0: no new failure is open; 1: some are open; 3: some input was not read."""
        return self.exit_code_of()

    def exit_code_of(self, *, fail_on: Severity | str = Severity.LOW) -> int:
        """Return the exit code if only new failures of severity `fail_on` or higher count. 3 goes before 1."""
        if self.has_issues(Level.REJECTED):
            return 3
        return 1 if self.open_count(fail_on=fail_on) else 0

    def open_count(self, *, fail_on: Severity | str = Severity.LOW) -> int:
        """Return the number of new failures that count for exit code 1 (see `exit_code_of`)."""
        return int(self._counting(fail_on).sum())

    def __repr__(self) -> str:
        """Return the kind, the accounts and the first lines of the answer, instead of all tables."""
        return f"<Comparison of {counted(len(self.accounts), 'account')}: {' '.join(self.lines[:2])}>"

    def exit_reason(self, *, fail_on: Severity = Severity.LOW, exit_zero: bool = False) -> str:
        """Return in a sentence the reason for the exit code; `exit_zero` turns 1 into 0."""
        code, count, which = self.exit_code_of(fail_on=fail_on), self.open_count(fail_on=fail_on), at_least(fail_on)
        if code == 3:
            return exit_without_failures(self, 3)
        if code == 0:
            return f"Exit code 0: no new failure{which} is open."
        verb = "is" if count == 1 else "are"
        return exit_one(f"{counted(count, 'new failure')}{which} {verb} open", exit_zero=exit_zero)
