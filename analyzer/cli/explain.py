"""Texts about the catalogue: the list of controls, one control in full, and the table of the README."""

from __future__ import annotations

import json
import shutil
import textwrap
from typing import TYPE_CHECKING, Any, Final

from analyzer.controls.catalog import BY_ID
from analyzer.controls.checklist import make_checklist
from analyzer.controls.frameworks import FRAMEWORKS, RELATED_IN_WORDS
from analyzer.controls.vocabulary import span

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from analyzer.controls.checklist import Check, Checklist
    from analyzer.controls.control import Control, Value
    from analyzer.controls.frameworks import Framework, Requirement

_WIDEST: Final = 120
_LABEL: Final = 14
_HOW_TO_EXPLAIN: Final = "Explain a control: credreport controls ID"


def list_all(checklist: Checklist) -> str:
    """Return the controls of a checklist as a table, or the requirements of its frameworks if it has any."""
    if checklist.benchmark:
        frameworks = ["\n".join(_requirements(framework)) for framework in checklist.benchmark.each]
        return "\n\n".join([*frameworks, _HOW_TO_EXPLAIN])
    rows = [
        [check.control.id, check.requirement or "-", check.severity.value, check.title] for check in checklist.checks
    ]
    lines = [f"All {len(checklist.checks)} controls", ""]
    lines += [*_aligned(["control", checklist.numbers_of.heading, "severity", "title"], rows), ""]
    condition = "judged only with --all-controls or --control, or if a framework or a policy names them"
    controls = [check.control for check in checklist.checks]
    if stricter := [f"{control.id} (of {control.stricter_than})" for control in controls if control.stricter_than]:
        lines += _wrapped(f"Stricter readings of other controls, {condition}: {'; '.join(stricter)}.", "")
    if further_ids := [control.id for control in controls if not control.by_default]:
        lines += _wrapped(f"Also {condition}: {', '.join(further_ids)}.", "")
    if needing_lists := [f"{control.id} ({control.needs} FILE)" for control in controls if control.needs]:
        lines += _wrapped(f"Judged only with a list: {', '.join(needing_lists)}.", "")
    lines += [f"List the {len(FRAMEWORKS)} frameworks for --benchmark: credreport controls --benchmarks"]
    return "\n".join([*lines, _HOW_TO_EXPLAIN])


def list_frameworks() -> str:
    """Return all frameworks as a table."""
    rows = [
        [framework.id, framework.version, str(len(framework.requirements)), framework.title]
        for framework in FRAMEWORKS.values()
    ]
    lines = _aligned(["framework", "version", "requirements", "title"], rows)
    note = (
        "The numbers count the requirements that a credential report can decide, fully or in part. List them: "
        "credreport controls --benchmark ID. A framework of your own: --benchmark FILE.toml"
    )
    return "\n".join([*lines, "", *_wrapped(note, "")])


def frameworks_as_json() -> str:
    """Return all frameworks as JSON."""
    rows = [
        {
            "id": framework.id,
            "title": framework.title,
            "version": framework.version,
            "publisher": framework.publisher,
            "requirements": [row.number for row in framework.requirements],
        }
        for framework in FRAMEWORKS.values()
    ]
    return json.dumps(rows, indent=2)


def _framework(framework: Framework) -> dict[str, Any]:
    """Return a framework with all its requirements as plain data."""
    head = {name: getattr(framework, name) for name in ("id", "title", "version", "publisher", "note")}
    rows = [
        {
            "number": requirement.number,
            "title": requirement.title,
            "controls": [
                {"control": control, "parameters": _parameters_of(control, requirement)}
                for control in requirement.controls
            ],
            "level": requirement.level,
            "assessment": requirement.assessment,
            "partly": requirement.is_partly,
            "related": requirement.is_related,
            "note": requirement.note,
            "source": requirement.source,
        }
        for requirement in framework.requirements
    ]
    return head | {"requirements": rows}


def _requirements(framework: Framework) -> list[str]:
    """Return a framework as lines: its requirements, and notes on those that a report decides only in part."""
    rows = framework.requirements
    columns = {
        framework.label: [requirement.number for requirement in rows],
        "level": [f"level {requirement.level}" if requirement.level else "" for requirement in rows],
        "assessment": [requirement.assessment or "" for requirement in rows],
        "decided": ["partly" if requirement.is_partly else "yes" for requirement in rows],
        "requirement: controls": [
            f"{requirement.title}: {_decided_by(requirement)}{requirement.mark}" for requirement in rows
        ],
    }
    columns = {name: [cell or "-" for cell in cells] for name, cells in columns.items() if any(cells)}
    lines = [framework.title, "", *_aligned(list(columns), list(zip(*columns.values(), strict=True))), ""]
    if any(requirement.is_partly for requirement in framework.requirements):
        lines += _wrapped(
            "Partly: a credential report shows only a part of what is required. A person has to check the rest.", ""
        )
    lines += (
        _wrapped(RELATED_IN_WORDS, "") if any(requirement.is_related for requirement in framework.requirements) else []
    )
    notes: dict[str, list[str]] = {}
    for requirement in framework.requirements:
        if requirement.note:
            notes.setdefault(requirement.note, []).append(requirement.number)
    for note, numbers in notes.items():
        lines += _wrapped(note, f"{', '.join(numbers)}: ")
    return [
        *lines,
        *_wrapped(f"A credential report shows nothing about the other requirements of {framework.label}.", ""),
    ]


def _decided_by(requirement: Requirement) -> str:
    """Return the controls that decide a requirement, with the limits that it sets."""
    return ", ".join(
        f"{control}{f' ({limits})' if limits else ''}"
        for control in requirement.controls
        for limits in [_limits(_parameters_of(control, requirement))]
    )


