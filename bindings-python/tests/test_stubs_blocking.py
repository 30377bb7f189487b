"""Stubs of grpcio-tools on the blocking channel, and what grpc's users expect of it."""
from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any, Dict, Iterator, List

import causewire
import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status


@pytest.fixture
def channel(target: str) -> Iterator[causewire.Channel]:
    with causewire.Channel(target, tls=None) as channel:
        yield channel


@pytest.fixture
def stub(channel: causewire.Channel, stubs: SimpleNamespace) -> Any:
    return stubs.Stub(channel)


def test_unary(stub: Any, stubs: SimpleNamespace) -> None:
    request = stubs.messages.EchoRequest(payload=b"hello")
    assert stub.Echo(request, timeout=5).payload == b"hello"
    response, call = stub.Echo.with_call(request, metadata=(("x-a", "b"), ("x-b-bin", b"\x00\xff")))
    assert response.payload == b"hello"
    assert call.code() is grpc.StatusCode.OK
    assert [key for key, _ in call.initial_metadata()] == ["content-type"]
    future = stub.Echo.future(request)
    assert future.result(timeout=5).payload == b"hello" and future.done() and future.exception() is None


def test_large_messages_cross_by_reference_and_come_back(stub: Any, stubs: SimpleNamespace) -> None:
    for size in (16 << 10, (16 << 10) + 1, 3 << 20):
        assert len(stub.Echo(stubs.messages.EchoRequest(payload=b"x" * size)).payload) == size


def test_server_stream(stub: Any, stubs: SimpleNamespace) -> None:
    call = stub.EchoServerStream(stubs.messages.EchoRequest(payload=b"a", count=5000))
    first = next(call)
    assert [first.index, *(response.index for response in call)] == list(range(5000))
    assert call.code() is grpc.StatusCode.OK and not call.is_active()


def test_client_stream(stub: Any, stubs: SimpleNamespace) -> None:
    requests = [stubs.messages.EchoRequest(payload=b"%d" % n) for n in range(10)]
    assert stub.EchoClientStream(iter(requests)).payload == b"0123456789"
    assert stub.EchoClientStream(requests).payload == b"0123456789"
    assert stub.EchoClientStream.future(iter(requests)).result(5).payload == b"0123456789"
    assert stub.EchoClientStream(iter(())).received == 0


def test_bidi(stub: Any, stubs: SimpleNamespace) -> None:
    answered = threading.Semaphore(1)

    def requests() -> Iterator[Any]:
        for n in range(100):
            assert answered.acquire(timeout=10)
            yield stubs.messages.EchoRequest(payload=b"%d" % n)

    payloads = []
    for response in stub.EchoBidi(requests()):
        payloads.append(response.payload)
        answered.release()
    assert payloads == [b"%d" % n for n in range(100)]


def failing(stubs: SimpleNamespace, code: int = 7) -> Any:
    status = status_pb2.Status(code=code, message="no ☃ for you")
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason="SNOW", domain="example.com"))
    return stubs.messages.EchoRequest(status=status, trailers=[stubs.messages.Header(key="x-why", value=b"because")])


KINDS = ["Echo", "EchoServerStream", "EchoClientStream", "EchoBidi"]


def perform(stub: Any, kind: str, request: Any) -> Any:
    method = getattr(stub, kind)
    answer = method(iter([request])) if kind in ("EchoClientStream", "EchoBidi") else method(request)
    return list(answer) if kind in ("EchoServerStream", "EchoBidi") else answer


