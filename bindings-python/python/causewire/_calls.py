"""Calls of a blocking channel, and the multicallables that make them."""
from __future__ import annotations

import concurrent.futures
import logging
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any, Callable, Iterable, Iterator, List, Optional, Tuple

from . import _causewire as _native
from . import _status
from ._news import ACCEPTED, CLOSED, DONE, ENDED, FULL, HEADERS, MESSAGES
from ._response import Response
from ._status import Metadatum

if TYPE_CHECKING:
    from types import TracebackType

    from ._gen.failure import Failure

logger = logging.getLogger("causewire")

Deserializer = Optional[Callable[[bytes], Any]]


class Call(_native.Call):
    """A call of a blocking channel: in flight, or over. Any thread may use it.

    It has the methods of ``grpc.Call`` and ``grpc.Future``. A streamed response is iterated; a streamed request is sent
    with :meth:`send` and :meth:`close_send`. A call that nobody holds any more is cancelled.
    """

    __slots__ = ("_deserializer", "_rest", "_callbacks", "_watched", "_request_error")

    _deserializer: Deserializer
    _rest: Iterator[bytes]
    _callbacks: List[Callable[[], None]]
    _watched: bool
    _request_error: Optional[BaseException]

    # --- requests

    def send(self, message: Any, *, compress: bool = True) -> bool:
        """Sends a request message; blocks until it is accepted. Raises the failure of a call that failed, and
        REQUEST_INVALID after :meth:`close_send`. False: the server takes no more; reading tells why.

        ``compress=False``: the message leaves as it is although the call compresses. The size of a compressed message
        tells of a secret that stands beside text which others choose (gRPC's doc/compression.md; CRIME, BREACH).
        """
        pushed = self.push(message, compress)
        if pushed == FULL:
            self.wait_room()
        elif pushed == CLOSED:
            raise self.sending_closed()
        elif pushed == ENDED:
            # looked for, not waited for: the end may stand behind responses that this thread has not read
            self.wait(DONE, 0)
            self.raise_failure()
            return False
        return True

    # --- responses

    def __iter__(self) -> Iterator[Any]:
        deserializer = self._deserializer
        while True:
            if deserializer is None:
                yield from self._rest
            else:
                for raw in self._rest:
                    yield self._decode(deserializer, raw)
            if not self._fill():
                return

    def __next__(self) -> Any:
        while True:
            for raw in self._rest:
                return raw if self._deserializer is None else self._decode(self._deserializer, raw)
            if not self._fill():
                raise StopIteration

    def _fill(self) -> bool:
        batch = self.take()
        while batch is None:
            self.wait(MESSAGES)
            batch = self.take()
        if batch:
            self._rest = iter(batch)
            return True
        self.raise_failure()
        return False

    def _decode(self, deserializer: Callable[[bytes], Any], raw: bytes) -> Any:
        try:
            return deserializer(raw)
        except Exception as error:
            failed = self.decode_error(error)
        raise failed

    def headers(self) -> Tuple[Metadatum, ...]:
        """Response headers; blocks until they are there. Raises the failure of a call that ended without."""
        self.wait(HEADERS)
        found = self.response_headers()
        if found is None:
            self.raise_failure()
        return _status.metadata(found or ())

    def trailers(self) -> Tuple[Metadatum, ...]:
        """Trailers; blocks until the call is over."""
        self.wait(DONE)
        return _status.metadata(self.response_trailers() or ())

    def response(self) -> Response:
        """The one response of a unary or client-streaming call; blocks until it is there."""
        message = self.response_message()
        return Response(message, self.headers(), self.trailers(), self.peer, self.attempts)

    @property
    def failure(self) -> Optional[Failure]:
        """The failure record. ``None``: in flight or OK."""
        error = self._error()
        return None if error is None else error.failure

    # --- grpc.Call

    def initial_metadata(self) -> Tuple[Metadatum, ...]:
        self.wait(HEADERS)
        return _status.metadata(self.response_headers() or ())

    def trailing_metadata(self) -> Any:
        self.wait(DONE)
        error = self._error()
        return self.trailers() if error is None else error.trailing_metadata()

    def code(self) -> Any:
        self.wait(DONE)
        return _status.code(self.status() or 0)

    def details(self) -> str:
        self.wait(DONE)
        error = self._error()
        return "" if error is None else str(error.details())

    def debug_error_string(self) -> str:
        self.wait(DONE)
        error = self._error()
        return "" if error is None else str(error.debug_error_string())

    def is_active(self) -> bool:
        return not self.done()

    def cancel(self) -> bool:
        """RST_STREAM(CANCEL). False: the call was over already."""
        return self.abort()

    def add_callback(self, callback: Callable[[], None]) -> bool:
        """``callback()`` runs once the call is over. False: it is over, and the callback will not run."""
        if self.done():
            return False
        self._callbacks.append(callback)
        self._watch()
        return True

    # --- grpc.Future

    def cancelled(self) -> bool:
        return self.is_cancelled()

    def running(self) -> bool:
        return not self.done()

    def done(self) -> bool:
        return self.is_cancelled() or self.wait(DONE, 0)

    def result(self, timeout: Optional[float] = None) -> Any:
        """The one response. Raises the call's failure, or a timeout error after ``timeout`` seconds."""
        self._wait_done(timeout)
        if self.status() == 0 and self._streams():
            return None
        return self.response_message()

    def exception(self, timeout: Optional[float] = None) -> Any:
        self._wait_done(timeout)
        return self._error()

    def traceback(self, timeout: Optional[float] = None) -> Optional[TracebackType]:
        error = self.exception(timeout)
        return None if error is None else error.__traceback__

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """``callback(call)`` runs once the call is over; at once if it is."""
        if self.done():
            callback(self)
            return
        self._callbacks.append(lambda: callback(self))
        self._watch()

    def _wait_done(self, timeout: Optional[float]) -> None:
        if not self.is_cancelled() and not self.wait(DONE, timeout):
            raise _future_error("FutureTimeoutError", TimeoutError)()
        if self.is_cancelled():
            raise _future_error("FutureCancelledError", concurrent.futures.CancelledError)()

    def _streams(self) -> bool:
        return False

    def _error(self) -> Any:
        error = self.failed_with()
        if error is not None and error.source is None:
            error.source = self._request_error
        return error

    def raise_failure(self) -> None:
        """Raises what the call failed with, if it did."""
        error = self._error()
        if error is not None:
            raise error

    # --- callbacks

    def _watch(self) -> None:
        if self._watched:
            return
        self._watched = True
        self.on_done(self._tell)
        self._bring()

    def _bring(self) -> None:
        """A call that no queue brings news of needs a thread that waits for it."""
        threading.Thread(target=self.wait, args=(DONE,), name="causewire-call", daemon=True).start()

    def _tell(self) -> None:
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            try:
                callback()
            except Exception:
                logger.exception("a callback of a call raised")


