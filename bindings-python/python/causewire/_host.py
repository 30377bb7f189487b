"""Python's half of a channel: takes its questions, log lines and changes of state. It never holds the channel."""
from __future__ import annotations

import json
import logging
import sys
import weakref
from dataclasses import dataclass
from collections.abc import Awaitable as AwaitableABC
from typing import TYPE_CHECKING, Any, Awaitable, Callable, Dict, Iterable, List, Mapping, Optional, Set, Union

from . import _causewire as _native
from . import _home

if TYPE_CHECKING:
    import asyncio  # at run time only where a loop is: importing it takes as long as all the rest

logger = logging.getLogger("causewire")
logger.addHandler(logging.NullHandler())

_LEVELS = (logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG)


@dataclass(frozen=True)
class TokenRequest:
    """What a token provider is asked for. The token is sent as ``authorization: Bearer …``, over TLS only."""

    #: ``/pkg.Service/Method``
    method: str
    #: ``https://host/pkg.Service``
    audience: str


TokenProvider = Callable[[TokenRequest], str]
AsyncTokenProvider = Callable[[TokenRequest], Awaitable[str]]


@dataclass(frozen=True)
class Resolution:
    """What a resolver found, where it is more than addresses."""

    #: ``ip:port``, ``[ip6]:port`` or ``unix:/path``, in the order in which they are to be tried
    addresses: Iterable[str]
    #: The gRPC service config as its JSON document, in place of the channel's own. One that is not valid is rejected
    #: whole: the last one stays, and without one calls fail with SERVICE_CONFIG_INVALID.
    service_config: Optional[Mapping[str, Any]] = None


#: Takes the target, returns its addresses: ``ip:port``, ``[ip6]:port`` or ``unix:/path``. Asked again after failures, and
#: on the period ``dns.refresh_ms``. When it raises, a call fails with RESOLVER_FAILED; when it finds nothing, with
#: NAME_NOT_FOUND. The addresses that it gave before stay in use.
Resolver = Callable[[str], Union[Iterable[str], Resolution]]
AsyncResolver = Callable[[str], Awaitable[Union[Iterable[str], Resolution]]]


class Host:
    """One per channel."""

    __slots__ = ("_token", "_resolver", "_aio", "_loop", "_watches", "_early", "_answering")

    def __init__(
        self,
        token: Union[TokenProvider, AsyncTokenProvider, None],
        resolver: Union[Resolver, AsyncResolver, None],
        aio: bool,
    ) -> None:
        self._token = token
        self._resolver = resolver
        self._aio = aio
        self._loop: Optional[weakref.ref[asyncio.AbstractEventLoop]] = None
        # without a lock, which a fork could leave held: every step is one operation on a dict
        self._watches: Dict[int, Callable[[int], None]] = {}
        self._early: Dict[int, int] = {}
        #: By the number of the question
        self._answering: Dict[int, asyncio.Task[None]] = {}

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """The loop on which callbacks run until a call comes from another."""
        self._loop = weakref.ref(loop)

    def unbind(self) -> None:
        """No loop yet: callbacks wait for the first call's."""
        self._loop = None

    def watch(self, channel: _native.Channel, last: int, tell: Callable[[int], None]) -> int:
        """``tell(state)`` runs on a worker once the state is not ``last`` any more."""
        number = channel.watch_state(last)
        self._watches[number] = tell
        state = self._early.pop(number, None)
        if state is not None:
            self._state(number, state)
        return number

    def unwatch(self, channel: _native.Channel, number: int) -> None:
        if channel.unwatch(number):
            self._watches.pop(number, None)
        elif number in self._watches:
            self._watches[number] = _ignore  # it is told all the same

    # --- on the home thread

    def take(self, kind: str, *event: Any) -> None:
        if kind == "log":
            self._log(*event)
        elif kind == "state":
            self._state(*event)
        elif kind == "cancel":
            self._cancel(*event)
        else:
            self._ask(*event)

    def _log(self, level: int, text: str, dropped: int) -> None:
        if dropped:
            logger.warning("%d log lines were dropped", dropped)
        logger.log(_LEVELS[level], "%s", text)

    def _state(self, watch: int, state: int) -> None:
        tell = self._watches.pop(watch, None)
        if tell is None:
            # before its number was known
            self._early[watch] = state
            tell = self._watches.pop(watch, None)
            if tell is None or self._early.pop(watch, None) is None:
                return
        if tell is not _ignore:
            told = tell
            _home.spawn(lambda: told(state))

    def _ask(self, ask: _native.Ask, loop_key: int) -> None:
        if not self._aio:
            _home.spawn(lambda: self._answer(ask))
            return
        from .aio import _loops

        loop = _loops.by_key(loop_key) or (self._loop() if self._loop is not None else None)
        try:
            if loop is None:
                raise RuntimeError("no event loop")
            loop.call_soon_threadsafe(_start, self, ask)
        except RuntimeError:
            ask.failed(True)

    def _cancel(self, ask: int) -> None:
        task = self._answering.get(ask)
        if task is not None:
            _cancel(task)

    # --- wherever the callback runs

    def _answer(self, ask: _native.Ask) -> None:
        try:
            given: Any = self._call(ask)
            _give(ask, given)
        except BaseException as error:
            _fail(ask, error)

    async def _answer_soon(self, ask: _native.Ask) -> None:
        import asyncio

        try:
            given: Any = self._call(ask)
            _give(ask, await given if isinstance(given, AwaitableABC) else given)
        except asyncio.CancelledError:
            ask.failed(False)
        except BaseException as error:
            _fail(ask, error)

    def close(self) -> None:
        """The channel is closed: nobody waits for the callbacks that still run."""
        for task in tuple(self._answering.values()):
            _cancel(task)

    def _call(self, ask: _native.Ask) -> Any:
        if ask.kind == "token":
            if self._token is None:
                raise LookupError
            return self._token(TokenRequest(ask.method, ask.audience))
        if self._resolver is None:
            raise LookupError
        return self._resolver(ask.target)


#: Tasks that answer; the loop itself holds them only weakly.
_tasks: set[asyncio.Task[None]] = set()


def _ignore(state: int) -> None:
    """In the place of a watcher that does not want to know any more."""


def _start(host: Host, ask: _native.Ask) -> None:
    import asyncio

    task = asyncio.get_running_loop().create_task(host._answer_soon(ask))
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    host._answering[ask.id] = task
    task.add_done_callback(lambda _: host._answering.pop(ask.id, None))


def _cancel(task: asyncio.Task[None]) -> None:
    try:
        task.get_loop().call_soon_threadsafe(task.cancel)
    except RuntimeError:
        return  # its loop is closed, and with it the task


def _give(ask: _native.Ask, given: Any) -> None:
    if ask.kind == "token":
        if not isinstance(given, str):
            raise TypeError
        ask.token(given)
        return
    found = given if isinstance(given, Resolution) else Resolution(given)
    addresses: List[str] = [found.addresses] if isinstance(found.addresses, str) else list(found.addresses)
    config = found.service_config
    ask.resolution(addresses, None if config is None else json.dumps(config))


def _fail(ask: _native.Ask, error: BaseException) -> None:
    # the class alone: the text of a provider's error may hold the secret itself
    logger.warning("the %s callback raised %s", ask.kind, type(error).__name__)
    ask.failed(_is_transient(error))


def _is_transient(error: BaseException) -> bool:
    """The failure of a provider may pass by itself; any other is its refusal."""
    if isinstance(error, OSError):
        return True
    # Python 3.10 has a TimeoutError of asyncio's own; only who has imported it can have raised it
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and isinstance(error, asyncio.TimeoutError)