@pytest.mark.parametrize("kind", KINDS)
def test_a_failure_of_each_kind_is_grpcs_and_ours(stub: Any, stubs: SimpleNamespace, kind: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        perform(stub, kind, failing(stubs))
    error: Any = caught.value
    assert isinstance(error, (causewire.PermissionDenied)) and isinstance(error, grpc.Call)
    assert isinstance(error, grpc.Future) and error.exception() is error and error.done()
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    assert error.details() == "no ☃ for you"
    assert ("x-why", "because") in [tuple(pair) for pair in error.trailing_metadata()]
    assert error.failure.cause == causewire.Cause.APP_PERMISSION_DENIED
    assert error.failure.layer is causewire.Layer.APPLICATION and error.failure.reached is causewire.Reached.YES
    status = rpc_status.from_call(error)
    info = error_details_pb2.ErrorInfo()
    assert status is not None and status.details[0].Unpack(info) and info.reason == "SNOW"
    assert "no ☃" not in error.failure.to_json() and error.failure.to_json().startswith('{"v":1,"code":7')


def test_every_code_has_its_class(stub: Any, stubs: SimpleNamespace) -> None:
    for code in list(grpc.StatusCode)[1:]:
        with pytest.raises(causewire.RpcError) as caught:
            stub.Echo(failing(stubs, int(code.value[0])))
        assert caught.value.code() is code
        expected = "".join(word.capitalize() for word in code.name.split("_"))
        assert type(caught.value).__name__ == expected and isinstance(caught.value, getattr(causewire, expected))
        assert type(caught.value) is type(pytest.raises(causewire.RpcError, stub.Echo, failing(stubs, code.value[0])).value)


def test_an_intercepted_channel(channel: causewire.Channel, stubs: SimpleNamespace) -> None:
    seen: List[str] = []

    class Seen(
        grpc.UnaryUnaryClientInterceptor,
        grpc.UnaryStreamClientInterceptor,
        grpc.StreamUnaryClientInterceptor,
        grpc.StreamStreamClientInterceptor,
    ):
        def _see(self, continuation: Any, details: Any, request: Any) -> Any:
            seen.append(details.method.rsplit("/", 1)[1])
            return continuation(details, request)

        intercept_unary_unary = intercept_unary_stream = intercept_stream_unary = intercept_stream_stream = _see

    stub = stubs.Stub(grpc.intercept_channel(channel, Seen()))
    for kind in KINDS:
        perform(stub, kind, stubs.messages.EchoRequest(payload=b"x"))
        with pytest.raises(grpc.RpcError) as caught:
            perform(stub, kind, failing(stubs))
        assert isinstance(caught.value, causewire.PermissionDenied)
    assert seen == [kind for kind in KINDS for _ in range(2)]
    assert stub.Echo.future(stubs.messages.EchoRequest(payload=b"x")).result(5).payload == b"x"


def test_channel_ready_future_and_states(channel: causewire.Channel, places: Dict[str, Any]) -> None:
    grpc.channel_ready_future(channel).result(timeout=10)
    assert channel.get_state() is grpc.ChannelConnectivity.READY
    dead = causewire.Channel(places["faults"]["refused"], tls=None)
    with pytest.raises(grpc.FutureTimeoutError):
        grpc.channel_ready_future(dead).result(timeout=0.3)
    assert dead.wait_for_state_change(dead.get_state(), timeout=0) in (True, False)
    with pytest.raises(TimeoutError):
        dead.channel_ready(timeout=0.2)


def test_timeouts_are_seconds(stub: Any, stubs: SimpleNamespace) -> None:
    slow = stubs.messages.EchoRequest(delay_ms=5000)
    with pytest.raises(causewire.DeadlineExceeded) as caught:
        stub.Echo(slow, timeout=0.2)
    deadline = caught.value.failure.deadline
    assert deadline is not None and deadline.budget_ms == 200
    with pytest.raises(grpc.FutureTimeoutError):
        stub.Echo.future(slow).result(timeout=0.1)


def test_callbacks_of_a_future_and_of_a_stream(stub: Any, stubs: SimpleNamespace) -> None:
    for call in (
        stub.Echo.future(stubs.messages.EchoRequest(delay_ms=50)),
        stub.EchoServerStream(stubs.messages.EchoRequest(delay_ms=50)),
    ):
        told = threading.Event()
        call.add_done_callback(lambda done: told.set())
        assert told.wait(10)
        assert not call.add_callback(lambda: None)


def test_cancelling_a_future_and_a_stream(stub: Any, stubs: SimpleNamespace) -> None:
    future = stub.Echo.future(stubs.messages.EchoRequest(delay_ms=10_000))
    assert future.cancel() and future.cancelled() and not future.cancel()
    with pytest.raises(grpc.FutureCancelledError):
        future.result()
    call = stub.EchoServerStream(stubs.messages.EchoRequest(payload=b"x", delay_ms=20, count=1000))
    next(call)
    threading.Timer(0.1, call.cancel).start()
    with pytest.raises(grpc.RpcError) as caught:
        list(call)
    assert caught.value.code() is grpc.StatusCode.CANCELLED  # type: ignore[attr-defined]
    assert call.failure.cause is causewire.Cause.CANCELLED_BY_CALLER


def test_a_request_iterator_that_raises(stub: Any, stubs: SimpleNamespace) -> None:
    def requests() -> Iterator[Any]:
        yield stubs.messages.EchoRequest(payload=b"x")
        raise ValueError("broken")

    with pytest.raises(grpc.RpcError) as caught:
        stub.EchoClientStream(requests())
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.CANCELLED and isinstance(error.source, ValueError)
    assert "broken" not in str(error) + repr(error) + error.diagnostic()


def test_messages_that_cannot_be_written_or_read(channel: causewire.Channel, stubs: SimpleNamespace) -> None:
    with pytest.raises(TypeError):
        stubs.Stub(channel).Echo("not a message")
    path = "/causewire.testbed.v1.Testbed/Echo"

    def refuse(value: Any) -> Any:
        raise ValueError("secret payload")

    with pytest.raises(causewire.RpcError) as caught:
        channel.unary_unary(path, request_serializer=refuse)(b"")
    assert caught.value.failure.cause is causewire.Cause.REQUEST_INVALID
    for call in (channel.unary_unary(path, None, refuse), lambda x: list(channel.unary_stream(path, None, refuse)(x))):
        with pytest.raises(causewire.RpcError) as caught:
            call(b"")
        assert caught.value.failure.cause is causewire.Cause.RESPONSE_DECODE_FAILED
        assert isinstance(caught.value.source, ValueError) and caught.value.__cause__ is None
