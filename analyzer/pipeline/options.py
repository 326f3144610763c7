"""The options that decide what is judged and how, and their translation into the settings of a run.

Both the command line (`analyzer.cli.options`) and the Python API (`analyzer.pipeline.api`) fill in these classes. Each
error names its option. pandas is not imported before an option needs it.
"""

from __future__ import annotations

from collections.abc import Sequence  # noqa: TC003 - the command line evaluates the types of fields
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003
from typing import TYPE_CHECKING, Any

from analyzer.errors import UsageError
from analyzer.pipeline import values

if TYPE_CHECKING:
    from analyzer.controls.checklist import Checklist
    from analyzer.evidence.settings import Settings
    from analyzer.survey.organization import Organization
    from analyzer.survey.people import PeopleLists


@dataclass(frozen=True)
class Judging:
    """The options that decide how reports are judged."""

    benchmarks: Sequence[str] = ()
    controls: Sequence[str] = ()
    all_controls: bool = False
    policy: Path | None = None
    no_policy: bool = False
    max_idle_days: int | None = None
    account_id: str | None = None
    captured_at: Sequence[str] = ()
    max_file_size: str | None = None

    def settings(self, *, with_leavers: bool = False, **which: Any) -> Settings:  # noqa: ANN401 - of any type
        """Return the settings of a run; `which` are settings that choose the reports.

        `with_leavers` is true if a list of leavers is given. Raises UsageError, or PolicyError for the policy.
        """
        checklist, account = self.checklist(with_leavers=with_leavers), values.account(self.account_id)
        times, limits = values.captured_at(self.captured_at), values.limits(self.max_file_size)
        from analyzer.evidence.settings import Settings  # noqa: PLC0415 - what loads pandas is not for --help

        return Settings(checklist, account_id=account, captured_at=times, limits=limits, **which)

    def checklist(self, *, with_leavers: bool = False) -> Checklist:
        """Return the controls to judge, with their limits.

        `with_leavers` is true if a list of leavers is given. Raises UsageError, or PolicyError for the policy.
        """
        from analyzer.controls.checklist import make_checklist  # noqa: PLC0415 - not for --help

        return make_checklist(
            benchmark=values.benchmarks(self.benchmarks),
            controls=values.controls(self.controls),
            policy=values.policy(self.policy, unwanted=self.no_policy),
            max_idle_days=values.whole_number("--max-idle-days", self.max_idle_days, 1, values.MOST_DAYS),
            all_controls=self.all_controls,
            with_leavers=with_leavers,
        )


@dataclass(frozen=True)
class Snapshots:
    """The options that choose the snapshots of an audit, the reference date and the expected accounts."""

    as_of: str | None = None
    every_snapshot: bool = False
    no_trend: bool = False
    accounts: Path | None = None
    max_report_age: int | None = None

    def chosen(self, listed: Organization | None) -> dict[str, Any]:
        """Return these options as settings. `listed` is the list of accounts. Raises UsageError for a bad value."""
        instant = values.instant(self.as_of)
        if self.max_report_age is not None and self.accounts is None:
            raise UsageError(
                "--max-report-age needs --accounts",
                "add the list of accounts: --accounts FILE. The age is checked for each account of that list, so that "
                "accounts without any report are named too",
            )
        return {
            "as_of": instant,
            "every_snapshot": self.every_snapshot,
            "trend": not self.no_trend,
            "accounts": (listed.name, listed.sha256) if listed else None,
            "max_report_age": values.whole_number("--max-report-age", self.max_report_age, 0, values.MOST_DAYS),
        }

    def organization(self) -> Organization | None:
        """Return the list of expected accounts, or None. Raises AccountsError if the file is not such a list."""
        from analyzer.survey.organization import read_organization  # noqa: PLC0415 - not for --help

        return None if self.accounts is None else read_organization(self.accounts)


@dataclass(frozen=True)
class PeopleFiles:
    """The lists of people, from a personnel department (HR), with which an audit compares the users."""

    leavers: Path | None = None
    people: Path | None = None

    def lists(self) -> PeopleLists:
        """Return the lists that are given. Raises PeopleError if a file is not such a list."""
        from analyzer.survey.people import PeopleLists, read_people  # noqa: PLC0415 - not for --help

        return PeopleLists(
            None if self.leavers is None else read_people("--leavers", self.leavers, with_last_day=True),
            None if self.people is None else read_people("--people", self.people, with_last_day=False),
        )


def judged(snapshots: Snapshots, people_files: PeopleFiles, judging: Judging) -> dict[str, Any]:
    """Return the settings and lists of an audit, by parameter of `pipeline.audit`."""
    listed, lists = snapshots.organization(), people_files.lists()
    listed_files = {name: (people.name, people.sha256) for name, people in lists.by_name.items()}
    settings = judging.settings(with_leavers=lists.leavers is not None, **snapshots.chosen(listed), **listed_files)
    return {"settings": settings, "organization": listed, "lists": lists}


def followed(paths: Sequence[str], store: Path | None, as_of_series: str | None) -> dict[str, Any]:
    """Return the inputs and the reference dates of a history, by parameter of `pipeline.history`.

    Raises UsageError unless either reports or a store are given, and for invalid dates.
    """
    if (store is None) == (not paths):
        raise UsageError("give either reports or --store", "see credreport history --help")
    _require_reports(paths, "")
    return {"paths": paths, "store": store, "series": values.series(as_of_series)}


def compared(
    old: str | None, new: str | None, store: Path | None, since: str | None, until: str | None
) -> dict[str, Any]:
    """Return the two sides of a comparison, by parameter of `pipeline.compare`.

    Raises UsageError unless either both sides are given, or a store and two times.
    """
    times = values.two_instants(since, until) if store is not None else (None, None)
    if (store is None) == (not (old and new)):
        raise UsageError("give either OLD and NEW, or --store with --from and --to", "see credreport compare --help")
    _require_reports([side for side in (old, new) if side], " --from DATE --to DATE")
    sides = {"old": [old] if old else [], "new": [new] if new else []}
    return sides | {"store": store, "since": times[0], "until": times[1]}


def _require_reports(paths: Sequence[str], times: str) -> None:
    """Raise UsageError if one of the paths is a store; `times` are the options that a store needs besides its name."""
    from analyzer.survey.files import is_store  # noqa: PLC0415 - not for --help

    for path in paths:
        if is_store(path):
            raise UsageError(
                f"{path}: this is a store: use --store {path}", f"give --store {path}{times} and no reports"
            )
