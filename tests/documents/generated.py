"""The regions of documents that are generated from the program: topics, controls, frameworks, commands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from analyzer.cli import explain
from analyzer.cli.main import app
from analyzer.controls.checklist import make_checklist
from analyzer.controls.frameworks import FRAMEWORKS
from analyzer.rendering import manual
from tests.documents.printing import printed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_NUMBERS: Final = ("cis-1.2", "cis-4.0.1", "cis-5.0", "cis-6.0", "cis-7.0", "security-hub")
"""The frameworks whose numbers the table of controls shows."""


def commands() -> list[str]:
    """Return the names of all commands."""
    return [str(command.name) for command in app.registered_commands]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _topics() -> str:
    rows = [[f"[{topic}](analyzer/manual/{topic}.md)", about] for topic, about in manual.TOPICS.items()]
    return _table(["topic", "what it is about"], rows)


def _facts() -> list[dict[str, Any]]:
    facts: list[dict[str, Any]] = json.loads(explain.as_json(make_checklist(all_controls=True, with_leavers=True)))
    return facts


def _controls() -> str:
    rows = [
        [
            f"[`{control['id']}`](#{control['id']})",
            control["fails_when"],
            *(", ".join(control["mapping"].get(name, [])) or "-" for name in _NUMBERS),
        ]
        for control in _facts()
    ]
    return _table(["control", "fails when", *(FRAMEWORKS[name].label for name in _NUMBERS)], rows)


def _explained() -> str:
    return "\n".join(_in_full(control) for control in _facts())


def _in_full(control: Mapping[str, Any]) -> str:
    limits = ", ".join(f"`{name}` = {value}" for name, value in control["parameters"].items())
    requirements = "".join(
        f"\n  - {FRAMEWORKS[name].label}: {', '.join(numbers)}" for name, numbers in control["mapping"].items()
    )
    rows = {
        "severity": control["severity"],
        "applies to": control["applies_to"],
        "fails when": control["fails_when"],
        "limits": limits,
        "columns": ", ".join(f"`{column}`" for column in control["evidence"]),
        "caveats": " ".join(control["caveats"]),
        "why": control["rationale"],
        "remediation": control["remediation"],
        "frameworks": requirements,
        "references": " ".join(f"<{link}>" for link in control["references"]),
    }
    lines = "".join(f"- **{label}**: {text}".replace(": \n", ":\n") + "\n" for label, text in rows.items() if text)
    return f"### {control['id']}\n\n{control['title']}.\n\n{lines}"


def _frameworks() -> str:
    rows = [
        [f"`{framework.id}`", framework.title, framework.publisher, str(len(framework.requirements))]
        for framework in FRAMEWORKS.values()
    ]
    return _table(["id", "framework", "publisher", "requirements"], rows)


def _commands() -> str:
    helps = [f"credreport {name} --help" for name in commands()]
    sections = [
        f"## {name}\n\n```console\n$ {command}\n{printed(command)}```\n"
        for name, command in zip(commands(), helps, strict=True)
    ]
    return "\n".join(sections)


REGIONS: Final[Mapping[str, Callable[[], str]]] = {
    "topics": _topics,
    "controls": _controls,
    "explained": _explained,
    "frameworks": _frameworks,
    "commands": _commands,
}
"""What makes the text of each region, by its name."""
