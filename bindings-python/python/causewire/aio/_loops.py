"""One queue per event loop, bound weakly to it."""
from __future__ import annotations

import asyncio
import select
import weakref
from typing import Dict, NamedTuple, Optional

from .. import _causewire as _native
from .. import _home


class _Attached(NamedTuple):
    loop: weakref.ref[asyncio.AbstractEventLoop]
    queue: _native.LoopQueue


_attached: Dict[int, _Attached] = {}


def attach(loop: asyncio.AbstractEventLoop) -> _native.LoopQueue:
    """Makes the queue of a loop; the native module calls this at the loop's first call."""
    _sweep()
    key = id(loop)

    def gone(_: object) -> None:
        _forget(key)

    ref = weakref.ref(loop, gone)
    queue = _native.LoopQueue(ref)

    loop.add_reader(queue.fileno(), queue.drain)
    _attached[key] = _Attached(ref, queue)
    return queue


def _forget(key: int) -> None:
    # the loop and its selector are gone or closed: nobody listens on the descriptor that closes with the queue
    found = _attached.pop(key, None)
    if found is not None:
        _native.forget_loop(key)
        found.queue.abandon()


def _sweep() -> None:
    """A closed loop never takes the ends of its calls, whose futures then keep it alive."""
    for key, found in list(_attached.items()):
        loop = found.loop()
        if loop is None or loop.is_closed():
            _forget(key)


def by_key(key: int) -> Optional[asyncio.AbstractEventLoop]:
    """The loop with this identity, if it lives."""
    found = _attached.get(key)
    return None if found is None else found.loop()


def bring_news(timeout: float) -> None:
    """Waits a moment for news of the running loop's calls and takes it, outside the loop's turn."""
    found = _attached.get(id(asyncio.get_running_loop()))
    if found is None:
        return
    bell = select.poll()
    bell.register(found.queue.fileno(), select.POLLIN)
    bell.poll(timeout * 1000)
    found.queue.drain_soon()


def _after_fork() -> None:
    # leaked and not dropped: what they hold belongs to the parent
    _leaked.append(dict(_attached))
    _attached.clear()


_leaked: list[Dict[int, _Attached]] = []
_home.child_hooks.append(_after_fork)
