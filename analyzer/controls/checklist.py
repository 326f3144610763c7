"""Which controls a run judges, by which benchmark, with which limits: options, policy and benchmark put together."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analyzer.controls.catalog import BY_ID, CONTROLS
from analyzer.controls.control import MAX_IDLE_DAYS, NOT_FRAMEWORKS, POLICY
from analyzer.controls.frameworks import FRAMEWORKS, Asked, Framework, newest_cis, together
from analyzer.controls.naming import named
from analyzer.errors import UsageError, known

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analyzer.controls.control import Control, Severity, Value
    from analyzer.controls.policy import Policy, Waiver

UNUSED: Final = BY_ID["unused-credentials"]
"""The control this program is about."""


@dataclass(frozen=True)
class Check:
    """A control as a run judges it."""

    control: Control
    requirement: str | None
    """Its first number in the benchmark; None where that (the newest CIS where none is chosen) has none."""
    severity: Severity
    parameters: Mapping[str, Value]
    set_by: Mapping[str, str] = field(default_factory=dict)
    """Who set a parameter, or the severity."""
    requirements: tuple[str, ...] = ()
    """All its numbers in the benchmark."""

    @property
    def limit_days(self) -> int | None:
        """The limit in days; None where the control has none."""
        return int(self.parameters[self.control.limit]) if self.control.limit else None

    @property
    def title(self) -> str:
        """The title with this run's limits."""
        return self.say(self.control.title)

    def say(self, text: str) -> str:
        """Return a text of the control with this run's limits in it."""
        return text.format(**self.parameters)


