"""Stubs of grpcio-tools on the asyncio channel, on asyncio's own loop and on uvloop."""
from __future__ import annotations

import asyncio
import gc
from types import SimpleNamespace
from typing import Any, AsyncIterator, Callable, Coroutine

import causewire
import causewire.aio
import grpc
import grpc.aio
import pytest
import uvloop
from grpc_status import rpc_status
from test_stubs_blocking import KINDS, failing

Main = Callable[[Any], Coroutine[Any, Any, None]]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def go(request: pytest.FixtureRequest, target: str, stubs: SimpleNamespace) -> Any:
    """Runs a coroutine function with a stub."""

    def run(main: Main) -> None:
        async def wrapped() -> None:
            async with causewire.aio.Channel(target, tls=None) as channel:
                stub = stubs.Stub(channel)
                stub.channel = channel
                await asyncio.wait_for(main(stub), 30)

        loop = request.param()
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(wrapped())
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    return run


def test_all_kinds(go: Any, stubs: SimpleNamespace) -> None:
    request = stubs.messages.EchoRequest

    async def main(stub: Any) -> None:
        call = stub.Echo(request(payload=b"a"), timeout=5, metadata=(("x-a", "b"),))
        assert (await call).payload == b"a" and (await call).payload == b"a"
        assert await call.code() is grpc.StatusCode.OK and isinstance(await call.initial_metadata(), grpc.aio.Metadata)
        answers = await asyncio.gather(*(stub.Echo(request(payload=b"%d" % n)) for n in range(300)))
        assert [answer.payload for answer in answers] == [b"%d" % n for n in range(300)]

        stream = stub.EchoServerStream(request(count=3000))
        assert [response.index async for response in stream] == list(range(3000))
        stream = stub.EchoServerStream(request(count=2))
        assert [(await stream.read()).index, (await stream.read()).index] == [0, 1]
        assert await stream.read() is grpc.aio.EOF and causewire.aio.EOF is grpc.aio.EOF
        with pytest.raises(grpc.aio.UsageError):
            stream.__aiter__()

        async def requests() -> AsyncIterator[Any]:
            for n in range(10):
                yield request(payload=b"%d" % n)

        assert (await stub.EchoClientStream(requests())).payload == b"0123456789"
        assert (await stub.EchoClientStream([request(payload=b"x")] * 3)).payload == b"xxx"
        writer = stub.EchoClientStream()
        for _ in range(3):
            await writer.write(request(payload=b"y" * 100_000))
        await writer.done_writing()
        assert len((await writer).payload) == 300_000
        with pytest.raises(asyncio.InvalidStateError):
            await writer.write(request())

        assert [response.payload async for response in stub.EchoBidi(requests())] == [b"%d" % n for n in range(10)]
        both = stub.EchoBidi()
        for n in range(5):
            await both.write(request(payload=b"%d" % n))
            assert (await both.read()).payload == b"%d" % n
        await both.done_writing()
        assert await both.read() is grpc.aio.EOF and await both.code() is grpc.StatusCode.OK

    go(main)


@pytest.mark.parametrize("kind", KINDS)
def test_a_failure_of_each_kind(go: Any, stubs: SimpleNamespace, kind: str) -> None:
    async def main(stub: Any) -> None:
        method = getattr(stub, kind)
        call = method([failing(stubs)]) if kind in ("EchoClientStream", "EchoBidi") else method(failing(stubs))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call if kind in ("Echo", "EchoClientStream") else [response async for response in call]
        error: Any = caught.value
        assert isinstance(error, causewire.PermissionDenied) and error.code() is grpc.StatusCode.PERMISSION_DENIED
        assert error.details() == "no ☃ for you" and isinstance(error.trailing_metadata(), grpc.aio.Metadata)
        assert error.failure.cause is causewire.Cause.APP_PERMISSION_DENIED
        assert rpc_status.from_call(error) is not None
        assert await call.code() is grpc.StatusCode.PERMISSION_DENIED and await call.details() == "no ☃ for you"

    go(main)


def test_cancelling_a_task_reaches_the_wire(go: Any, stubs: SimpleNamespace) -> None:
    async def main(stub: Any) -> None:
        async def resets() -> int:
            return int((await stub.Counters(stubs.messages.CountersRequest())).resets[8])

        before = await resets()
        slow = stubs.messages.EchoRequest(delay_ms=10_000)
        call = stub.Echo(slow)

        async def wait() -> None:
            await call

        task = asyncio.ensure_future(wait())
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert call.cancelled() and call.done() and call.failure.cause is causewire.Cause.CANCELLED_BY_CALLER

        stream = stub.EchoServerStream(slow)
        reader = asyncio.ensure_future(stream.read())
        await asyncio.sleep(0.1)
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(stub.Echo(slow), 0.1)
        call = stub.Echo(slow)
        await asyncio.sleep(0.1)
        assert call.cancel() and not call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await call.code() is grpc.StatusCode.CANCELLED
        while await resets() < before + 4:
            await asyncio.sleep(0.01)

    go(main)


def test_a_collected_call_is_cancelled(go: Any, stubs: SimpleNamespace) -> None:
    async def main(stub: Any) -> None:
        calls = [stub.Echo(stubs.messages.EchoRequest(delay_ms=10_000)) for _ in range(20)]
        calls += [stub.EchoBidi() for _ in range(20)]
        await asyncio.sleep(0.2)
        assert stub.channel.stats()["streams"] == 40
        calls.clear()
        gc.collect()
        while stub.channel.stats()["streams"]:
            await asyncio.sleep(0.01)
        # the end of each was taken, too, and nothing is left behind
        assert stub.channel.stats()["buffered_bytes"] == 0

    go(main)


def test_done_callbacks_and_time(go: Any, stubs: SimpleNamespace) -> None:
    async def main(stub: Any) -> None:
        done = asyncio.Event()
        call = stub.Echo(stubs.messages.EchoRequest(delay_ms=50), timeout=30)
        assert 29 < call.time_remaining() <= 30
        call.add_done_callback(lambda it: done.set() if it is call else None)
        await done.wait()
        await call.wait_for_connection()

    go(main)


def test_states(go: Any, places: Any) -> None:
    async def main(stub: Any) -> None:
        await stub.channel.channel_ready()
        assert stub.channel.get_state() is grpc.ChannelConnectivity.READY
        waiting = asyncio.ensure_future(stub.channel.wait_for_state_change(grpc.ChannelConnectivity.READY))
        await asyncio.sleep(0.05)
        await stub.channel.close()
        await waiting
        assert stub.channel.get_state() is grpc.ChannelConnectivity.SHUTDOWN

    go(main)


def test_one_channel_on_several_loops(target: str, stubs: SimpleNamespace) -> None:
    channel = causewire.aio.Channel(target, tls=None)

    async def main() -> None:
        stub = stubs.Stub(channel)
        assert (await stub.Echo(stubs.messages.EchoRequest(payload=b"x"))).payload == b"x"

    for _ in range(20):
        asyncio.run(main())
    gc.collect()
    from causewire.aio import _loops

    assert len(_loops._attached) <= 1
