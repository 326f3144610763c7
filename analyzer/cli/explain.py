"""Texts about the catalogue: the list of controls, one control in full, and the table of the README."""

from __future__ import annotations

import json
import shutil
import textwrap
from typing import TYPE_CHECKING, Any, Final

from analyzer.controls.catalog import BY_ID
from analyzer.controls.checklist import make_checklist
from analyzer.controls.frameworks import FRAMEWORKS, RELATED_IN_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from analyzer.controls.checklist import Check, Checklist
    from analyzer.controls.control import Control, Value
    from analyzer.controls.frameworks import Framework, Requirement

_WIDEST: Final = 120
_LABEL: Final = 14
_EXPLAIN_ONE: Final = "Explain a control: credreport controls ID"


def list_all(checklist: Checklist) -> str:
    """Return the controls of a checklist as a table, or the requirements of its frameworks if it has any."""
    if checklist.benchmark:
        each = ["\n".join(_requirements(one)) for one in checklist.benchmark.each]
        return "\n\n".join([*each, _EXPLAIN_ONE])
    rows = [[one.control.id, one.requirement or "-", one.severity.value, one.title] for one in checklist.checks]
    lines = [f"All {len(checklist.checks)} controls", ""]
    lines += [*_aligned(["control", checklist.numbers_of.heading, "severity", "title"], rows), ""]
    asked_for = "judged only with --all-controls or --control, or if a framework or a policy names them"
    controls = [one.control for one in checklist.checks]
    if stricter := [f"{one.id} (of {one.stricter_than})" for one in controls if one.stricter_than]:
        lines += _wrapped(f"Stricter readings of other controls, {asked_for}: {'; '.join(stricter)}.", "")
    if others := [one.id for one in controls if not one.by_default]:
        lines += _wrapped(f"Also {asked_for}: {', '.join(others)}.", "")
    if needing := [f"{one.id} ({one.needs} FILE)" for one in controls if one.needs]:
        lines += _wrapped(f"Judged only with a list: {', '.join(needing)}.", "")
    lines += [f"List the {len(FRAMEWORKS)} frameworks for --benchmark: credreport controls --benchmarks"]
    return "\n".join([*lines, _EXPLAIN_ONE])


def list_frameworks() -> str:
    """Return all frameworks as a table."""
    rows = [[one.id, one.version, str(len(one.requirements)), one.title] for one in FRAMEWORKS.values()]
    lines = _aligned(["framework", "version", "requirements", "title"], rows)
    said = (
        "The numbers count the requirements that a credential report can decide, fully or in part. List them: "
        "credreport controls --benchmark ID. A framework of your own: --benchmark FILE.toml"
    )
    return "\n".join([*lines, "", *_wrapped(said, "")])


def frameworks_as_json() -> str:
    """Return all frameworks as JSON."""
    rows = [
        {
            "id": one.id,
            "title": one.title,
            "version": one.version,
            "publisher": one.publisher,
            "requirements": [row.number for row in one.requirements],
        }
        for one in FRAMEWORKS.values()
    ]
    return json.dumps(rows, indent=2)


def _framework(framework: Framework) -> dict[str, Any]:
    """Return a framework with all its requirements as plain data."""
    head = {name: getattr(framework, name) for name in ("id", "title", "version", "publisher", "note")}
    rows = [
        {
            "number": one.number,
            "title": one.title,
            "controls": [{"control": control, "parameters": _parameters_of(control, one)} for control in one.controls],
            "level": one.level,
            "assessment": one.assessment,
            "partly": one.is_partly,
            "related": one.is_related,
            "note": one.note,
            "source": one.source,
        }
        for one in framework.requirements
    ]
    return head | {"requirements": rows}


def _requirements(framework: Framework) -> list[str]:
    """Return a framework as lines: its requirements, and notes on those that a report decides only in part."""
    rows = framework.requirements
    columns = {
        framework.label: [one.number for one in rows],
        "level": [f"level {one.level}" if one.level else "" for one in rows],
        "assessment": [one.assessment or "" for one in rows],
        "decided": ["partly" if one.is_partly else "yes" for one in rows],
        "requirement: controls": [f"{one.title}: {_decided_by(one)}{one.mark}" for one in rows],
    }
    columns = {name: [cell or "-" for cell in cells] for name, cells in columns.items() if any(cells)}
    lines = [framework.title, "", *_aligned(list(columns), list(zip(*columns.values(), strict=True))), ""]
    if any(one.is_partly for one in framework.requirements):
        lines += _wrapped(
            "Partly: a credential report shows only a part of what is required. A person has to check the rest.", ""
        )
    lines += _wrapped(RELATED_IN_WORDS, "") if any(one.is_related for one in framework.requirements) else []
    notes: dict[str, list[str]] = {}
    for one in framework.requirements:
        if one.note:
            notes.setdefault(one.note, []).append(one.number)
    for note, numbers in notes.items():
        lines += _wrapped(note, f"{', '.join(numbers)}: ")
    return [
        *lines,
        *_wrapped(f"A credential report shows nothing about the other requirements of {framework.label}.", ""),
    ]