@dataclass(frozen=True)
class Checklist:
    """What a run judges: `checks` in the order of the catalogue."""

    checks: tuple[Check, ...]
    benchmark: Framework | None = None
    policy: Policy | None = None
    left_out: tuple[str, ...] = ()
    """Controls that the policy switches off."""

    @property
    def numbers_of(self) -> Framework:
        """The benchmark whose numbers are shown."""
        return self.benchmark or newest_cis()

    @property
    def waivers(self) -> tuple[Waiver, ...]:
        """The waivers of the policy."""
        return self.policy.waivers if self.policy else ()

    @property
    def controls(self) -> tuple[str, ...]:
        """The ids of the controls that are judged, each once."""
        return tuple(dict.fromkeys(one.control.id for one in self.checks))

    @property
    def positions(self) -> dict[tuple[str, str | None], int]:
        """The position of each check by its control and requirement, which name it in tables."""
        return {(one.control.id, one.requirement): number for number, one in enumerate(self.checks)}

    @property
    def repeated(self) -> tuple[int, ...]:
        """Positions of the checks of a control that is judged by a stricter limit as well."""
        ids = [one.control.id for one in self.checks]
        return tuple(number for number, name in enumerate(ids) if name in ids[:number])

    @property
    def days_to_stricter(self) -> tuple[int, ...]:
        """For each check by how many days the next stricter limit of its control, which is judged too, is sooner.

        0 where there is none, or where the control has no limit in days.
        """
        found, last = [], dict[str, int]()
        for one in self.checks:
            days = one.limit_days or 0
            found.append(days - last.get(one.control.id, days))
            last[one.control.id] = days
        return tuple(found)

    @property
    def summed(self) -> tuple[int, ...]:
        """Positions of the checks that sums and rankings count: none of them repeats what another one says.

        A stricter reading of a control that is judged as well is left out, and so is what is `repeated`.
        """
        return tuple(
            number
            for number, one in enumerate(self.checks)
            if one.control.stricter_than not in self.controls and number not in self.repeated
        )

    @property
    def not_summed(self) -> tuple[int, ...]:
        """Positions of the other checks: see `summed`."""
        return tuple(number for number in range(len(self.checks)) if number not in self.summed)

    def has_several_of(self, one: Check) -> bool:
        """Whether the control of a check is judged by other checks as well."""
        return sum(other.control is one.control for other in self.checks) > 1

    @property
    def most_severe_first(self) -> list[int]:
        """Positions of the checks, those of the most severe controls first; else in their order."""
        return sorted(range(len(self.checks)), key=lambda at: (self.checks[at].severity.code, at))

    def counting(self, fail_on: Severity) -> list[int]:
        """Return the positions of the checks that are as severe as `fail_on`, or more; none that is `repeated`."""
        severe = [number for number, one in enumerate(self.checks) if one.severity.code <= fail_on.code]
        return [number for number in severe if number not in self.repeated]

    @property
    def not_asked_for(self) -> tuple[str, ...]:
        """Controls that are not judged as nobody asked for them.

        They are stricter readings of controls that are judged, and, where all others are judged, those that are not
        judged by default.
        """
        ids = self.controls
        if self.benchmark is not None:
            return ()
        usual = {one.id for one in CONTROLS if one.by_default and one.stricter_than is None and one.needs is None}
        is_usual = usual <= {*ids, *self.left_out}
        return tuple(
            one.id
            for one in CONTROLS
            if one.id not in ids
            and one.id not in self.left_out
            and one.needs is None
            and (one.stricter_than in ids if one.by_default else is_usual)
        )

    @property
    def changes(self) -> list[str]:
        """In words, what options and policy set otherwise than the benchmark, or the control itself, has it."""
        found = [
            f"{one.control.id} {name} {one.parameters.get(name, one.severity)} ({who})"
            for one in self.checks
            for name, who in one.set_by.items()
            if who in NOT_FRAMEWORKS
        ]
        return list(dict.fromkeys(found))

    def is_changed(self, one: Check) -> bool:
        """Whether a control is judged by other limits than the benchmark's, or its own."""
        return any(who in NOT_FRAMEWORKS and name in one.parameters for name, who in one.set_by.items())

    @property
    def unused(self) -> Check | None:
        """`unused-credentials` as this run judges it, by its first limit; None where it does not."""
        return next((one for one in self.checks if one.control.id == UNUSED.id), None)


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
    """Return what to judge: all controls, or those of `benchmark`, narrowed to `controls`.

    `benchmark` may also be the id of one, or its file, or several of these: each control is then judged once for each
    distinct limit. `controls` are named by id, or by number in the benchmark (see `naming`); `option` is what errors
    say that names them.

    Without a benchmark, a control that is a stricter reading of another one, or is not judged by default, is judged
    where `controls` or the policy names it, or with `all_controls`. The policy may switch controls off that are not
    named in `controls`. `with_leavers` says that a list of leavers is given: `leaver-credentials` is then judged beside
    what else is, also where a benchmark does not name it; without the list it never is. A parameter is set by
    `max_idle_days`, else by the policy, else by the benchmark, else by the control. Raises UsageError for unknown ids,
    for a control that the benchmark does not have or whose list is not given, and where nothing is left to judge.
    """
    chosen_benchmark = _chosen(benchmark)
    _refuse_two_choices(all_controls=all_controls, control=bool(controls), benchmark=bool(chosen_benchmark))
    if not with_leavers:
        _refuse_without_list(controls, option)
    every = _asked(chosen_benchmark, with_leavers=with_leavers)
    some = named(controls, every, chosen_benchmark, option)
    checks, left_out = [], []
    for asked in every:
        control = BY_ID[asked.control]
        if some and asked not in some:
            continue
        if not some and policy and not policy.enabled(control.id):
            left_out.append(control.id)
            continue
        wanted = some or chosen_benchmark or all_controls or (policy and policy.asks_for(control.id))
        if wanted or (control.by_default and control.stricter_than is None):
            checks.append(_choose(asked, policy, max_idle_days))
    _require_something(checks, max_idle_days)
    return Checklist(
        _each_limit_once(checks, chosen_benchmark or newest_cis()),
        chosen_benchmark,
        policy,
        tuple(dict.fromkeys(left_out)),
    )


def _require_something(checks: Sequence[Check], max_idle_days: int | None) -> None:
    """Raise UsageError where nothing is left to judge, or nothing that has the limit which an option sets."""
    if max_idle_days is not None and not any("max_idle_days" in one.parameters for one in checks):
        raise UsageError(
            "--max-idle-days: no chosen control has this limit", "leave the option out, or choose unused-credentials"
        )
    if not checks:
        raise UsageError("the policy switches every control off", "enable one in it, or choose one with --control")


