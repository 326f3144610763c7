"""Runs batches in threads of this process or on a Dask cluster; both map a task over items, in their order."""

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
    """A function that takes a task and items, and yields the result of the task for each item, in their order."""

Item = TypeVar("Item")
Result = TypeVar("Result")

_PATIENCE: Final = 30
"""The number of seconds to wait for a scheduler, and for its first worker."""
_NO_PAGES: Final[dict[str, list[str]]] = {"distributed.scheduler.http.routes": [], "distributed.worker.http.routes": []}


class Progress(Protocol):
    """Shows the progress of a run, which has stages."""

    def stage(self, name: str, total: int | None = None) -> None:
        """Start a stage of `total` steps; this finishes the stage before."""

    def advance(self, count: int = 1) -> None:
        """Count `count` finished steps of the stage."""


class _Silent:
    """Shows no progress."""

    def stage(self, name: str, total: int | None = None) -> None:
        pass

    def advance(self, count: int = 1) -> None:
        pass


SILENT: Final[Progress] = _Silent()


def settle() -> None:
    """Start garbage collection, without the objects that exist now, which are mostly modules.

    The command line starts with garbage collection off (see `cli.main`). In other programs, this changes nothing.
    """
    if not gc.isenabled() or gc.get_freeze_count():
        gc.freeze()
        gc.enable()


def local(task: Callable[[Item], Result], items: Iterable[Item], *, most: int | None = None) -> Iterator[Result]:
    """Yield the result of `task` for each item, in their order; few more items than processors are in memory.

    `most` limits the number of tasks that run at the same time, for large items.
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
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def dask(scheduler: str | None = None) -> Iterator[Map]:
    """Yield a `Map` that runs tasks on the cluster at `scheduler` (tcp://host:8786), or on a new local cluster.

    If a worker dies, its tasks run again on another worker, so a task must be able to run twice. Errors of a task are
    raised unchanged. A local cluster listens only on the loopback interface and has no dashboard. Raises EngineError if
    there is no scheduler or worker, or if workers have another version of the program.
    """
    try:
        from dask import config  # noqa: PLC0415 - an extra
        from distributed import Client, LocalCluster  # noqa: PLC0415
    except ImportError as error:
        raise EngineError(
            f"the engine dask is not installed: {error}", "in the folder of the clone: pip install '.[cluster]'"
        ) from error

    at = scheduler or "this machine"
    with ExitStack() as stack:
        where: Any = scheduler
        if scheduler is None:
            stack.enter_context(config.set(_NO_PAGES))
            with _interrupts_ignored_by_workers():
                where = stack.enter_context(
                    LocalCluster(  # type: ignore[no-untyped-call]
                        n_workers=processors(),
                        threads_per_worker=1,
                        host="127.0.0.1",
                        dashboard_address=None,
                        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # opened even without a dashboard
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
    """Yield the result of `task` for each item, in their order. Raises EngineError if workers or the scheduler die."""
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
        with suppress(Exception):  # if the scheduler is gone, there is nothing to cancel
            client.cancel(futures)


@contextmanager
def _interrupts_ignored_by_workers() -> Iterator[None]:
    """Start processes that ignore Ctrl-C at the terminal; this process handles it and stops them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # new processes inherit this
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
            f"on every worker, in a clone of credreport {__version__}: pip install '.[cluster]'",
        ) from error
    other_versions = sorted({version for version in versions.values() if version != __version__})
    if other_versions:
        raise EngineError(
            f"workers at {where} have credreport {', '.join(other_versions)}, but this machine has {__version__}",
            f"install credreport {__version__} on every worker",
        )


def _version() -> str:
    return __version__