class StreamCall(Call):
    """A call whose response is a stream."""

    __slots__ = ()

    def _streams(self) -> bool:
        return True


class FutureCall(Call):
    """What ``future()`` returns: the home thread brings its news."""

    __slots__ = ()

    def _bring(self) -> None:
        return


def start(kind: Any, mode: int, method: _native.Method, request: Any, deserializer: Deserializer, *more: Any) -> Any:
    """Makes a call object; the call is on its way when this returns."""
    call = kind(mode, method, request, *more)
    call._deserializer = deserializer
    call._rest = iter(())
    call._callbacks = []
    call._watched = False
    call._request_error = None
    return call


def feed(call: Call, requests: Iterable[Any]) -> None:
    """Sends what ``requests`` yields. On a thread of its own unless it is at hand, because it may block."""
    if isinstance(requests, (list, tuple)) and len(requests) <= 1:
        _pump(weakref.ref(call), iter(requests))
        return
    iterator = iter(requests)
    args = (weakref.ref(call), iterator)
    threading.Thread(target=_pump, args=args, name="causewire-requests", daemon=True).start()


def _pump(ref: weakref.ref[Call], requests: Iterator[Any]) -> None:
    try:
        for message in requests:
            if not _push(ref, message):
                return
    except Exception as error:
        call = ref()
        if call is not None:
            call._request_error = error
            call.abort()
        logger.warning("the request iterator raised %s; the call is cancelled", type(error).__name__)
        return
    call = ref()
    if call is not None:
        call.close_send()


def _push(ref: weakref.ref[Call], message: Any) -> bool:
    """False: nobody wants more."""
    call = ref()
    if call is None:
        return False
    pushed = call.push(message)
    while pushed == FULL and not call.wait_room(0.5):
        # let go in between: a call that nobody else holds is cancelled
        del call
        call = ref()
        if call is None:
            return False
    return pushed in (ACCEPTED, FULL)


def _future_error(name: str, ours: Any) -> Any:
    return getattr(sys.modules.get("grpc"), name, ours)
