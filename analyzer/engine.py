"""Where batches run: in threads of this process, or on a Dask cluster. Both map a task over items, in their order."""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
from collections import deque
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from analyzer import __version__
from analyzer.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future

    Map = Callable[[Callable[[Any], Any], Sequence[Any]], Iterator[Any]]
    """A task and items; what the task makes of each item, in their order."""

Item = TypeVar("Item")
Result = TypeVar("Result")

_PATIENCE: Final = 30
"""Seconds to wait for a scheduler, and for its first worker."""
_NO_PAGES: Final[dict[str, list[str]]] = {"distributed.scheduler.http.routes": [], "distributed.worker.http.routes": []}


class Progress(Protocol):
    """What shows how far a run is: its stages, one after the other."""

    def stage(self, name: str, total: int | None = None) -> None:
        """Begin a stage of so many steps; the one before is finished."""

    def advance(self, count: int = 1) -> None:
        """Count steps of the stage that were done."""


class _Silent:
    """Shows nothing."""

    def stage(self, name: str, total: int | None = None) -> None:
        pass

    def advance(self, count: int = 1) -> None:
        pass


SILENT: Final[Progress] = _Silent()


def settle() -> None:
    """Look for garbage from here on, but not among what there is now: modules, most of all, are none.

    The program begins without (see `cli.main`). Where another one calls this program's functions, nothing changes.
    """
    if not gc.isenabled() or gc.get_freeze_count():
        gc.freeze()
        gc.enable()


def local(task: Callable[[Item], Result], items: Iterable[Item], *, most: int | None = None) -> Iterator[Result]:
    """Yield what `task` makes of each item, in their order; not many more items are held than there are processors.

    `most` is the most that are worked on at a time, where items are large.
    """
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - only long runs need it

    count = min(processors(), most or processors())
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


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def dask(scheduler: str | None = None) -> Iterator[Map]:
    """Yield a function that does the same on the cluster at `scheduler` (tcp://host:8786), or on one of this machine.

    A worker that dies costs time: its tasks are done again elsewhere, so a task must be able to run twice. Errors of a
    task are raised as they are. The cluster of this machine listens on the loopback interface alone, without a
    dashboard. Raises EngineError where there is no scheduler or worker, or where workers cannot load this version.
    """
    try:
        from dask import config  # noqa: PLC0415 - an extra
        from distributed import Client, LocalCluster  # noqa: PLC0415
    except ImportError as error:
        raise EngineError(
            f"the engine dask is not installed: {error}", "install credreport with the extra [cluster]"
        ) from error

    at = scheduler or "this machine"
    with ExitStack() as stack:
        where: Any = scheduler
        if scheduler is None:
            stack.enter_context(config.set(_NO_PAGES))
            with _workers_do_not_hear_of_interrupts():
                where = stack.enter_context(
                    LocalCluster(  # type: ignore[no-untyped-call]
                        n_workers=processors(),
                        threads_per_worker=1,
                        host="127.0.0.1",
                        dashboard_address=None,
                        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # of what is left without a dashboard
                        memory_limit=None,
                        silence_logs=logging.CRITICAL,
                    )
                )
        try:
            client = stack.enter_context(
                Client(where, timeout=_PATIENCE, set_as_default=False)  # type: ignore[no-untyped-call]
            )
        except (OSError, ValueError) as error:
            raise EngineError(
                f"no Dask scheduler at {scheduler}: {error}",
                "check the address, as in tcp://host:8786, and the network",
            ) from error
        _check_workers(client, at)
        yield partial(_on_cluster, client, at)


def _on_cluster(
    client: Any,  # noqa: ANN401 - a distributed.Client, which may not be there
    at: str,
    task: Callable[[Item], Result],
    items: Sequence[Item],
) -> Iterator[Result]:
    """Yield what `task` makes of each item, in their order. Raises EngineError where workers or scheduler die of it."""
    from distributed import KilledWorker  # noqa: PLC0415 - an extra

    futures = client.map(task, list(items), pure=False)
    try:
        for future in futures:
            yield future.result()
    except KilledWorker as error:
        raise EngineError(
            f"workers died repeatedly on the same task: {error}",
            "read the logs of the workers; give each worker more memory or fewer threads",
        ) from error
    except CancelledError as error:
        raise EngineError(
            f"lost the connection to the scheduler at {at}: {error}", "check that it is running; run credreport again"
        ) from error
    finally:
        with suppress(Exception):  # where the scheduler has gone, there is nothing to cancel
            client.cancel(futures)


@contextmanager
def _workers_do_not_hear_of_interrupts() -> Iterator[None]:
    """Let processes start that a terminal's Ctrl-C does not reach: this one hears of it and ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # which processes inherit
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _check_workers(client: Any, where: str) -> None:  # noqa: ANN401 - a distributed.Client, which may not be there
    """Raise EngineError unless there are workers, and all of them have this version of the program."""
    try:
        client.wait_for_workers(1, timeout=_PATIENCE)
    except TimeoutError as error:
        raise EngineError(f"no worker at {where}", "start workers, or wait until they have started") from error
    try:
        versions = client.run(_version)
    except Exception as error:
        raise EngineError(
            f"the workers at {where} cannot load credreport: {error}",
            f"install credreport {__version__} with the extra [cluster] on every worker",
        ) from error
    others = sorted({version for version in versions.values() if version != __version__})
    if others:
        raise EngineError(
            f"workers at {where} have credreport {', '.join(others)}, but this machine has {__version__}",
            f"install credreport {__version__} on every worker",
        )


def _version() -> str:
    return __version__
