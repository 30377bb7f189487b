"""Clients of asyncio: grpc.aio, and causewire.aio. Their channels are called alike."""
from __future__ import annotations

import asyncio
import sys
import time
from typing import Any, Awaitable, Callable, List, Tuple

from channels import METADATA, SECONDS, asyncio_channel

Done = Tuple[int, List[float]]


async def run(client: str, address: str, verb: str, *rest: str) -> None:
    if verb == "cold":
        channel = asyncio_channel(client, address)
        await channel.unary_unary("/bench.Echo/Unary")(b"x" * 100, timeout=SECONDS, metadata=METADATA)
        print("first", flush=True)
        await channel.close()
    elif verb == "serve":
        await serve(Client(asyncio_channel(client, address)))
    else:
        from meter import resident, say_each

        make = {"channels": each_channel, "streams": each_stream}[verb](client, address)
        held, before, count = [await make()], resident(), int(rest[0])
        for _ in range(count):
            held.append(await make())
        say_each(before, count)


def each_channel(client: str, address: str) -> Callable[[], Awaitable[Any]]:
    async def make() -> Any:
        channel = asyncio_channel(client, address, alone=True)
        await channel.unary_unary("/bench.Echo/Unary")(b"x" * 100, timeout=SECONDS, metadata=METADATA)
        return channel

    return make


def each_stream(client: str, address: str) -> Callable[[], Awaitable[Any]]:
    call = asyncio_channel(client, address).stream_stream("/bench.Echo/Bidi")

    async def make() -> Any:
        stream = call(timeout=SECONDS, metadata=METADATA)
        await stream.write(b"x" * 100)
        await stream.read()
        return stream

    return make


async def serve(client: Client) -> None:
    from meter import WARM_UP, Meter, say, versions

    say(versions())
    # Nothing is due while it waits for the next cell, so the loop may stand still.
    for line in sys.stdin:
        cell, seconds = line.split()
        await client.spend(cell, WARM_UP)
        meter = Meter()
        meter.stop(cell, *await client.spend(cell, float(seconds)))


class Client:
    def __init__(self, channel: Any) -> None:
        from meter import BIDI, SERVER_STREAM, UNARY

        self._channel = channel
        self._unary = channel.unary_unary(UNARY)
        self._stream = channel.unary_stream(SERVER_STREAM)
        self._bidi = channel.stream_stream(BIDI)

    async def spend(self, cell: str, seconds: float) -> Done:
        from meter import STREAMS, message

        end = time.perf_counter() + seconds
        if cell in STREAMS:
            return await self._read(*STREAMS[cell], end)
        if cell == "ping_pong":
            return await self._turns(end)
        if cell == "protobuf":
            return await self._place(end)
        if cell in ("unary_64", "unary_10000"):
            width = int(cell.removeprefix("unary_"))
            each = await asyncio.gather(*(self._calls(message(100), end) for _ in range(width)))
            latencies = [latency for _, part in each for latency in part]
            return len(latencies), latencies
        return await self._calls(message(1 << 20 if cell == "unary_1MiB" else 100), end)

    async def _calls(self, message: bytes, end: float) -> Done:
        call, clock = self._unary, time.perf_counter
        latencies: List[float] = []
        while (started := clock()) < end:
            reply = await call(message, timeout=SECONDS, metadata=METADATA)
            latencies.append(clock() - started)
            assert len(reply) == len(message)
        return len(latencies), latencies

    async def _place(self, end: float) -> Done:
        from bench_pb2_grpc import EchoStub
        from meter import order

        place, wanted, clock = EchoStub(self._channel).Place, order(), time.perf_counter
        latencies: List[float] = []
        while (started := clock()) < end:
            reply = await place(wanted, timeout=SECONDS, metadata=METADATA)
            latencies.append(clock() - started)
            assert len(reply.lines) == len(wanted.lines)
        return len(latencies), latencies

    async def _read(self, count: int, size: int, end: float) -> Done:
        from meter import wish

        received = 0
        while time.perf_counter() < end:
            async for _ in self._stream(wish(count, size), timeout=SECONDS, metadata=METADATA):
                received += 1
        return received, []

    async def _turns(self, end: float) -> Done:
        call = self._bidi(timeout=SECONDS, metadata=METADATA)
        clock = time.perf_counter
        latencies: List[float] = []
        while (started := clock()) < end:
            await call.write(b"x" * 100)
            await call.read()
            latencies.append(clock() - started)
        await call.done_writing()
        await call.read()
        return len(latencies), latencies
