"""Where batches run: in threads of this process."""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

Item = TypeVar("Item")
Result = TypeVar("Result")


def local(task: Callable[[Item], Result], items: Iterable[Item], workers: int | None = None) -> Iterator[Result]:
    """Yield what `task` makes of each item, in their order; no more items are in work than there are workers."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - only long runs need it

    count = workers or _processors()
    running: deque[Future[Result]] = deque()
    threads = ThreadPoolExecutor(count)
    try:
        for item in items:
            running.append(threads.submit(task, item))
            if len(running) > count:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        threads.shutdown(cancel_futures=True)


def _processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
