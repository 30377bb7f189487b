"""The asyncio channel."""
from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Callable, Dict, Mapping, Optional, Union

from .. import _causewire as _native
from .. import _options, _status
from .._host import AsyncResolver, AsyncTokenProvider, Host, Resolver, TokenProvider
from .._news import ASYNCIO, BIDI, CLIENT_STREAMING, SERVER_STREAMING, UNARY
from .._response import Response
from ._calls import Requests, StreamStreamCall, StreamUnaryCall, UnaryStreamCall, UnaryUnaryCall, start
from ._multicallables import (
    StreamStreamMultiCallable,
    StreamUnaryMultiCallable,
    UnaryStreamMultiCallable,
    UnaryUnaryMultiCallable,
)

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from .._gen.options import ChannelOptions

Serializer = Optional[Callable[[Any], bytes]]
Deserializer = Optional[Callable[[bytes], Any]]

_READY = 2
_SHUTDOWN = 4


class Channel:
    """A gRPC channel for asyncio (and uvloop). Any event loop of the process may use it, each with its own queue.

    Target and options are those of :class:`causewire.Channel`; ``token_provider`` and ``resolver`` may be asynchronous.
    """

    __slots__ = ("_native", "_host", "__weakref__")

    def __init__(
        self,
        target: str,
        options: Optional[Mapping[str, Any]] = None,
        *,
        token_provider: Union[AsyncTokenProvider, TokenProvider, None] = None,
        resolver: Union[AsyncResolver, Resolver, None] = None,
        **more: Unpack[ChannelOptions],
    ) -> None:
        document, key = _options.split(options, more)
        self._host = Host(token_provider, resolver, aio=True)
        try:
            self._host.bind(asyncio.get_running_loop())
        except RuntimeError:
            # made before the loop runs; its first call tells
            self._host.unbind()
        asks = (token_provider is not None, resolver is not None)
        self._native = _native.Channel(target, document, key, *asks, self._host, True)

    # --- the natural face

    async def unary(
        self,
        method: str,
        request: Any,
        *,
        timeout: Optional[float] = None,
        metadata: Any = None,
        wait_for_ready: Optional[bool] = None,
        compression: Any = None,
        authority: Optional[str] = None,
        idempotent: bool = False,
        retry: Optional[Mapping[str, Any]] = None,
        serializer: Serializer = None,
        deserializer: Deserializer = None,
    ) -> Response:
        """Calls ``/pkg.Service/Method`` and waits for its response. ``timeout`` is in seconds."""
        call = self.unary_call(
            method,
            request,
            timeout=timeout,
            metadata=metadata,
            wait_for_ready=wait_for_ready,
            compression=compression,
            authority=authority,
            idempotent=idempotent,
            retry=retry,
            serializer=serializer,
            deserializer=deserializer,
        )
        return await call.response()

    def unary_call(
        self,
        method: str,
        request: Any,
        *,
        timeout: Optional[float] = None,
        metadata: Any = None,
        wait_for_ready: Optional[bool] = None,
        compression: Any = None,
        authority: Optional[str] = None,
        idempotent: bool = False,
        retry: Optional[Mapping[str, Any]] = None,
        serializer: Serializer = None,
        deserializer: Deserializer = None,
    ) -> UnaryUnaryCall:
        """As :meth:`unary`, but returns the call at once, to be awaited or cancelled."""
        shape = self._method(method, UNARY, serializer, deserializer)
        more = (timeout, metadata, wait_for_ready, compression, authority, idempotent, _options.policy(retry))
        return UnaryUnaryCall(ASYNCIO, shape, request, *more)

    def server_streaming(
        self,
        method: str,
        request: Any,
        *,
        timeout: Optional[float] = None,
        metadata: Any = None,
        wait_for_ready: Optional[bool] = None,
        compression: Any = None,
        authority: Optional[str] = None,
        idempotent: bool = False,
        retry: Optional[Mapping[str, Any]] = None,
        serializer: Serializer = None,
        deserializer: Deserializer = None,
    ) -> UnaryStreamCall:
        """Calls a method whose responses are iterated."""
        shape = self._method(method, SERVER_STREAMING, serializer, deserializer)
        more = (timeout, metadata, wait_for_ready, compression, authority, idempotent, _options.policy(retry))
        call: UnaryStreamCall = start(UnaryStreamCall, ASYNCIO, shape, request, deserializer, *more)
        return call

    def client_streaming(
        self,
        method: str,
        requests: Optional[Requests] = None,
        *,
        timeout: Optional[float] = None,
        metadata: Any = None,
        wait_for_ready: Optional[bool] = None,
        compression: Any = None,
        authority: Optional[str] = None,
        idempotent: bool = False,
        retry: Optional[Mapping[str, Any]] = None,
        serializer: Serializer = None,
        deserializer: Deserializer = None,
    ) -> StreamUnaryCall:
        """Calls a method with a stream of requests: those given, or what ``send`` and ``close_send`` say."""
        shape = self._method(method, CLIENT_STREAMING, serializer, deserializer)
        more = (timeout, metadata, wait_for_ready, compression, authority, idempotent, _options.policy(retry))
        call: StreamUnaryCall = start(StreamUnaryCall, ASYNCIO, shape, None, deserializer, *more)
        if requests is not None:
            call.feed(requests)
        return call

    def bidi(
        self,
        method: str,
        requests: Optional[Requests] = None,
        *,
        timeout: Optional[float] = None,
        metadata: Any = None,
        wait_for_ready: Optional[bool] = None,
        compression: Any = None,
        authority: Optional[str] = None,
        idempotent: bool = False,
        retry: Optional[Mapping[str, Any]] = None,
        serializer: Serializer = None,
        deserializer: Deserializer = None,
    ) -> StreamStreamCall:
        """Calls a method with streams both ways."""
        shape = self._method(method, BIDI, serializer, deserializer)
        more = (timeout, metadata, wait_for_ready, compression, authority, idempotent, _options.policy(retry))
        call: StreamStreamCall = start(StreamStreamCall, ASYNCIO, shape, None, deserializer, *more)
        if requests is not None:
            call.feed(requests)
        return call

    # --- what stubs call

    def unary_unary(
        self,
        method: str,
        request_serializer: Serializer = None,
        response_deserializer: Deserializer = None,
        _registered_method: Optional[bool] = False,
    ) -> UnaryUnaryMultiCallable:
        shape = self._method(method, UNARY, request_serializer, response_deserializer)
        return UnaryUnaryMultiCallable(shape, response_deserializer)

    def unary_stream(
        self,
        method: str,
        request_serializer: Serializer = None,
        response_deserializer: Deserializer = None,
        _registered_method: Optional[bool] = False,
    ) -> UnaryStreamMultiCallable:
        shape = self._method(method, SERVER_STREAMING, request_serializer, response_deserializer)
        return UnaryStreamMultiCallable(shape, response_deserializer)

    def stream_unary(
        self,
        method: str,
        request_serializer: Serializer = None,
        response_deserializer: Deserializer = None,
        _registered_method: Optional[bool] = False,
    ) -> StreamUnaryMultiCallable:
        shape = self._method(method, CLIENT_STREAMING, request_serializer, response_deserializer)
        return StreamUnaryMultiCallable(shape, response_deserializer)

    def stream_stream(
        self,
        method: str,
        request_serializer: Serializer = None,
        response_deserializer: Deserializer = None,
        _registered_method: Optional[bool] = False,
    ) -> StreamStreamMultiCallable:
        shape = self._method(method, BIDI, request_serializer, response_deserializer)
        return StreamStreamMultiCallable(shape, response_deserializer)

    def _method(
        self, path: str, kind: int, serializer: Serializer, deserializer: Deserializer
    ) -> _native.Method:
        return _native.Method(self._native, path, kind, serializer, deserializer)

    # --- the connection

    def get_state(self, try_to_connect: bool = False) -> Any:
        """The channel's state: a ``grpc.ChannelConnectivity`` when grpc is loaded, otherwise ours."""
        if try_to_connect:
            self._native.connect()
        return _status.state(self._native.state())

    async def wait_for_state_change(self, last_observed_state: Any) -> None:
        """Returns once the state is another."""
        last = _status.state_number(last_observed_state)
        loop = asyncio.get_running_loop()
        changed = loop.create_future()

        def settle() -> None:
            if not changed.done():
                changed.set_result(None)

        def tell(state: int) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle)

        watch = self._host.watch(self._native, last, tell)
        try:
            await changed
        finally:
            self._host.unwatch(self._native, watch)

    async def channel_ready(self) -> None:
        """Connects and returns once that has succeeded."""
        while (state := self._native.state()) != _READY:
            if state == _SHUTDOWN:
                raise asyncio.InvalidStateError("the channel is closed")
            self._native.connect()
            await self.wait_for_state_change(_status.state(state))

    def reset_backoff(self) -> None:
        """Ends the current wait between connection attempts."""
        self._native.reset_backoff()

    def network_changed(self) -> None:
        """The network is another one: tries again at once."""
        self._native.network_changed()

    def stats(self) -> Dict[str, int]:
        """What the channel holds right now."""
        return dict(zip(("connections", "streams", "tasks", "buffered_bytes"), self._native.stats()))

    async def close(self, grace: Optional[float] = None) -> None:
        """Closes the connections. Calls in flight may end within ``grace`` seconds; what is left then is ended."""
        loop = asyncio.get_running_loop()
        end = loop.time() + (grace or 0)
        while self._native.live() and loop.time() < end:
            await asyncio.sleep(0.01)
        self._native.close()
        self._host.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<causewire.aio.Channel {_status.state(self._native.state()).name}>"
