"""The multicallables of an asyncio channel: what the stubs of grpcio-tools call."""
from __future__ import annotations

from typing import Any, Optional

from .. import _causewire as _native
from .._multicallables import refuse_credentials
from .._news import ASYNCIO
from ._calls import Requests, StreamStreamCall, StreamUnaryCall, UnaryStreamCall, UnaryUnaryCall, start


class _MultiCallable:
    __slots__ = ("_method", "_deserializer")

    def __init__(self, method: _native.Method, deserializer: Any) -> None:
        self._method = method
        self._deserializer = deserializer


class UnaryUnaryMultiCallable(_MultiCallable):
    """As ``grpc.aio.UnaryUnaryMultiCallable``. Timeouts are seconds."""

    __slots__ = ()

    def __call__(
        self,
        request: Any,
        *,
        timeout: Optional[float] = None,
        metadata: Any = None,
        credentials: Any = None,
        wait_for_ready: Optional[bool] = None,
        compression: Any = None,
    ) -> UnaryUnaryCall:
        if credentials is not None:
            refuse_credentials(credentials)
        return UnaryUnaryCall(ASYNCIO, self._method, request, timeout, metadata, wait_for_ready, compression)


class UnaryStreamMultiCallable(_MultiCallable):
    """As ``grpc.aio.UnaryStreamMultiCallable``."""

    __slots__ = ()

    def __call__(
        self,
        request: Any,
        *,
        timeout: Optional[float] = None,
        metadata: Any = None,
        credentials: Any = None,
        wait_for_ready: Optional[bool] = None,
        compression: Any = None,
    ) -> UnaryStreamCall:
        refuse_credentials(credentials)
        more = (timeout, metadata, wait_for_ready, compression)
        call: UnaryStreamCall = start(UnaryStreamCall, ASYNCIO, self._method, request, self._deserializer, *more)
        return call


class StreamUnaryMultiCallable(_MultiCallable):
    """As ``grpc.aio.StreamUnaryMultiCallable``."""

    __slots__ = ()

    def __call__(
        self,
        request_iterator: Optional[Requests] = None,
        timeout: Optional[float] = None,
        metadata: Any = None,
        credentials: Any = None,
        wait_for_ready: Optional[bool] = None,
        compression: Any = None,
    ) -> StreamUnaryCall:
        refuse_credentials(credentials)
        more = (timeout, metadata, wait_for_ready, compression)
        call: StreamUnaryCall = start(StreamUnaryCall, ASYNCIO, self._method, None, self._deserializer, *more)
        if request_iterator is not None:
            call.feed(request_iterator)
        return call


class StreamStreamMultiCallable(_MultiCallable):
    """As ``grpc.aio.StreamStreamMultiCallable``."""

    __slots__ = ()

    def __call__(
        self,
        request_iterator: Optional[Requests] = None,
        timeout: Optional[float] = None,
        metadata: Any = None,
        credentials: Any = None,
        wait_for_ready: Optional[bool] = None,
        compression: Any = None,
    ) -> StreamStreamCall:
        refuse_credentials(credentials)
        more = (timeout, metadata, wait_for_ready, compression)
        call: StreamStreamCall = start(StreamStreamCall, ASYNCIO, self._method, None, self._deserializer, *more)
        if request_iterator is not None:
            call.feed(request_iterator)
        return call
