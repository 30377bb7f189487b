"""Calls of an asyncio channel."""
from __future__ import annotations

import asyncio
import logging
import sys
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any, AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Optional, Tuple
from typing import Union

from .. import _causewire as _native
from .. import _status
from .._news import CLOSED, DONE, ENDED, FULL, HEADERS, MESSAGES, ROOM
from .._response import Response
from .._status import Metadatum
from . import _loops

if TYPE_CHECKING:
    from .._gen.failure import Failure

logger = logging.getLogger("causewire")

Requests = Union[AsyncIterable[Any], Iterable[Any]]


class _Eof:
    """What ``read`` returns after the last message."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "<causewire.aio.EOF>"


_OUR_EOF = _Eof()


def eof() -> Any:
    """``grpc.aio.EOF`` when grpc is loaded, otherwise ours."""
    return getattr(sys.modules.get("grpc.aio"), "EOF", _OUR_EOF)


class Call(_native.Call):
    """A call in flight, or over. A call that nobody holds any more is cancelled.

    It has the methods of ``grpc.aio.Call``. Cancelling a task that awaits it cancels it on the wire, raises
    ``asyncio.CancelledError``, and leaves the record in ``failure``.
    """

    # none of its own: an object without them is none of the garbage collector's
    __slots__ = ()

    def cancel(self) -> bool:
        """RST_STREAM(CANCEL). False: the call was over already."""
        return self.abort()

    def cancelled(self) -> bool:
        return self.is_cancelled()

    def done(self) -> bool:
        return self.is_over() or self.is_cancelled()

    async def headers(self) -> Tuple[Metadatum, ...]:
        """Response headers. Raises the failure of a call that ended without."""
        await self._until(HEADERS)
        found = self.response_headers()
        if found is None:
            self._raise()
        return _status.metadata(found or ())

    async def trailers(self) -> Tuple[Metadatum, ...]:
        """Trailers, once the call is over."""
        await self._until(DONE)
        return _status.metadata(self.response_trailers() or ())

    @property
    def failure(self) -> Optional[Failure]:
        """The failure record. ``None``: in flight or OK."""
        if self.is_cancelled() and not self.is_over():
            self._hurry()
        error = self._error()
        return None if error is None else error.failure

    def _hurry(self) -> None:
        """A cancelled call ends at once; its record is on its way to the loop that we are holding up."""
        for _ in range(20):
            try:
                _loops.bring_news(0.05)
            except RuntimeError:
                return
            if self.is_over():
                return

    async def initial_metadata(self) -> Any:
        await self._until(HEADERS)
        return _status.aio_metadata(self.response_headers() or ())

    async def trailing_metadata(self) -> Any:
        await self._until(DONE)
        error = self._error()
        return _status.aio_metadata(self.response_trailers() or ()) if error is None else error.trailing_metadata()

    async def code(self) -> Any:
        await self._until(DONE)
        return _status.code(self.status() or 0)

    async def details(self) -> str:
        await self._until(DONE)
        error = self._error()
        return "" if error is None else str(error.details())

    async def debug_error_string(self) -> str:
        await self._until(DONE)
        error = self._error()
        return "" if error is None else str(error.debug_error_string())

    async def wait_for_connection(self) -> None:
        """Waits until the server has answered. Raises the failure of a call that ended before."""
        await self._until(HEADERS)
        if self.status():
            self._raise()

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """``callback(call)`` runs once the call is over; at once if it is."""
        if self.is_over():
            callback(self)
        else:
            self.on_done(partial(self._tell, callback))

    def _tell(self, callback: Callable[[Any], None]) -> None:
        try:
            callback(self)
        except Exception:
            logger.exception("a callback of a call raised")

    async def _until(self, mask: int) -> None:
        await self.news(mask)

    def _error(self) -> Any:
        return self.failed_with()

    def _raise(self) -> None:
        error = self._error()
        if error is not None:
            if self.is_cancelled():
                raise asyncio.CancelledError
            raise error


class UnaryUnaryCall(Call):
    """A unary call: await it for its response."""

    __slots__ = ()

    async def response(self) -> Response:
        """The response and everything around it."""
        message = await self
        headers = _status.metadata(self.response_headers() or ())
        trailers = _status.metadata(self.response_trailers() or ())
        return Response(message, headers, trailers, self.peer, self.attempts)


class _Stream(Call):
    """What both sides of a stream keep; in one class, because slots cannot be inherited twice."""

    __slots__ = ("_deserializer", "_rest", "_iterated", "_half_closed", "_request_error", "_feeder")

    _deserializer: Optional[Callable[[bytes], Any]]
    _rest: Iterator[bytes]
    #: The reader chose iteration (true) or ``read`` (false); never both.
    _iterated: Optional[bool]
    _half_closed: bool
    _request_error: Optional[BaseException]
    _feeder: Optional[asyncio.Task[None]]

    def _error(self) -> Any:
        error = self.failed_with()
        if error is not None and error.source is None:
            error.source = self._request_error
        return error


class _Reader(_Stream):
    """The receiving side of a streamed response."""

    __slots__ = ()

    def __aiter__(self) -> AsyncIterator[Any]:
        self._choose(True)
        return self._iterate()

    async def _iterate(self) -> AsyncIterator[Any]:
        deserializer = self._deserializer
        while True:
            if deserializer is None:
                for raw in self._rest:
                    yield raw
            else:
                for raw in self._rest:
                    yield self._decode(raw)
            if not await self._fill():
                return

    async def read(self) -> Any:
        """The next message, or ``EOF``."""
        self._choose(False)
        while True:
            for raw in self._rest:
                return self._decode(raw)
            if not await self._fill():
                return eof()

    def _choose(self, iterated: bool) -> None:
        if self._iterated is not None and self._iterated is not iterated:
            usage = getattr(sys.modules.get("grpc.aio"), "UsageError", RuntimeError)
            raise usage("a call is read by iteration or by read(), not by both")
        self._iterated = iterated

    async def _fill(self) -> bool:
        batch = self.take()
        try:
            while batch is None:
                await self._until(MESSAGES)
                batch = self.take()
        except asyncio.CancelledError:
            self.abort()
            raise
        if batch:
            self._rest = iter(batch)
            return True
        self._raise()
        return False

    def _decode(self, raw: bytes) -> Any:
        if self._deserializer is None:
            return raw
        try:
            return self._deserializer(raw)
        except Exception as error:
            failed = self.decode_error(error)
        raise failed


class _Writer(_Stream):
    """The sending side of a streamed request."""

    __slots__ = ()

    async def send(self, message: Any, *, compress: bool = True) -> bool:
        """Sends a request message; returns once it is accepted. Raises the failure of a call that failed, and
        REQUEST_INVALID after :meth:`close_send`. False: the server takes no more; reading tells why.

        ``compress=False``: the message leaves as it is although the call compresses. The size of a compressed message
        tells of a secret that stands beside text which others choose (gRPC's doc/compression.md; CRIME, BREACH).
        """
        pushed = self.push(message, compress)
        if pushed == CLOSED:
            raise self.sending_closed()
        if pushed == ENDED:
            # the end is on its way to the loop, or stands behind responses that are not read yet
            await asyncio.sleep(0)
            self._raise()
            return False
        if pushed == FULL:
            try:
                await self._until(ROOM)
            except asyncio.CancelledError:
                self.abort()
                raise
        return True

    async def write(self, request: Any) -> None:
        """As ``grpc.aio``: InvalidStateError once the call is over or half-closed."""
        if self.done() or self._half_closed:
            raise asyncio.InvalidStateError("the call is over, or its sending side was closed")
        if self._feeder is not None:
            usage = getattr(sys.modules.get("grpc.aio"), "UsageError", RuntimeError)
            raise usage("a call sends from an iterator or by write(), not by both")
        if not await self.send(request):
            raise asyncio.InvalidStateError("the call is over")

    async def done_writing(self) -> None:
        """No more requests."""
        if not self.done():
            self.close_send()

    def close_send(self) -> None:
        """No more requests."""
        self._half_closed = True
        super().close_send()

    def feed(self, requests: Requests) -> None:
        """Sends what ``requests`` yields, from a task of its own."""
        ref = weakref.ref(self, lambda _: task.cancel())
        task = asyncio.get_running_loop().create_task(_pump(ref, requests))
        self._feeder = task


async def _pump(ref: weakref.ref[_Writer], requests: Requests) -> None:
    try:
        if isinstance(requests, AsyncIterable):
            async for message in requests:
                if not await _send(ref, message):
                    return
        else:
            for message in requests:
                if not await _send(ref, message):
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


async def _send(ref: weakref.ref[_Writer], message: Any) -> bool:
    """False: nobody wants more."""
    call = ref()
    if call is None:
        return False
    pushed = call.push(message)
    if pushed == FULL:
        room = call.news(ROOM)
        # let go while waiting: a call that nobody else holds is cancelled
        del call
        await room
        return ref() is not None
    return pushed not in (CLOSED, ENDED)


class UnaryStreamCall(_Reader):
    """A server-streaming call: iterate it, or ``read`` from it."""

    __slots__ = ()


class StreamUnaryCall(_Writer):
    """A client-streaming call: write to it, then await it for its response."""

    __slots__ = ()

    async def response(self) -> Response:
        """The response and everything around it."""
        message = await self
        headers = _status.metadata(self.response_headers() or ())
        trailers = _status.metadata(self.response_trailers() or ())
        return Response(message, headers, trailers, self.peer, self.attempts)


class StreamStreamCall(_Reader, _Writer):
    """A call with streams both ways."""

    __slots__ = ()


def start(kind: Any, mode: int, method: _native.Method, request: Any, deserializer: Any, *more: Any) -> Any:
    """Makes the call object of a stream; the call is on its way when this returns."""
    call = kind(mode, method, request, *more)
    call._deserializer = deserializer
    call._rest = iter(())
    call._iterated = None
    call._half_closed = False
    call._request_error = None
    call._feeder = None
    return call
