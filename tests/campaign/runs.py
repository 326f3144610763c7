"""Runs of a campaign: some hundred mutated reports judged together, and other files read beside them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tests.campaign import limits
from tests.campaign.cases import draw_case
from tests.campaign.checking import Failure, Tally, check
from tests.campaign.lists import draw_list, wrong_with_list
from tests.campaign.rendering import check_rendered
from tests.campaign.shrinking import shrunk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.campaign.cases import Case

TOGETHER: Final = 250
"""Reports that are judged in one run."""
LISTS: Final = 100
"""Other files that are read beside each of these runs."""
_RENDERED: Final = 20
"""Every so many runs are made whole, with all formats, which takes some four seconds."""


@dataclass
class Ran:
    """The results of some runs: `files` are those that show failures, by name."""

    tally: Tally = field(default_factory=Counter)
    failures: list[tuple[Failure, str]] = field(default_factory=list)
    """Each with the command that repeats it."""
    files: dict[str, bytes] = field(default_factory=dict)
    megabytes: int = 0

    @property
    def tried(self) -> int:
        return sum(count for (by, _, _), count in self.tally.items() if by == "container")

    def add(self, ran: Ran) -> None:
        self.tally.update(ran.tally)
        self.failures += ran.failures
        self.files |= ran.files
        self.megabytes = max(self.megabytes, ran.megabytes)


def run(seed: int, batch: int) -> Ran:
    """Judge the cases of a batch, and read the lists of it."""
    ran = Ran()
    run_cases(ran, seed, range(batch * TOGETHER, (batch + 1) * TOGETHER), rendered=batch % _RENDERED == 0)
    for number in range(batch * LISTS, (batch + 1) * LISTS):
        run_list(ran, seed, number)
    ran.megabytes = limits.peak()
    limits.free_memory()
    return ran


def run_cases(ran: Ran, seed: int, numbers: Sequence[int], *, rendered: bool = True) -> None:
    """Judge cases by number; `rendered` says whether every format is made of them as well."""
    cases = [draw_case(seed, number) for number in numbers]
    by_number = {case.number: case for case in cases}
    for failure in check(cases, ran.tally):
        some = [by_number[number] for number in failure.numbers]
        # A failure that needs several cases is looked for in all of them.
        alone = any(repeated.kind == failure.kind for repeated in check(some))
        _keep_failure(ran, seed, failure, shrunk(some if alone else cases, failure, check))
    if rendered:
        for failure in check_rendered(cases):
            _keep_failure(ran, seed, failure, shrunk(cases, failure, check_rendered))


def _keep_failure(ran: Ran, seed: int, failure: Failure, few: Sequence[Case]) -> None:
    command = f"python -m tests.campaign --seed {seed} --only {','.join(str(case.number) for case in few)}"
    ran.failures.append((failure, command))
    ran.files |= {f"seed-{seed}-{case.name}": case.data for case in few}


def run_list(ran: Ran, seed: int, number: int) -> None:
    """Read another file by number."""
    kind, mutation, data = draw_list(seed, number)
    wrong = wrong_with_list(kind, data)
    ran.tally["list", kind, "wrong" if wrong else "tried"] += 1
    for description in wrong:
        command = f"python -m tests.campaign --seed {seed} --only-list {number}"
        ran.failures.append((Failure((number,), f"{kind}, {mutation}: {description}"), command))
        ran.files[f"seed-{seed}-list-{number}"] = data