def _parameters_of(control: str, requirement: Requirement) -> dict[str, Value]:
    """Return the parameters of a control that a requirement sets."""
    return {name: value for name, value in requirement.parameters.items() if name in BY_ID[control].parameters}


def _limits(parameters: Mapping[str, Value]) -> str:
    return ", ".join(f"{name} {value}" for name, value in parameters.items())


def explain(checklist: Checklist) -> str:
    """Return everything about a control; the checklist has only the checks of this control."""
    blocks = [line for check in checklist.checks for line in [*_explained(check, checklist), ""]]
    return "\n".join(blocks).rstrip("\n")


def _explained(check: Check, checklist: Checklist) -> list[str]:
    control = check.control
    number = f" ({checklist.numbers_of.heading}: {check.requirement})" if check.requirement else ""
    limits = [
        f"{name} = {check.parameters[name]}: {parameter.meaning}" for name, parameter in control.parameters.items()
    ] or ["none"]
    parts: list[tuple[str, Iterable[str]]] = [
        ("severity", [check.severity.value]),
        ("stricter than", [control.stricter_than] if control.stricter_than else []),
        ("needs", [f"{control.needs} FILE"] if control.needs else []),
        ("applies to", [control.applies_to]),
        ("fails when", [check.say(control.fails_when)]),
        ("limits", limits),
        ("evidence", [", ".join(control.evidence)]),
        ("caveats", [check.say(text) for text in control.caveats]),
        ("why", [control.rationale]),
        ("remediation", [control.remediation]),
        ("mapping", mapping(control)),
        ("references", control.references),
    ]
    lines = [*_wrapped(f"{control.id}{number}: {check.title}", ""), ""]
    for label, texts in parts:
        for position, text in enumerate(texts):
            lines += _wrapped(text, f"  {label if position == 0 else '':{_LABEL}}")
    return lines


def mapping(control: Control) -> list[str]:
    """Return which frameworks require a control: `CIS 1.4 to CIS 4.0.1: 1.12`, with the limits that they set."""
    spans: list[tuple[str, str, str]] = []
    for benchmark in FRAMEWORKS.values():
        for demand in benchmark.demands:
            if demand.control != control.id:
                continue
            limits = _limits(demand.parameters)
            text = f"{', '.join(demand.numbers)}{f' ({limits})' if limits else ''}"
            # Only the versions of the CIS benchmark follow one another.
            if spans and spans[-1][2] == text and benchmark.id.startswith("cis-"):
                spans[-1] = (spans[-1][0], benchmark.label, text)
            else:
                spans.append((benchmark.label, benchmark.label, text))
    lines = [f"{span(first, last)}: {text}" for first, last, text in spans]
    return lines or ["no framework requires this control"]


def list_as_json(checklist: Checklist) -> str:
    """Return the same as `list_all` as JSON: an object for one framework, a list for several."""
    if checklist.benchmark is None:
        return as_json(checklist)
    frameworks = [_framework(framework) for framework in checklist.benchmark.each]
    return json.dumps(frameworks if len(frameworks) > 1 else frameworks[0], indent=2)


def as_json(checklist: Checklist) -> str:
    """Return the controls of a checklist as JSON, each in full."""
    return json.dumps([_plain(check) for check in checklist.checks], indent=2)


def _plain(check: Check) -> dict[str, Any]:
    control = check.control
    return {
        "id": control.id,
        "title": check.title,
        "requirement": check.requirement,
        "severity": check.severity.value,
        "stricter_than": control.stricter_than,
        "needs": control.needs,
        "applies_to": control.applies_to,
        "fails_when": check.say(control.fails_when),
        "parameters": dict(check.parameters),
        "evidence": list(control.evidence),
        "caveats": [check.say(text) for text in control.caveats],
        "rationale": control.rationale,
        "remediation": control.remediation,
        "mapping": {
            benchmark.id: numbers for benchmark in FRAMEWORKS.values() if (numbers := benchmark.numbers_of(control.id))
        },
        "references": list(control.references),
    }


def markdown() -> str:
    """Return the table of the README: every control, when it fails, and its numbers in frameworks."""
    shown = ("cis-1.2", "cis-4.0.1", "cis-5.0", "cis-6.0", "cis-7.0", "security-hub")
    header = ["control", "fails when", *(FRAMEWORKS[name].label for name in shown)]
    rows = [header, ["---"] * len(header)]
    for check in make_checklist(all_controls=True, with_leavers=True).checks:
        numbers = [", ".join(FRAMEWORKS[name].numbers_of(check.control.id)) or "-" for name in shown]
        rows.append([f"`{check.control.id}`", check.say(check.control.fails_when), *numbers])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def _aligned(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return lines with aligned columns. The text of the last column is wrapped at the width of the terminal."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header) - 1)]
    lines = []
    for row in [header, *rows]:
        start = "".join(f"{cell:{width}}  " for cell, width in zip(row, widths, strict=False))
        lines += _wrapped(row[-1], f"  {start}")
    return lines


def _wrapped(text: str, label: str) -> list[str]:
    """Return a text wrapped at the width of the terminal: `label` before the first line, blanks before the others."""
    width = min(shutil.get_terminal_size((100, 24)).columns, _WIDEST)
    room = max(width, len(label) + 24)
    return textwrap.wrap(
        text,
        room,
        initial_indent=label,
        subsequent_indent=" " * len(label),
        break_long_words=False,
        break_on_hyphens=False,
    )
