"""Who does the work of a run: processes of this machine, or the workers of a Dask cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
)
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any, Final
from urllib.parse import urlsplit

from pvplan.errors import InputError
from pvplan.gather import Progress
from pvplan.tile_run import NOTE, Crew
from pvplan.tile_work import differences, end_with_parent, program

PATIENCE_S: Final = 30
"""How long a scheduler may take to answer."""
DESERTED_S: Final = 300
"""How long a run waits for a worker where a cluster has none."""
_SILENT_S: Final = 20
"""What is under way ends after so long without any worker, or any word of the scheduler."""
_LATE_S: Final = 600.0
"""A task that takes longer, and many times as long as any before it, is tried elsewhere."""
_LATE_TIMES: Final = 10.0
_LOOK_S: Final = 1.0
"""How often a cluster is asked who is there."""
_ANSWER_S: Final = 5.0
"""How long it may think about that."""


def crew_of(workers: int, address: str | None, progress: Progress) -> Crew:
    """Return so many processes of this machine, or with an address the workers of a Dask cluster.

    Raises
    ------
    InputError
        No scheduler answers at the address, no worker comes to it, or one has another program or
        other libraries than this process.
    """
    if address is None:
        return Crew(partial(_processes, workers), workers)
    opened = partial(_cluster, address, progress)
    with opened() as there:
        there.check(address)
        size = max(1, sum((there.there() or {}).values()))
        progress(f"{NOTE}Dask dashboard: {there.dashboard}")
    return Crew(opened, size, names_the_dead=True)


@contextmanager
def _processes(count: int) -> Iterator[Executor]:
    workers = ProcessPoolExecutor(
        count, mp_context=get_context("spawn"), initializer=end_with_parent
    )
    try:
        yield workers
    finally:
        workers.shutdown(wait=True, cancel_futures=True)


@dataclass
class _Sent:
    """A task under way; ``only`` lists who may do it (None: anyone), ``inner`` is Dask's future."""

    work: Callable[..., Any]
    words: tuple[Any, ...]
    future: Future[Any] = field(default_factory=Future)
    only: Collection[str] | None = None
    inner: Any = None
    begun: float = 0.0
    late: int = 0  # how often it was sent anew because it took too long

    @property
    def name(self) -> str:
        return str(getattr(self.words[0], "name", ""))


