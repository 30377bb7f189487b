"""The home thread: one daemon per process that takes what concerns no event loop, and the threads that run callbacks.

Log lines, changes of state and the ends of ``future()`` calls are brought by the home thread itself. A token provider
or a resolver may take its time, so each question runs on a worker of its own; workers are kept for the next question.
"""
from __future__ import annotations

import logging
import os
import queue
import select
import threading
from typing import Any, Callable, Optional

from . import _causewire as _native

logger = logging.getLogger("causewire")

_lock = threading.Lock()
_thread: Optional[threading.Thread] = None
_jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
_idle = 0

#: A worker without a question for this long, in seconds, ends.
_LINGER = 10.0


def ensure() -> None:
    """Starts the home thread unless it runs. To be called once a channel is open."""
    global _thread
    with _lock:
        if _thread is None:
            _thread = threading.Thread(target=_run, name="causewire-home", daemon=True)
            _thread.start()


def _run() -> None:
    bell = select.poll()
    bell.register(_native.home_fileno(), select.POLLIN)
    while True:
        bell.poll()
        for host, *event in _native.home_drain():
            try:
                host.take(*event)
            except Exception:
                # an event of one channel must not cost the others theirs
                logger.exception("an event could not be taken")


def spawn(job: Callable[[], None]) -> None:
    """Runs ``job`` on a worker, a new one if all are busy."""
    global _idle
    with _lock:
        _jobs.put(job)
        if _idle > 0:
            _idle -= 1
            return
    threading.Thread(target=_work, name="causewire-callback", daemon=True).start()


def _work() -> None:
    global _idle
    while True:
        try:
            job = _jobs.get(timeout=_LINGER)
        except queue.Empty:
            with _lock:
                # taken into account by a spawn meanwhile: its job is ours
                if _idle > 0:
                    _idle -= 1
                    return
            job = _jobs.get()
        job()
        with _lock:
            _idle += 1


def _after_fork() -> None:
    global _lock, _thread, _jobs, _idle
    for fd in _native.after_fork_in_child():
        try:
            os.close(fd)
        except OSError:
            continue
    _lock, _thread, _jobs, _idle = threading.Lock(), None, queue.SimpleQueue(), 0
    for hook in child_hooks:
        hook()


#: What else has to be forgotten in a fork child.
child_hooks: list[Callable[[], Any]] = []

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