def _each_limit_once(checks: Sequence[Check], benchmark: Framework) -> tuple[Check, ...]:
    """Return checks, those of a control that options or the policy have given the same limits as one."""
    numbers = [one.number for one in benchmark.requirements]
    found: dict[tuple[str, tuple[tuple[str, Value], ...]], Check] = {}
    for one in checks:
        key = one.control.id, tuple(one.parameters.items())
        if key in found:
            both = sorted({*found[key].requirements, *one.requirements}, key=numbers.index)
            found[key] = replace(found[key], requirement=both[0], requirements=tuple(both))
        else:
            found[key] = one
    return tuple(found.values())


def _refuse_two_choices(*, all_controls: bool, **others: bool) -> None:
    for name, is_given in others.items():
        if all_controls and is_given:
            raise UsageError(f"--all-controls and --{name} cannot be used together", "leave one of them out")


def _chosen(benchmark: str | Sequence[str] | Framework | None) -> Framework | None:
    """Return the benchmark that is chosen; several as one."""
    if benchmark is None or isinstance(benchmark, Framework):
        return benchmark
    names = [benchmark] if isinstance(benchmark, str) else benchmark
    return together([_benchmark(name) for name in names]) if names else None


def _benchmark(benchmark: str) -> Framework:
    """Return the benchmark of an id, or that of a file."""
    if benchmark.endswith(".toml"):
        from analyzer.controls.frameworks.reading import read_framework  # noqa: PLC0415 - most have none of their own

        return read_framework(Path(benchmark))
    version = re.fullmatch(r"cis-(\d+)(?:\..*)?", benchmark.strip().lower())
    newest = newest_cis()
    if version and int(version[1]) > int(newest.version.partition(".")[0]):
        raise UsageError(
            f"--benchmark: {benchmark} is not known: the newest known version of CIS is {newest.id}",
            "choose that version, or give the newer version as your own file: --benchmark FILE.toml",
        )
    return FRAMEWORKS[known("--benchmark", benchmark, FRAMEWORKS)]


def _refuse_without_list(controls: Sequence[str], option: str) -> None:
    """Raise UsageError for a control that judges by a file which is not given."""
    for name in (one.strip().lower() for one in controls):
        needs = BY_ID[name].needs if name in BY_ID else None
        if needs is not None:
            raise UsageError(
                f"{option}: {name} is judged only with {needs} FILE", f"add {needs} FILE to credreport audit"
            )


def _asked(benchmark: Framework | None, *, with_leavers: bool) -> list[Asked]:
    """Return what to judge, in the order of the catalogue; without a benchmark, everything once.

    What needs a list is there only `with_leavers`, and then with any benchmark.
    """
    found = [] if benchmark is None else list(benchmark.asked)
    there, numbers_of = {one.control for one in found}, (benchmark or newest_cis()).numbers_of
    found += [
        Asked(one.id, {}, tuple(numbers_of(one.id)))
        for one in CONTROLS
        if one.id not in there and (benchmark is None or one.needs)
    ]
    found.sort(key=lambda one: list(BY_ID).index(one.control))
    judged = [one for one in found if with_leavers or BY_ID[one.control].needs is None]
    if not judged:
        raise UsageError("the controls of the framework are judged only with --leavers FILE", "add --leavers FILE")
    return judged


def _choose(asked: Asked, policy: Policy | None, max_idle_days: int | None) -> Check:
    control = BY_ID[asked.control]
    parameters = {name: parameter.default for name, parameter in control.parameters.items()}
    set_by: dict[str, str] = {}
    layers: list[tuple[str, Mapping[str, Value]]] = [
        (asked.who, asked.parameters),
        (POLICY, policy.parameters(control.id) if policy else {}),
        (MAX_IDLE_DAYS, {"max_idle_days": max_idle_days} if max_idle_days is not None else {}),
    ]
    for who, values in layers:
        for name, value in values.items():
            if name in parameters:
                parameters[name] = value
                set_by[name] = who
    own = policy.severity(control.id) if policy else None
    if own is not None:
        set_by["severity"] = POLICY
    number = next(iter(asked.numbers), None)
    return Check(control, number, own or control.severity, parameters, set_by, asked.numbers)
