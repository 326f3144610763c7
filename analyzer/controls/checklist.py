"""The checklist of a run: which controls it judges and with which limits, from options, policy and framework."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analyzer.controls.catalog import BY_ID, CONTROLS
from analyzer.controls.control import MAX_IDLE_DAYS, NOT_FRAMEWORKS, POLICY
from analyzer.controls.frameworks import FRAMEWORKS, Demand, Framework, newest_cis, together
from analyzer.controls.naming import demands_named
from analyzer.errors import UsageError, checked_choice
from analyzer.reading.layout import KIND_OF

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analyzer.controls.control import Control, Severity, Value
    from analyzer.controls.policy import Policy, Waiver

UNUSED: Final = BY_ID["unused-credentials"]
"""The main control of this program."""


@dataclass(frozen=True)
class Check:
    """A control with the limits and the severity of a run."""

    control: Control
    requirement: str | None
    """The first number of the control in the framework (the newest CIS if none is chosen); None if it has no number."""
    severity: Severity
    parameters: Mapping[str, Value]
    set_by: Mapping[str, str] = field(default_factory=dict)
    """What set a parameter or the severity: a framework, the policy or an option."""
    requirements: tuple[str, ...] = ()
    """All numbers of the control in the framework."""

    @property
    def limit_days(self) -> int | None:
        """The limit in days; None if the control has no limit in days."""
        return int(self.parameters[self.control.limit]) if self.control.limit else None

    @property
    def title(self) -> str:
        """The title with the limits of the run."""
        return self.say(self.control.title)

    def say(self, text: str) -> str:
        """Return a text of the control with the limits of the run filled in."""
        return text.format(**self.parameters)

    def remedy(self, credential: str) -> str:
        """Return what to do about a failing credential, by the name of its slot (`user`: a user or an account)."""
        kind, whole = KIND_OF.get(credential), self.control.remediation
        return self.say(whole if kind is None else self.control.remedies.get(kind, whole))


@dataclass(frozen=True)
class Checklist:
    """The controls that a run judges: `checks` in the order of the catalogue."""

    checks: tuple[Check, ...]
    benchmark: Framework | None = None
    policy: Policy | None = None
    left_out: tuple[str, ...] = ()
    """Controls that the policy switches off."""

    @property
    def numbers_of(self) -> Framework:
        """The framework whose numbers are shown: the chosen one, else the newest CIS."""
        return self.benchmark or newest_cis()

    @property
    def waivers(self) -> tuple[Waiver, ...]:
        """The waivers of the policy."""
        return self.policy.waivers if self.policy else ()

    @property
    def controls(self) -> tuple[str, ...]:
        """The ids of the controls that are judged, without duplicates."""
        return tuple(dict.fromkeys(check.control.id for check in self.checks))

    @property
    def positions(self) -> dict[tuple[str, str | None], int]:
        """The position of each check by control and requirement, which identify a check in tables."""
        return {(check.control.id, check.requirement): number for number, check in enumerate(self.checks)}

    @property
    def repeated(self) -> tuple[int, ...]:
        """The positions of checks whose control is also judged with a stricter limit."""
        ids = [check.control.id for check in self.checks]
        return tuple(number for number, name in enumerate(ids) if name in ids[:number])

    @property
    def days_to_stricter(self) -> tuple[int, ...]:
        """For each check, how many days shorter the next stricter limit of the same control is.

        0 if the run judges no stricter limit, or if the control has no limit in days.
        """
        differences, last = [], dict[str, int]()
        for check in self.checks:
            days = check.limit_days or 0
            differences.append(days - last.get(check.control.id, days))
            last[check.control.id] = days
        return tuple(differences)

    @property
    def summed(self) -> tuple[int, ...]:
        """The positions of the checks that totals and rankings count, so that no failure counts twice.

        Left out are the `repeated` checks, and stricter readings of controls that are judged too.
        """
        return tuple(
            number
            for number, check in enumerate(self.checks)
            if check.control.stricter_than not in self.controls and number not in self.repeated
        )

    @property
    def not_summed(self) -> tuple[int, ...]:
        """The positions of the checks that are not `summed`."""
        return tuple(number for number in range(len(self.checks)) if number not in self.summed)

    def has_several_of(self, check: Check) -> bool:
        """Return whether other checks judge the same control."""
        return sum(other.control is check.control for other in self.checks) > 1

    @property
    def most_severe_first(self) -> list[int]:
        """The positions of the checks, most severe first; checks of one severity keep their order."""
        return sorted(range(len(self.checks)), key=lambda at: (self.checks[at].severity.code, at))

    def counting(self, fail_on: Severity) -> list[int]:
        """Return the positions of the checks of severity `fail_on` or above, without `repeated` ones."""
        severe = [number for number, check in enumerate(self.checks) if check.severity.code <= fail_on.code]
        return [number for number in severe if number not in self.repeated]

    @property
    def _has_all_defaults(self) -> bool:
        """Whether no framework was chosen, and every control is judged that is judged by default without a list."""
        defaults = (control for control in CONTROLS if control.by_default and control.stricter_than is None)
        default_ids = {control.id for control in defaults if control.needs is None}
        return self.benchmark is None and default_ids <= {*self.controls, *self.left_out}

    @property
    def lacking_a_list(self) -> tuple[Control, ...]:
        """The controls that are only not judged because they need a list that was not given (see `Control.needs`)."""
        controls = CONTROLS if self._has_all_defaults else ()
        others = (control for control in controls if control.id not in {*self.controls, *self.left_out})
        return tuple(control for control in others if control.needs is not None)

    @property
    def not_asked_for(self) -> tuple[str, ...]:
        """The ids of controls that are not judged because nobody asked for them.

        These are the stricter readings of controls that are judged. If all default controls are judged, these are also
        the controls that are not judged by default.
        """
        ids, has_all_defaults = self.controls, self._has_all_defaults
        if self.benchmark is not None:
            return ()
        return tuple(
            control.id
            for control in CONTROLS
            if control.id not in ids
            and control.id not in self.left_out
            and control.needs is None
            and (control.stricter_than in ids if control.by_default else has_all_defaults)
        )

    @property
    def changes(self) -> list[str]:
        """Descriptions of the parameters and severities that the policy or an option changed."""
        descriptions = [
            f"{check.control.id} {name} {check.parameters.get(name, check.severity)} ({who})"
            for check in self.checks
            for name, who in check.set_by.items()
            if who in NOT_FRAMEWORKS
        ]
        return list(dict.fromkeys(descriptions))

    def is_changed(self, check: Check) -> bool:
        """Return whether the policy or an option changed a limit of a check."""
        return any(who in NOT_FRAMEWORKS and name in check.parameters for name, who in check.set_by.items())

    @property
    def unused(self) -> Check | None:
        """The first check of `unused-credentials`, with the strictest limit; None if the run does not judge it."""
        return next((check for check in self.checks if check.control.id == UNUSED.id), None)

    @property
    def old_report_days(self) -> int:
        """From how many days before the reference date a report is old: the strictest limit of `unused-credentials`.

        The default of that control if the run does not judge it.
        """
        limit = None if self.unused is None else self.unused.limit_days
        return int(UNUSED.parameters["max_idle_days"].default) if limit is None else limit

    @property
    def unused_position(self) -> int:
        """The position of `unused` in `checks`; -1, which no check has, if the run does not judge it."""
        return -1 if self.unused is None else self.checks.index(self.unused)


def make_checklist(  # noqa: PLR0913 - one parameter an option
    *,
    benchmark: str | Sequence[str] | Framework | None = None,
    controls: Sequence[str] = (),
    policy: Policy | None = None,
    max_idle_days: int | None = None,
    all_controls: bool = False,
    with_leavers: bool = False,
    option: str = "--control",
) -> Checklist:
    """Return the checklist: all controls, or those of `benchmark`, limited to `controls`.

    `benchmark` is a framework, its id, its file, or several ids and files. With several, each control is judged once
    for each different limit. `controls` are ids, or numbers in the framework (see `naming`); `option` is the option
    that errors about them name.

    Without a framework, two kinds of control are judged only if `controls` or the policy names them, or with
    `all_controls`: stricter readings of other controls, and controls that are not judged by default. The policy can
    switch off controls that `controls` does not name. With `with_leavers` (a list of leavers is given),
    `leaver-credentials` is judged too, also if the framework does not name it; without the list it is never judged.

    A parameter comes from `max_idle_days`, else from the policy, else from the framework, else from the control. Raises
    UsageError for unknown ids, for a control that the framework does not have or that needs a list of leavers, and if
    nothing is left to judge.
    """
    chosen_benchmark = _chosen(benchmark)
    _refuse_two_choices(all_controls=all_controls, control=bool(controls), benchmark=bool(chosen_benchmark))
    if not with_leavers:
        _refuse_without_list(controls, option)
    candidates = _demands(chosen_benchmark, with_leavers=with_leavers)
    chosen = demands_named(controls, candidates, chosen_benchmark, option)
    checks, left_out = [], []
    for demand in candidates:
        control = BY_ID[demand.control]
        if chosen and demand not in chosen:
            continue
        if not chosen and policy and not policy.enabled(control.id):
            left_out.append(control.id)
            continue
        is_asked_for = chosen or chosen_benchmark or all_controls or (policy and policy.asks_for(control.id))
        if is_asked_for or (control.by_default and control.stricter_than is None):
            checks.append(_choose(demand, policy, max_idle_days))
    _require_something(checks, max_idle_days)
    return Checklist(
        _each_limit_once(checks, chosen_benchmark or newest_cis()),
        chosen_benchmark,
        policy,
        tuple(dict.fromkeys(left_out)),
    )


def _require_something(checks: Sequence[Check], max_idle_days: int | None) -> None:
    """Raise UsageError if there is nothing to judge, or if no check has the limit that `--max-idle-days` sets."""
    if max_idle_days is not None and not any("max_idle_days" in check.parameters for check in checks):
        raise UsageError(
            "--max-idle-days: no chosen control has this limit", "leave the option out, or choose unused-credentials"
        )
    if not checks:
        raise UsageError("the policy switches every control off", "enable one in it, or choose one with --control")


def _each_limit_once(checks: Sequence[Check], benchmark: Framework) -> tuple[Check, ...]:
    """Return the checks, merging checks of one control that options or the policy gave the same limits."""
    numbers = [requirement.number for requirement in benchmark.requirements]
    merged: dict[tuple[str, tuple[tuple[str, Value], ...]], Check] = {}
    for check in checks:
        key = check.control.id, tuple(check.parameters.items())
        if key in merged:
            numbers_of_both = sorted({*merged[key].requirements, *check.requirements}, key=numbers.index)
            merged[key] = replace(merged[key], requirement=numbers_of_both[0], requirements=tuple(numbers_of_both))
        else:
            merged[key] = check
    return tuple(merged.values())


def _refuse_two_choices(*, all_controls: bool, **others: bool) -> None:
    for name, is_given in others.items():
        if all_controls and is_given:
            raise UsageError(f"--all-controls and --{name} cannot be used together", "leave one of them out")


def _chosen(benchmark: str | Sequence[str] | Framework | None) -> Framework | None:
    """Return the chosen framework; several are combined into one."""
    if benchmark is None or isinstance(benchmark, Framework):
        return benchmark
    names = [benchmark] if isinstance(benchmark, str) else benchmark
    return together([_benchmark(name) for name in names]) if names else None


def _benchmark(benchmark: str) -> Framework:
    """Return the framework with an id, or the framework in a TOML file."""
    if benchmark.endswith(".toml"):
        from analyzer.controls.frameworks.reading import read_framework  # noqa: PLC0415 - few runs need it

        return read_framework(Path(benchmark))
    version = re.fullmatch(r"cis-(\d+)(?:\..*)?", benchmark.strip().lower())
    newest = newest_cis()
    if version and int(version[1]) > int(newest.version.partition(".")[0]):
        raise UsageError(
            f"--benchmark: {benchmark} is not known: the newest known version of CIS is {newest.id}",
            "choose that version, or give the newer version as your own file: --benchmark FILE.toml",
        )
    return FRAMEWORKS[checked_choice("--benchmark", benchmark, FRAMEWORKS)]


def _refuse_without_list(controls: Sequence[str], option: str) -> None:
    """Raise UsageError for a control that needs a list of leavers, when none is given."""
    for name in (control.strip().lower() for control in controls):
        needs = BY_ID[name].needs if name in BY_ID else None
        if needs is not None:
            raise UsageError(
                f"{option}: {name} is judged only with {needs} FILE", f"add {needs} FILE to credreport audit"
            )


def _demands(benchmark: Framework | None, *, with_leavers: bool) -> list[Demand]:
    """Return the controls to judge, in the order of the catalogue; without a framework, each control once.

    Controls that need a list of leavers are included only `with_leavers`, and then with any framework.
    """
    candidates = [] if benchmark is None else list(benchmark.demands)
    present, numbers_of = {demand.control for demand in candidates}, (benchmark or newest_cis()).numbers_of
    candidates += [
        Demand(control.id, {}, tuple(numbers_of(control.id)))
        for control in CONTROLS
        if control.id not in present and (benchmark is None or control.needs)
    ]
    candidates.sort(key=lambda demand: list(BY_ID).index(demand.control))
    judged = [demand for demand in candidates if with_leavers or BY_ID[demand.control].needs is None]
    if not judged:
        raise UsageError("the controls of the framework are judged only with --leavers FILE", "add --leavers FILE")
    return judged


def _choose(demand: Demand, policy: Policy | None, max_idle_days: int | None) -> Check:
    control = BY_ID[demand.control]
    parameters = {name: parameter.default for name, parameter in control.parameters.items()}
    set_by: dict[str, str] = {}
    layers: list[tuple[str, Mapping[str, Value]]] = [
        (demand.who, demand.parameters),
        (POLICY, policy.parameters(control.id) if policy else {}),
        (MAX_IDLE_DAYS, {"max_idle_days": max_idle_days} if max_idle_days is not None else {}),
    ]
    for who, values in layers:
        for name, value in values.items():
            if name in parameters:
                parameters[name] = value
                set_by[name] = who
    severity = policy.severity(control.id) if policy else None
    if severity is not None:
        set_by["severity"] = POLICY
    number = next(iter(demand.numbers), None)
    return Check(control, number, severity or control.severity, parameters, set_by, demand.numbers)