class _Workers(Executor):
    """The workers of a Dask cluster, as an executor.

    Who failed at a task is remembered: another try of it goes to another machine, or else to
    another worker, where there is any. So does a task that takes far too long, and whoever let it
    wait gets no other while others are there. Once no worker is left, all that is under way is
    broken.
    """

    def __init__(self, client: Any, progress: Progress) -> None:
        self._client, self._progress = client, progress
        self.dashboard = str(client.dashboard_link)
        self._sent: dict[str, _Sent] = {}
        self._failed: dict[str, set[str]] = {}
        self._stuck: set[str] = set()
        self._longest_s = 0.0
        self._ended: SimpleQueue[Any] = SimpleQueue()
        self._over, self._broken = Event(), False
        self._heard = time.monotonic()
        self._watcher = Thread(target=self._watch, name="dask-watch", daemon=True)
        self._watcher.start()

    def submit(self, work: Any, /, *words: Any, **named: Any) -> Future[Any]:
        """Hand a task to any worker that did not fail at one of its name."""
        sent = _Sent(partial(work, **named) if named else work, words)
        self._send(sent)
        if self._broken:
            raise BrokenExecutor("no worker is left")
        return sent.future

    def there(self) -> dict[str, int] | None:
        """Return address and threads of every worker; None where the scheduler does not answer."""
        try:
            return dict(self._client.nthreads(callback_timeout=_ANSWER_S))
        except Exception:  # noqa: BLE001 (whatever it is: nobody is heard)
            return None

    def stop(self) -> None:
        """Look no more at what becomes of tasks."""
        self._over.set()
        self._watcher.join(PATIENCE_S)

    def _send(self, sent: _Sent) -> None:
        avoided = self._failed.get(sent.name, set()) | self._stuck
        sent.only = _others(avoided, self.there() or {}) if avoided else None
        sent.begun = time.monotonic()
        try:
            sent.inner = self._client.submit(sent.work, *sent.words, pure=False, workers=sent.only)
        except Exception as error:  # noqa: BLE001 (a client that was closed tells in its own words)
            sent.future.set_exception(BrokenExecutor(f"the scheduler is gone ({error})"))
            return
        self._sent[sent.inner.key] = sent
        sent.inner.add_done_callback(self._ended.put)

    def _watch(self) -> None:
        """Hand on what became of tasks, and look after the workers."""
        looked = time.monotonic()
        while not self._over.is_set():
            with suppress(Empty):
                self._settle(self._ended.get(timeout=_LOOK_S))
            if time.monotonic() - looked >= _LOOK_S:
                self._look()
                looked = time.monotonic()

    def _settle(self, inner: Any) -> None:
        """Give a task's outcome to whoever waits for it; a fault tells where it came about."""
        sent = self._sent.pop(inner.key, None)
        if sent is None:  # it was sent anew
            return
        try:
            sent.future.set_result(inner.result(PATIENCE_S))
            self._longest_s = max(self._longest_s, time.monotonic() - sent.begun)
        except CancelledError:
            sent.future.set_exception(BrokenExecutor("the scheduler is gone"))
        except Exception as fault:  # noqa: BLE001 (as every executor does)
            where = self._erred_on(inner.key)
            self._failed.setdefault(sent.name, set()).update(where)
            if where:
                fault.add_note(f"on {', '.join(where)}")
            sent.future.set_exception(fault)

    def _erred_on(self, key: str) -> list[str]:
        return self._asked(_erred_on, key)

    def _asked(self, question: Callable[..., list[str]], key: str) -> list[str]:
        try:
            return list(self._client.run_on_scheduler(question, key))
        except Exception:  # noqa: BLE001 (a scheduler that is gone tells nothing)
            return []

    def _look(self) -> None:
        """Send anew what waits for workers that left; end all where nobody is there."""
        there = self.there()
        if there:
            self._heard = time.monotonic()
            for key, sent in list(self._sent.items()):
                left = sent.only and not set(sent.only) & set(there)
                if left or self._is_late(key, sent, there):
                    del self._sent[key]
                    sent.inner.cancel()
                    self._send(sent)
        elif time.monotonic() - self._heard > _SILENT_S:
            self._broken = True
            while self._sent:
                _, sent = self._sent.popitem()
                sent.future.set_exception(BrokenExecutor("no worker is left"))

    def _is_late(self, key: str, sent: _Sent, there: Collection[str]) -> bool:
        """Say whether a task waits for a worker that is stuck, and remember who that is."""
        took = time.monotonic() - sent.begun
        # Twice as long each time: a task that is slow wherever it is done comes to its end.
        if took <= max(_LATE_S, _LATE_TIMES * self._longest_s) * 2**sent.late:
            return False
        where = set(self._asked(_worked_on, key))
        if not set(there) - where:
            return False  # nobody else is there
        if where and not set(there) - self._stuck - where:
            self._stuck.clear()  # all others were late once: better than to wait for ever
        self._stuck |= where
        sent.late += 1
        at = f" on {', '.join(sorted(where))}" if where else ""
        self._progress(f"{NOTE}tile {sent.name}{at} takes {took:.0f} s: it is tried elsewhere")
        return True

    def check(self, address: str) -> None:
        """Raise InputError unless scheduler and workers have this program and its libraries."""
        told = f"--dask: scheduler or workers at '{address}'"
        try:
            there = {"scheduler": self._client.run_on_scheduler(program)}
            there |= self._client.run(program)
        except Exception as error:
            raise InputError(
                f"{told} cannot load this program ({type(error).__name__}: {error}); start them in"
                " its folder: PYTHONPATH=. dask scheduler, PYTHONPATH=. dask worker ADDRESS"
            ) from error
        for name, versions in there.items():
            unlike = differences(versions, program())
            if unlike:
                raise InputError(f"{told}: {name} has {unlike}; install the same versions")


def _erred_on(key: str, dask_scheduler: Any) -> list[str]:
    """Return the addresses of the workers on which a task failed, as its scheduler knows them."""
    task = dask_scheduler.tasks.get(key)
    return sorted(task.erred_on or ()) if task else []


def _worked_on(key: str, dask_scheduler: Any) -> list[str]:
    """Return the address of the worker to which a task was given."""
    task = dask_scheduler.tasks.get(key)
    return [task.processing_on.address] if task and task.processing_on else []


def _others(failed: Collection[str], there: Collection[str]) -> list[str] | None:
    """Return who may try what some have failed at: other machines, else others; None: anyone."""
    machines = {urlsplit(address).hostname for address in failed}
    elsewhere = [address for address in there if urlsplit(address).hostname not in machines]
    return elsewhere or [address for address in there if address not in failed] or None


@contextmanager
def _cluster(address: str, progress: Progress) -> Iterator[_Workers]:
    from distributed import Client

    try:
        client = Client(address, timeout=PATIENCE_S, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, TimeoutError, ValueError) as error:
        raise InputError(
            f"--dask: no scheduler answers at '{address}' ({error}); start one with"
            " `dask scheduler`, then run again: finished tiles are kept"
        ) from error
    with client:
        _await_worker(client, address, progress)
        workers = _Workers(client, progress)
        try:
            yield workers
        finally:
            workers.stop()


def _await_worker(client: Any, address: str, progress: Progress) -> None:
    """Wait for a worker where a cluster has none, and say so; raises InputError in the end."""
    if client.nthreads():
        return
    progress(f"{NOTE}no worker at {address}: waiting for one, {DESERTED_S} s at most")
    try:
        client.wait_for_workers(1, DESERTED_S)
    except (OSError, TimeoutError) as error:
        raise InputError(
            f"--dask: the scheduler at '{address}' has had no worker for {DESERTED_S} s; start one"
            f" with `dask worker {address}`, then run again: finished tiles are kept"
        ) from error
