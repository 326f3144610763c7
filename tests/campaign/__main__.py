"""`python -m tests.campaign --minutes N`: mutate, judge, check, count; exit code 1 where something was found."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.campaign import limits
from tests.campaign.checking import OUTCOMES, Failure
from tests.campaign.runs import TOGETHER, Ran, run, run_cases, run_list

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_STUCK: Final = 20 * limits.SECONDS
"""Seconds by the clock after which a run that says nothing hangs where no limit of CPU time reaches it."""
_EVERY: Final = 20.0
"""Seconds between two lines of figures."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaign as the command line says, and return the exit code."""
    options = _parser().parse_args(arguments)
    ran = Ran()
    if options.only:
        run_cases(ran, options.seed, _numbers(options.only))
    elif options.only_list is not None:
        run_list(ran, options.seed, options.only_list)
    else:
        for part in _runs(options.seed, options.minutes, options.cases, options.workers):
            ran.add(part)
            _say_failures(part)
    if options.only or options.only_list is not None:
        _say_failures(ran)
    _keep(ran, Path(options.save))
    print("\n".join(_table(ran)))  # noqa: T201
    return 1 if ran.failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0, help="how long new runs are begun (default: 2)")
    parser.add_argument("--cases", type=int, help="how many reports, whatever time it takes, in the place of --minutes")
    parser.add_argument("--seed", type=int, default=1, help="another seed gives other cases (default: 1)")
    parser.add_argument("--workers", type=int, default=1, help="processes at once (default: 1)")
    parser.add_argument("--only", help="the cases to judge, by number: 7,12 or 500-749")
    parser.add_argument("--only-list", type=int, help="the number of the other file to read")
    parser.add_argument("--save", default="campaign-found", help="folder for the smallest inputs that fail")
    return parser


def _runs(seed: int, minutes: float, cases: int | None, workers: int) -> Iterator[Ran]:
    """Yield the results of runs, as they end."""
    started = reported = time.monotonic()
    last = None if cases is None else -(-cases // TOGETHER)
    batch, tried, failure_count = 0, 0, 0
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        running: dict[Future[Ran], int] = {}
        while True:
            while len(running) <= workers and (batch < last if last else time.monotonic() < started + 60 * minutes):
                running[pool.submit(run, seed, batch)] = batch
                batch += 1
            if not running:
                return
            done, _ = wait(running, timeout=_STUCK, return_when=FIRST_COMPLETED)
            try:
                ended = [future.result() for future in done]
            except BrokenExecutor:
                ended = []
            if not ended:
                for process in (pool._processes or {}).values():  # noqa: SLF001 - nothing public ends one that hangs
                    process.kill()
                yield _lost_process(seed, running.values())
                return
            running = {future: number for future, number in running.items() if future not in done}
            for ran in ended:
                tried, failure_count = tried + ran.tried, failure_count + len(ran.failures)
                yield ran
            if time.monotonic() - reported > _EVERY:
                reported = time.monotonic()
                print(f"{tried:,} reports in {reported - started:,.0f} s, {failure_count} failures", flush=True)  # noqa: T201


def _lost_process(seed: int, batches: Iterable[int]) -> Ran:
    """Return the failure of a process that hangs, or that the system ended: no Python error shows which case it was."""
    ran = Ran()
    for batch in batches:
        cases = f"{batch * TOGETHER}-{(batch + 1) * TOGETHER - 1}"
        failure = Failure((), f"a process hangs or was ended from outside, perhaps by cases {cases}; halve them")
        ran.failures.append((failure, f"python -m tests.campaign --seed {seed} --only {cases}"))
    return ran


def _numbers(text: str) -> list[int]:
    """Return the numbers that `--only` names: `7,12` or `500-749`."""
    ranges = [part.partition("-") for part in text.split(",")]
    return [number for first, _, last in ranges for number in range(int(first), int(last or first) + 1)]


def _say_failures(ran: Ran) -> None:
    for failure, command in ran.failures:
        print(f"FOUND {failure.description}\n  again: {command}", flush=True)  # noqa: T201


def _keep(ran: Ran, folder: Path) -> None:
    if ran.files:
        folder.mkdir(parents=True, exist_ok=True)
    for name, data in ran.files.items():
        (folder / name).write_bytes(data)


def _table(ran: Ran) -> Iterator[str]:
    """Yield the lines of the tables at the end."""
    for by in ("container", "mutation"):
        yield f"\n{by:<28}" + "".join(f"{name:>10}" for name in ("tried", *OUTCOMES))
        for name in sorted({name for kind, name, _ in ran.tally if kind == by}):
            counts = [ran.tally[by, name, outcome] for outcome in OUTCOMES]
            yield f"{name:<28}" + "".join(f"{count:>10,}" for count in (sum(counts), *counts))
    yield f"\n{'other files':<28}{'tried':>10}{'wrong':>10}"
    for name in sorted({name for kind, name, _ in ran.tally if kind == "list"}):
        wrong = ran.tally["list", name, "wrong"]
        yield f"{name:<28}{ran.tally['list', name, 'tried'] + wrong:>10,}{wrong:>10,}"
    yield f"\n{ran.tried:,} reports tried, peak memory {ran.megabytes:,} MB (limit {limits.MEGABYTES:,})"
    kinds = Counter(failure.kind for failure, _ in ran.failures)
    yield "nothing found" if not kinds else f"{len(ran.failures)} failures of {len(kinds)} kinds:"
    yield from (f"  {count:>6,}  {kind}" for kind, count in kinds.most_common())


if __name__ == "__main__":
    sys.exit(main())
