"""The blocking channel."""
from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, List, Mapping, Optional

from . import _causewire as _native
from . import _home, _options, _status
from ._calls import Call, StreamCall, feed, start
from ._host import Host, Resolver, TokenProvider
from ._multicallables import (
    StreamStreamMultiCallable,
    StreamUnaryMultiCallable,
    UnaryStreamMultiCallable,
    UnaryUnaryMultiCallable,
)
from ._news import BIDI, BLOCKING, CLIENT_STREAMING, SERVER_STREAMING, UNARY
from ._response import Response

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from ._gen.options import ChannelOptions

Serializer = Optional[Callable[[Any], bytes]]
Deserializer = Optional[Callable[[bytes], Any]]

_READY = 2
_SHUTDOWN = 4


class Channel:
    """A gRPC channel for blocking code: any number of threads may use it, and it survives a fork.

    ``target`` is ``dns:///host:port``, ``host:port``, ``ipv4:…``, ``ipv6:…`` or ``unix:…``. Options are given as
    keyword arguments or as a mapping. TLS with the system's roots is the default; ``tls=None`` is plaintext. Nothing is
    connected before the first call. A mistake in target or options raises :class:`causewire.RpcError` here.
    """

    __slots__ = ("_native", "_host", "_subscriptions", "__weakref__")

    def __init__(
        self,
        target: str,
        options: Optional[Mapping[str, Any]] = None,
        *,
        token_provider: Optional[TokenProvider] = None,
        resolver: Optional[Resolver] = None,
        **more: Unpack[ChannelOptions],
    ) -> None:
        document, key = _options.split(options, more)
        self._host = Host(token_provider, resolver, aio=False)
        asks = (token_provider is not None, resolver is not None)
        self._native = _native.Channel(target, document, key, *asks, self._host, False)
        self._subscriptions: List[_Subscription] = []

    # --- the natural face

    def unary(
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
        """Calls ``/pkg.Service/Method`` and waits for its response. ``timeout`` is in seconds.

        ``idempotent``: the request may be sent again although the server may have seen it. ``retry``: a mapping with
        ``retryPolicy`` or ``hedgingPolicy`` as the service config has them (gRFC A6), or an empty one for no policy,
        in place of what the service config says.
        """
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
        return call.response()

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
    ) -> Call:
        """As :meth:`unary`, but returns the call at once, to be waited for or cancelled."""
        shape = self._method(method, UNARY, serializer, deserializer)
        more = (timeout, metadata, wait_for_ready, compression, authority, idempotent, _options.policy(retry))
        call: Call = start(Call, BLOCKING, shape, request, deserializer, *more)
        return call

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
    ) -> StreamCall:
        """Calls a method whose responses are iterated."""
        shape = self._method(method, SERVER_STREAMING, serializer, deserializer)
        more = (timeout, metadata, wait_for_ready, compression, authority, idempotent, _options.policy(retry))
        call: StreamCall = start(StreamCall, BLOCKING, shape, request, deserializer, *more)
        return call

    def client_streaming(
        self,
        method: str,
        requests: Optional[Iterable[Any]] = None,
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
    ) -> Call:
        """Calls a method with a stream of requests: those given, or what ``send`` and ``close_send`` say."""
        shape = self._method(method, CLIENT_STREAMING, serializer, deserializer)
        more = (timeout, metadata, wait_for_ready, compression, authority, idempotent, _options.policy(retry))
        call: Call = start(Call, BLOCKING, shape, None, deserializer, *more)
        if requests is not None:
            feed(call, requests)
        return call

    def bidi(
        self,
        method: str,
        requests: Optional[Iterable[Any]] = None,
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
    ) -> StreamCall:
        """Calls a method with streams both ways."""
        shape = self._method(method, BIDI, serializer, deserializer)
        more = (timeout, metadata, wait_for_ready, compression, authority, idempotent, _options.policy(retry))
        call: StreamCall = start(StreamCall, BLOCKING, shape, None, deserializer, *more)
        if requests is not None:
            feed(call, requests)
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

    def wait_for_state_change(self, last_observed_state: Any, timeout: Optional[float] = None) -> bool:
        """Blocks until the state is another. False: ``timeout`` seconds have passed."""
        return self._native.wait_for_state_change(_status.state_number(last_observed_state), timeout)

    def channel_ready(self, timeout: Optional[float] = None) -> None:
        """Connects and blocks until that has succeeded. Raises TimeoutError after ``timeout`` seconds."""
        end = None if timeout is None else time.monotonic() + timeout
        while (state := self._native.state()) != _READY:
            if state == _SHUTDOWN:
                raise RuntimeError("the channel is closed")
            self._native.connect()
            left = None if end is None else end - time.monotonic()
            if (left is not None and left <= 0) or not self._native.wait_for_state_change(state, left):
                raise TimeoutError("the channel is not ready")

    def subscribe(self, callback: Callable[[Any], None], try_to_connect: Optional[bool] = False) -> None:
        """``callback(state)`` runs at once and whenever the state changes, on a thread of its own."""
        subscription = _Subscription(self._native, self._host, callback, bool(try_to_connect))
        self._subscriptions.append(subscription)
        subscription.begin()

    def unsubscribe(self, callback: Callable[[Any], None]) -> None:
        """Ends a subscription."""
        for subscription in [each for each in self._subscriptions if each.callback == callback]:
            self._subscriptions.remove(subscription)
            subscription.end()

    def reset_backoff(self) -> None:
        """Ends the current wait between connection attempts."""
        self._native.reset_backoff()

    def network_changed(self) -> None:
        """The network is another one: tries again at once."""
        self._native.network_changed()

    def stats(self) -> Dict[str, int]:
        """What the channel holds right now."""
        return dict(zip(("connections", "streams", "tasks", "buffered_bytes"), self._native.stats()))

    def close(self) -> None:
        """Ends calls in flight and closes the connections. Later calls fail."""
        self._native.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<causewire.Channel {_status.state(self._native.state()).name}>"


class _Subscription:
    """Tells one callback of every state, in order."""

    __slots__ = ("callback", "_native", "_host", "_connect", "_watch", "_active")

    def __init__(
        self, native: _native.Channel, host: Host, callback: Callable[[Any], None], connect: bool
    ) -> None:
        self.callback = callback
        self._native = native
        self._host = host
        self._connect = connect
        self._watch = 0
        self._active = True

    def begin(self) -> None:
        state = self._native.state()
        if self._connect:
            self._native.connect()
        _home.spawn(lambda: self._tell(state))

    def end(self) -> None:
        self._active = False
        self._host.unwatch(self._native, self._watch)

    def _tell(self, state: int) -> None:
        if not self._active:
            return
        try:
            self.callback(_status.state(state))
        finally:
            if self._connect and state == 0:
                self._native.connect()
            if self._active and state != _SHUTDOWN:
                self._watch = self._host.watch(self._native, state, self._tell)