def _decided_by(one: Requirement) -> str:
    """Return the controls that decide a requirement, with the limits that it sets."""
    return ", ".join(
        f"{control}{f' ({limits})' if limits else ''}"
        for control in one.controls
        for limits in [_limits(_parameters_of(control, one))]
    )


def _parameters_of(control: str, one: Requirement) -> dict[str, Value]:
    """Return the parameters of a control that a requirement sets."""
    return {name: value for name, value in one.parameters.items() if name in BY_ID[control].parameters}


def _limits(parameters: Mapping[str, Value]) -> str:
    return ", ".join(f"{name} {value}" for name, value in parameters.items())


def explain(checklist: Checklist) -> str:
    """Return everything about a control; the checklist has only the checks of this control."""
    blocks = [line for one in checklist.checks for line in [*_explained(one, checklist), ""]]
    return "\n".join(blocks).rstrip("\n")


def _explained(one: Check, checklist: Checklist) -> list[str]:
    control = one.control
    number = f" ({checklist.numbers_of.heading}: {one.requirement})" if one.requirement else ""
    limits = [
        f"{name} = {one.parameters[name]}: {parameter.meaning}" for name, parameter in control.parameters.items()
    ] or ["none"]
    parts: list[tuple[str, Iterable[str]]] = [
        ("severity", [one.severity.value]),
        ("stricter than", [control.stricter_than] if control.stricter_than else []),
        ("needs", [f"{control.needs} FILE"] if control.needs else []),
        ("applies to", [control.applies_to]),
        ("fails when", [one.say(control.fails_when)]),
        ("limits", limits),
        ("evidence", [", ".join(control.evidence)]),
        ("caveats", [one.say(text) for text in control.caveats]),
        ("why", [control.rationale]),
        ("remediation", [control.remediation]),
        ("mapping", mapping(control)),
        ("references", control.references),
    ]
    lines = [*_wrapped(f"{control.id}{number}: {one.title}", ""), ""]
    for label, texts in parts:
        for position, text in enumerate(texts):
            lines += _wrapped(text, f"  {label if position == 0 else '':{_LABEL}}")
    return lines


def mapping(control: Control) -> list[str]:
    """Return which frameworks require a control: `CIS 1.4 to CIS 4.0.1: 1.12`, with the limits that they set."""
    spans: list[tuple[str, str, str]] = []
    for benchmark in FRAMEWORKS.values():
        for asked in benchmark.asked:
            if asked.control != control.id:
                continue
            limits = _limits(asked.parameters)
            said = f"{', '.join(asked.numbers)}{f' ({limits})' if limits else ''}"
            # Only the versions of the CIS benchmark follow one another.
            if spans and spans[-1][2] == said and benchmark.id.startswith("cis-"):
                spans[-1] = (spans[-1][0], benchmark.label, said)
            else:
                spans.append((benchmark.label, benchmark.label, said))
    lines = [f"{first if first == last else f'{first} to {last}'}: {said}" for first, last, said in spans]
    return lines or ["no framework requires this control"]


def list_as_json(checklist: Checklist) -> str:
    """Return the same as `list_all` as JSON: an object for one framework, a list for several."""
    if checklist.benchmark is None:
        return as_json(checklist)
    every = [_framework(one) for one in checklist.benchmark.each]
    return json.dumps(every if len(every) > 1 else every[0], indent=2)


def as_json(checklist: Checklist) -> str:
    """Return the controls of a checklist as JSON, each in full."""
    return json.dumps([_plain(check) for check in checklist.checks], indent=2)


def _plain(one: Check) -> dict[str, Any]:
    control = one.control
    return {
        "id": control.id,
        "title": one.title,
        "requirement": one.requirement,
        "severity": one.severity.value,
        "stricter_than": control.stricter_than,
        "needs": control.needs,
        "applies_to": control.applies_to,
        "fails_when": one.say(control.fails_when),
        "parameters": dict(one.parameters),
        "evidence": list(control.evidence),
        "caveats": [one.say(text) for text in control.caveats],
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
    for one in make_checklist(all_controls=True, with_leavers=True).checks:
        numbers = [", ".join(FRAMEWORKS[name].numbers_of(one.control.id)) or "-" for name in shown]
        rows.append([f"`{one.control.id}`", one.say(one.control.fails_when), *numbers])
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
