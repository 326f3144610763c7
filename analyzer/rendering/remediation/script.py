"""Makes the script: `remediate_head.sh`, which has all logic, followed by a line for each item."""

from __future__ import annotations

import shlex
from collections import Counter
from importlib.resources import files
from typing import TYPE_CHECKING

from analyzer.controls.vocabulary import counted
from analyzer.evidence.answer import reference
from analyzer.rendering.remediation.tasks import ACTIONS, is_unused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.evidence.summary import Summary
    from analyzer.rendering.remediation.tasks import Task


class Script:
    """A script that is built task by task; the tasks of an account must follow one another."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}
        """The lines of each account."""
        self._counts: dict[str, Counter[str]] = {}
        """The number of items of each account, by action."""

    def add(self, task: Task) -> None:
        """Add the item of a task, if it has one."""
        if not task.call:
            return
        account = task.facts["account_id"]
        self._counts.setdefault(account, Counter()).update([task.call[0]])
        self._lines.setdefault(account, []).extend(
            ["", *(f"# {_printable(text)}" for text in _comments(task)), shlex.join(task.call)]
        )

    def text(self, summary: Summary) -> str:
        """Return the whole script."""
        head = files(__package__).joinpath("remediate_head.sh").read_text(encoding="utf-8").removesuffix("\n")
        count = sum(counts.total() for counts in self._counts.values())
        lines = [head, f"# {reference(summary)}. {counted(count, 'item')}."]
        for account, items in self._lines.items():
            lines += ["", "", f"# ==== Account {account}: {_in_words(self._counts[account])} ====", *items]
        return "\n".join([*lines, "", "", "finish", ""])


def _in_words(counts: Counter[str]) -> str:
    return ", ".join(
        f"{counted(counts[name], action.noun)} {action.to_do}" for name, action in ACTIONS.items() if counts[name]
    )


def _comments(task: Task) -> Iterator[str]:
    """Yield the comments of an item: the user with its place in the report, and each reason with its controls."""
    facts = task.facts
    yield f"{facts['arn'] or facts['user']} ({facts['source']}:{facts['line']})"
    why = [fact for fact in task.findings if is_unused(fact)]
    for message in dict.fromkeys(fact["message"] for fact in why):
        controls = dict.fromkeys(fact["control"] for fact in why if fact["message"] == message)
        yield f"{message} ({', '.join(controls)})"


def _printable(text: str) -> str:
    """Return a text for a comment, with `?` for each character that is not printable, such as a line break."""
    return text if text.isprintable() else "".join(sign if sign.isprintable() else "?" for sign in text)
