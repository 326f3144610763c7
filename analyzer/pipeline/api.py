"""The functions of the Python API. They do the same as the commands audit, compare and history, without printing.

Parameters are named like the options of the commands and have the same defaults. pandas is not imported before a
function is called.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from analyzer.pipeline import options, values
from analyzer.pipeline.opened import AuditEvidence, ComparisonEvidence, HistoryEvidence

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from os import PathLike

    from analyzer.survey.pseudonyms import Pseudonyms

    File: TypeAlias = str | PathLike[str]
    OneOrMore: TypeAlias = File | Sequence[File]
    When: TypeAlias = str | date


def audit(  # noqa: PLR0913 - one parameter an option
    paths: OneOrMore,
    *,
    as_of: When | None = None,
    every_snapshot: bool = False,
    no_trend: bool = False,
    accounts: File | None = None,
    max_report_age: int | None = None,
    leavers: File | None = None,
    people: File | None = None,
    pseudonyms: File | None = None,
    benchmark: OneOrMore = (),
    control: str | Sequence[str] = (),
    all_controls: bool = False,
    policy: File | None = None,
    no_policy: bool = False,
    max_idle_days: int | None = None,
    account_id: str | None = None,
    captured_at: str | Sequence[str] = (),
    max_file_size: str | None = None,
) -> AuditEvidence:
    """Judge the credential reports under `paths` (files, folders, archives), as `credreport audit` does.

    Each parameter has the meaning of the option with its name (`credreport audit --help`). `as_of` is a text, a date
    (the end of that day, UTC) or a datetime (UTC unless it has an offset). `max_idle_days` and `max_report_age` are
    days. Without `policy`, credreport.toml in the current folder is used if it exists. If the key file `pseudonyms`
    does not exist, it is created. Raises `analyzer.errors.AnalyzerError`: UsageError for parameters; PolicyError,
    FrameworkError, AccountsError and PeopleError for the files of these kinds; InputError if there is nothing to judge.

    >>> import analyzer
    >>> evidence = analyzer.audit("sample_reports", as_of="2026-10-31", benchmark="cis-7.0")
    >>> evidence.findings.query("control == 'console-mfa'")["status"].value_counts().loc["fail"].item()
    13
    """
    judging = _judging(
        benchmark, control, all_controls, policy, no_policy, max_idle_days, account_id, captured_at, max_file_size
    )
    snapshots = options.Snapshots(_when(as_of), every_snapshot, no_trend, _path(accounts), max_report_age)
    parameters = options.judged(snapshots, options.PeopleFiles(_path(leavers), _path(people)), judging)
    inputs = values.local(paths)
    from analyzer import pipeline  # noqa: PLC0415 - loads pandas

    def run(output: str) -> None:
        key = _key(pseudonyms, inputs)
        pipeline.audit(inputs, output=output, formats=(), pseudonyms=key, most_shown=0, **parameters)

    return AuditEvidence.made_by(run)


def compare(  # noqa: PLR0913 - one parameter an option
    old: File | None = None,
    new: File | None = None,
    *,
    store: File | None = None,
    from_: When | None = None,
    to: When | None = None,
    pseudonyms: File | None = None,
    benchmark: OneOrMore = (),
    control: str | Sequence[str] = (),
    all_controls: bool = False,
    policy: File | None = None,
    no_policy: bool = False,
    max_idle_days: int | None = None,
    account_id: str | None = None,
    captured_at: str | Sequence[str] = (),
    max_file_size: str | None = None,
) -> ComparisonEvidence:
    """Compare the newest snapshots of each account on two sides, as `credreport compare` does.

    The two sides are either `old` and `new` (reports or evidence sets of audits), or the snapshots of a `store` up to
    `from_` and up to `to`. The other parameters and the errors are the same as for `audit`.

    >>> import analyzer
    >>> evidence = analyzer.compare("sample_reports/2026-09-30", "sample_reports/2026-10-31")
    >>> evidence.events["event"].value_counts().loc["key_created"].item()
    2
    """
    parameters = options.compared(_text(old), _text(new), _path(store), _when(from_), _when(to))
    judging = _judging(
        benchmark, control, all_controls, policy, no_policy, max_idle_days, account_id, captured_at, max_file_size
    )
    parameters["settings"] = judging.settings()
    inputs = values.local([*parameters["old"], *parameters["new"]])
    from analyzer import pipeline  # noqa: PLC0415 - loads pandas

    return ComparisonEvidence.made_by(
        lambda output: pipeline.compare(output=output, formats=(), pseudonyms=_key(pseudonyms, inputs), **parameters)
    )


def history(  # noqa: PLR0913 - one parameter an option
    paths: OneOrMore = (),
    *,
    store: File | None = None,
    as_of_series: str | Sequence[When] | None = None,
    sla_days: int | None = None,
    pseudonyms: File | None = None,
    benchmark: OneOrMore = (),
    control: str | Sequence[str] = (),
    all_controls: bool = False,
    policy: File | None = None,
    no_policy: bool = False,
    max_idle_days: int | None = None,
    account_id: str | None = None,
    captured_at: str | Sequence[str] = (),
    max_file_size: str | None = None,
) -> HistoryEvidence:
    """Follow failures through many snapshots, from reports under `paths` or a `store`, as `credreport history` does.

    `as_of_series` has the reference dates, or is "monthly". `sla_days` is a deadline for fixes, in days. The other
    parameters and the errors are the same as for `audit`.

    >>> import analyzer
    >>> evidence = analyzer.history("sample_reports", control="unused-credentials", sla_days=60)
    >>> evidence.measures[["open", "closed", "lost_sight"]].to_numpy().tolist()
    [[16, 13, 3]]
    """
    parameters = options.followed(values.local(paths), _path(store), _series(as_of_series))
    judging = _judging(
        benchmark, control, all_controls, policy, no_policy, max_idle_days, account_id, captured_at, max_file_size
    )
    parameters["settings"] = judging.settings(every_snapshot=True)
    parameters["sla_days"] = values.whole_number("--sla-days", sla_days, 0)
    from analyzer import pipeline  # noqa: PLC0415 - loads pandas

    return HistoryEvidence.made_by(
        lambda output: pipeline.history(
            output=output, formats=(), pseudonyms=_key(pseudonyms, parameters["paths"]), **parameters
        )
    )


def _judging(  # noqa: PLR0913 - one parameter an option
    benchmark: OneOrMore,
    control: str | Sequence[str],
    all_controls: bool,
    policy: File | None,
    no_policy: bool,
    max_idle_days: int | None,
    account_id: str | None,
    captured_at: str | Sequence[str],
    max_file_size: str | None,
) -> options.Judging:
    return options.Judging(
        values.texts(benchmark),
        values.texts(control),
        all_controls,
        _path(policy),
        no_policy,
        max_idle_days,
        account_id,
        values.texts(captured_at),
        max_file_size,
    )


def _text(file: File | None) -> str | None:
    return None if file is None else str(file)


def _path(file: File | None) -> Path | None:
    return None if file is None else Path(file)


def _when(when: When | None) -> str | None:
    return when if when is None or isinstance(when, str) else when.isoformat()


def _series(dates: str | Sequence[When] | None) -> str | None:
    return dates if dates is None or isinstance(dates, str) else ",".join(str(_when(date)) for date in dates)


def _key(file: File | None, paths: Sequence[str]) -> Pseudonyms | None:
    """Return the pseudonyms of a key file, which is created if it does not exist."""
    if file is None:
        return None
    from analyzer.survey.key_file import read_key  # noqa: PLC0415 - loads pandas

    return read_key(Path(file), paths).pseudonyms
