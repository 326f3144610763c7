"""The catalogue in words: the list of controls, one of them in full, and the README's table."""

from __future__ import annotations

import json
import shutil
import textwrap
from typing import TYPE_CHECKING, Any, Final

from analyzer.controls.checklist import make_checklist
from analyzer.controls.frameworks import BENCHMARKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from analyzer.controls.checklist import Check, Checklist
    from analyzer.controls.control import Control

_WIDEST: Final = 120
_LABEL: Final = 14


def list_all(checklist: Checklist) -> str:
    """Return the controls of a checklist as a table, and the benchmarks there are."""
    rows = [[one.control.id, one.requirement or "-", one.severity.value, one.title] for one in checklist.checks]
    lines = _aligned(["control", checklist.numbers_of.label, "severity", "what must hold"], rows)
    title = checklist.benchmark.title if checklist.benchmark else f"All {len(checklist.checks)} controls"
    lines = [title, "", *lines]
    if not checklist.benchmark:
        lines += ["", *_wrapped(f"Benchmarks (--benchmark): {', '.join(BENCHMARKS)}.", "")]
    if stricter := [one.control for one in checklist.checks if not checklist.benchmark and one.control.stricter_than]:
        said = "; ".join(f"{one.id} (of {one.stricter_than})" for one in stricter)
        lines += _wrapped(f"Stricter readings, judged where --all-controls, --control or a policy asks: {said}.", "")
    lines += ["Explain one: credreport controls ID"]
    return "\n".join(lines)


def explain(checklist: Checklist) -> str:
    """Return everything about the control of a checklist that was narrowed to one."""
    blocks = [line for one in checklist.checks for line in [*_explained(one, checklist), ""]]
    return "\n".join(blocks).rstrip("\n")


def _explained(one: Check, checklist: Checklist) -> list[str]:
    control = one.control
    number = f" ({checklist.numbers_of.label}: {one.requirement})" if one.requirement else ""
    limits = [
        f"{name} = {one.parameters[name]}: {parameter.meaning}" for name, parameter in control.parameters.items()
    ] or ["none"]
    parts: list[tuple[str, Iterable[str]]] = [
        ("severity", [one.severity.value]),
        ("stricter than", [control.stricter_than] if control.stricter_than else []),
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
    """Return where benchmarks ask for a control: `CIS 1.4 to CIS 4.0.1: 1.12`, with limits other than its own."""
    spans: list[tuple[str, str, str]] = []
    for benchmark in BENCHMARKS.values():
        for requirement in benchmark.requirements:
            if requirement.control != control.id:
                continue
            limits = ", ".join(f"{name} {value}" for name, value in requirement.parameters.items())
            said = f"{requirement.number}{f' ({limits})' if limits else ''}"
            # Versions of the CIS benchmark follow one another; others only stand side by side.
            if spans and spans[-1][2] == said and benchmark.label.startswith("CIS"):
                spans[-1] = (spans[-1][0], benchmark.label, said)
            else:
                spans.append((benchmark.label, benchmark.label, said))
    lines = [f"{first if first == last else f'{first} to {last}'}: {said}" for first, last, said in spans]
    return lines or ["no benchmark asks for it"]


def as_json(checklist: Checklist) -> str:
    """Return the controls of a checklist as JSON."""
    return json.dumps([_plain(one) for one in checklist.checks], indent=2)


def _plain(one: Check) -> dict[str, Any]:
    control = one.control
    return {
        "id": control.id,
        "title": one.title,
        "requirement": one.requirement,
        "severity": one.severity.value,
        "stricter_than": control.stricter_than,
        "applies_to": control.applies_to,
        "fails_when": one.say(control.fails_when),
        "parameters": dict(one.parameters),
        "evidence": list(control.evidence),
        "caveats": [one.say(text) for text in control.caveats],
        "rationale": control.rationale,
        "remediation": control.remediation,
        "mapping": {
            benchmark.id: [item.number for item in benchmark.requirements if item.control == control.id]
            for benchmark in BENCHMARKS.values()
            if benchmark.number_of(control.id)
        },
        "references": list(control.references),
    }


def markdown() -> str:
    """Return the README's table: every control, when it fails, and its numbers."""
    shown = ("cis-1.2", "cis-4.0.1", "cis-5.0", "cis-6.0", "cis-7.0", "security-hub")
    header = ["control", "fails when", *(BENCHMARKS[name].label for name in shown)]
    rows = [header, ["---"] * len(header)]
    for one in make_checklist(all_controls=True).checks:
        numbers = [
            ", ".join(item.number for item in BENCHMARKS[name].requirements if item.control == one.control.id) or "-"
            for name in shown
        ]
        rows.append([f"`{one.control.id}`", one.say(one.control.fails_when), *numbers])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def _aligned(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return lines with aligned columns; the last one is broken where the terminal ends."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header) - 1)]
    lines = []
    for row in [header, *rows]:
        start = "".join(f"{cell:{width}}  " for cell, width in zip(row, widths, strict=False))
        lines += _wrapped(row[-1], f"  {start}")
    return lines


def _wrapped(text: str, label: str) -> list[str]:
    """Return a text broken at the terminal's width: `label` before the first line, as much room before the others."""
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
