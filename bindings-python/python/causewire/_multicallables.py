"""The multicallables of a blocking channel: what the stubs of grpcio-tools call."""
from __future__ import annotations

from typing import Any, Iterable, Optional, Tuple

from . import _causewire as _native
from ._calls import Call, Deserializer, FutureCall, StreamCall, feed, start
from ._news import BLOCKING, DONE, HOME


def refuse_credentials(credentials: object) -> None:
    if credentials is not None:
        raise TypeError("credentials of a call are given to the channel: token_provider=")


class _MultiCallable:
    __slots__ = ("_method", "_deserializer")

    def __init__(self, method: _native.Method, deserializer: Deserializer) -> None:
        self._method = method
        self._deserializer = deserializer


class UnaryUnaryMultiCallable(_MultiCallable):
    """As ``grpc.UnaryUnaryMultiCallable``. Timeouts are seconds."""

    __slots__ = ()

    def __call__(
        self,
        request: Any,
        timeout: Optional[float] = None,
        metadata: Any = None,
        credentials: Any = None,
        wait_for_ready: Optional[bool] = None,
        compression: Any = None,
    ) -> Any:
        if credentials is not None:
            refuse_credentials(credentials)
        call = _native.Call(BLOCKING, self._method, request, timeout, metadata, wait_for_ready, compression)
        return call.response_message()

    def with_call(
        self,
        request: Any,
        timeout: Optional[float] = None,
        metadata: Any = None,
        credentials: Any = None,
        wait_for_ready: Optional[bool] = None,
        compression: Any = None,
    ) -> Tuple[Any, Call]:
        refuse_credentials(credentials)
        more = (timeout, metadata, wait_for_ready, compression)
        call: Call = start(Call, BLOCKING, self._method, request, self._deserializer, *more)
        return call.response_message(), call

    def future(
        self,
        request: Any,
        timeout: Optional[float] = None,
        metadata: Any = None,
        credentials: Any = None,
        wait_for_ready: Optional[bool] = None,
        compression: Any = None,
    ) -> FutureCall:
        refuse_credentials(credentials)
        more = (timeout, metadata, wait_for_ready, compression)
        call: FutureCall = start(FutureCall, HOME, self._method, request, self._deserializer, *more)
        return call


class UnaryStreamMultiCallable(_MultiCallable):
    """As ``grpc.UnaryStreamMultiCallable``."""

    __slots__ = ()

    def __call__(
        self,
        request: Any,
        timeout: Optional[float] = None,
        metadata: Any = None,
        credentials: Any = None,
        wait_for_ready: Optional[bool] = None,
        compression: Any = None,
    ) -> StreamCall:
        refuse_credentials(credentials)
        more = (timeout, metadata, wait_for_ready, compression)
        call: StreamCall = start(StreamCall, BLOCKING, self._method, request, self._deserializer, *more)
        return call


class StreamUnaryMultiCallable(_MultiCallable):
    """As ``grpc.StreamUnaryMultiCallable``."""

    __slots__ = ()

    def __call__(
        self,
        request_iterator: Iterable[Any],
        timeout: Optional[float] = None,
        metadata: Any = None,
        credentials: Any = None,
        wait_for_ready: Optional[bool] = None,
        compression: Any = None,
    ) -> Any:
        return self.with_call(request_iterator, timeout, metadata, credentials, wait_for_ready, compression)[0]

    def with_call(
        self,
        request_iterator: Iterable[Any],
        timeout: Optional[float] = None,
        metadata: Any = None,
        credentials: Any = None,
        wait_for_ready: Optional[bool] = None,
        compression: Any = None,
    ) -> Tuple[Any, Call]:
        refuse_credentials(credentials)
        more = (timeout, metadata, wait_for_ready, compression)
        call: Call = start(Call, BLOCKING, self._method, None, self._deserializer, *more)
        feed(call, request_iterator)
        call.wait(DONE)
        call.raise_failure()
        return call.response_message(), call

    def future(
        self,
        request_iterator: Iterable[Any],
        timeout: Optional[float] = None,
        metadata: Any = None,
        credentials: Any = None,
        wait_for_ready: Optional[bool] = None,
        compression: Any = None,
    ) -> FutureCall:
        refuse_credentials(credentials)
        more = (timeout, metadata, wait_for_ready, compression)
        call: FutureCall = start(FutureCall, HOME, self._method, None, self._deserializer, *more)
        feed(call, request_iterator)
        return call


class StreamStreamMultiCallable(_MultiCallable):
    """As ``grpc.StreamStreamMultiCallable``."""

    __slots__ = ()

    def __call__(
        self,
        request_iterator: Iterable[Any],
        timeout: Optional[float] = None,
        metadata: Any = None,
        credentials: Any = None,
        wait_for_ready: Optional[bool] = None,
        compression: Any = None,
    ) -> StreamCall:
        refuse_credentials(credentials)
        more = (timeout, metadata, wait_for_ready, compression)
        call: StreamCall = start(StreamCall, BLOCKING, self._method, None, self._deserializer, *more)
        feed(call, request_iterator)
        return call
