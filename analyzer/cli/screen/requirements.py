"""What audit prints by requirement, if a framework was chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from analyzer.cli.screen.common import STYLES, print_line, print_note
from analyzer.controls.vocabulary import REQUIREMENT_STATUS_IN_WORDS, RequirementStatus, Status, counted
from analyzer.errors import printable

if TYPE_CHECKING:
    from rich.console import Console

    from analyzer.evidence.summary import Summary

_STATUS_STYLES: Final = {
    RequirementStatus.FAIL: STYLES[Status.FAIL],
    RequirementStatus.NOT_CHECKED: STYLES[Status.NOT_CHECKED],
    RequirementStatus.MANUAL: STYLES[Status.NOT_CHECKED],
    RequirementStatus.PASS: STYLES[Status.PASS],
}
_OPEN: Final = (RequirementStatus.FAIL, RequirementStatus.NOT_CHECKED, RequirementStatus.MANUAL)
"""The statuses of a requirement that is not met."""


def show_requirements(console: Console, audit: Summary, most: int, *, in_full: bool) -> None:
    """Print the result of up to `most` requirements.

    Unless `in_full`, requirements that are met in all accounts are only named.
    """
    console.print()
    print_line(console, f"By requirement of {audit.checklist.numbers_of.label}", "bold")
    several = len(audit.accounts) > 1
    is_met = [not any(map(requirement.accounts, _OPEN)) for requirement in audit.requirements]
    shown = [requirement for requirement, holds in zip(audit.requirements, is_met, strict=True) if in_full or not holds]
    width = max((len(requirement.number) for requirement in shown[:most]), default=0)
    for requirement in shown[:most]:
        counts = {status: requirement.accounts(status) for status in RequirementStatus if requirement.accounts(status)}
        words = [
            f"{REQUIREMENT_STATUS_IN_WORDS[status]}{f' in {count:,}' if several else ''}"
            for status, count in counts.items()
        ]
        if several:
            words[0] += " account" if next(iter(counts.values())) == 1 else " accounts"
        text = Text(f"  {requirement.number:{width}}  {printable(requirement.requirement.title)}: ")
        text.append(", ".join(words), style=_STATUS_STYLES.get(next(iter(counts)), ""))
        text.append(requirement.requirement.mark)
        if waived := int(requirement.waived.sum()):
            text.append(f" ({waived:,} waived)")
        print_line(console, text, hang=width + 4)
    hidden_count = len(shown) - most
    if hidden_count > 0:
        print_note(console, f"and {counted(hidden_count, 'more requirement')}: see requirements.parquet")
    if not in_full:
        met_requirements = [requirement for requirement, holds in zip(audit.requirements, is_met, strict=True) if holds]
        passing = [
            requirement.number
            for requirement in met_requirements
            if requirement.accounts(RequirementStatus.PASS) or requirement.accounts(RequirementStatus.PASS_PARTLY)
        ]
        nothing = [requirement.number for requirement in met_requirements if requirement.number not in passing]
        for heading, numbers in (
            ("Pass wherever they apply, as far as a report shows", passing),
            ("Nothing to judge in any account", nothing),
        ):
            if numbers:
                print_note(console, f"{heading}: {', '.join(numbers)}.")
