"""Clients whose calls block: grpcio, and causewire."""
from __future__ import annotations

import queue
import sys
import threading
import time
from typing import Any, Callable, List, Tuple

from channels import METADATA, SECONDS, blocking_channel

Done = Tuple[int, List[float]]


def run(client: str, address: str, verb: str, *rest: str) -> None:
    if verb == "cold":
        channel = blocking_channel(client, address)
        channel.unary_unary("/bench.Echo/Unary")(b"x" * 100, timeout=SECONDS, metadata=METADATA)
        print("first", flush=True)
    elif verb == "serve":
        serve(Client(client, address))
    else:
        from meter import resident, say_each

        make = {"channels": each_channel, "streams": each_stream}[verb](client, address)
        held, before, count = [make()], resident(), int(rest[0])
        held += [make() for _ in range(count)]
        say_each(before, count)


def each_channel(client: str, address: str) -> Callable[[], Any]:
    def make() -> Any:
        channel = blocking_channel(client, address, alone=True)
        channel.unary_unary("/bench.Echo/Unary")(b"x" * 100, timeout=SECONDS, metadata=METADATA)
        return channel

    return make


def each_stream(client: str, address: str) -> Callable[[], Any]:
    opener = Client(client, address)

    def make() -> Any:
        turn, _, call = opener.ping_pong()
        turn(b"x" * 100)
        return turn, call

    return make


def serve(client: Client) -> None:
    from meter import WARM_UP, Meter, say, versions

    say(versions())
    for line in sys.stdin:
        cell, seconds = line.split()
        client.spend(cell, WARM_UP)
        meter = Meter()
        meter.stop(cell, *client.spend(cell, float(seconds)))


class Client:
    def __init__(self, client: str, address: str) -> None:
        from meter import BIDI, SERVER_STREAM, UNARY

        self._channel = blocking_channel(client, address)
        self._unary = self._channel.unary_unary(UNARY)
        self._stream = self._channel.unary_stream(SERVER_STREAM)
        # grpcio's own way to send when it pleases the caller is an iterator; ours is `send`
        ours = client == "causewire"
        self._bidi = self._channel.bidi if ours else self._channel.stream_stream(BIDI)
        self.ping_pong = self._ours if ours else self._theirs

    def spend(self, cell: str, seconds: float) -> Done:
        from meter import STREAMS, message

        end = time.perf_counter() + seconds
        if cell in STREAMS:
            return self._read(*STREAMS[cell], end)
        if cell == "ping_pong":
            return self._turns(end)
        if cell == "protobuf":
            return self._place(end)
        if cell.startswith("threads_"):
            return self._threads(int(cell.removeprefix("threads_")), end)
        return self._calls(message(1 << 20 if cell == "unary_1MiB" else 100), end)

    def _calls(self, message: bytes, end: float) -> Done:
        call, clock = self._unary, time.perf_counter
        latencies: List[float] = []
        while (started := clock()) < end:
            reply = call(message, timeout=SECONDS, metadata=METADATA)
            latencies.append(clock() - started)
            assert len(reply) == len(message)
        return len(latencies), latencies

    def _threads(self, width: int, end: float) -> Done:
        latencies: List[float] = []
        threads = [threading.Thread(target=lambda: latencies.extend(self._calls(b"x" * 100, end)[1])) for _ in range(width)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len(latencies), latencies

    def _place(self, end: float) -> Done:
        from bench_pb2_grpc import EchoStub
        from meter import order

        place, wanted, clock = EchoStub(self._channel).Place, order(), time.perf_counter
        latencies: List[float] = []
        while (started := clock()) < end:
            reply = place(wanted, timeout=SECONDS, metadata=METADATA)
            latencies.append(clock() - started)
            assert len(reply.lines) == len(wanted.lines)
        return len(latencies), latencies

    def _read(self, count: int, size: int, end: float) -> Done:
        from meter import wish

        received = 0
        while time.perf_counter() < end:
            for _ in self._stream(wish(count, size), timeout=SECONDS, metadata=METADATA):
                received += 1
        return received, []

    def _turns(self, end: float) -> Done:
        turn, close, _ = self.ping_pong()
        clock = time.perf_counter
        latencies: List[float] = []
        while (started := clock()) < end:
            turn(b"x" * 100)
            latencies.append(clock() - started)
        close()
        return len(latencies), latencies

    def _ours(self) -> Tuple[Callable[[bytes], bytes], Callable[[], None], Any]:
        call = self._bidi("/bench.Echo/Bidi", timeout=SECONDS, metadata=METADATA)

        def turn(message: bytes) -> bytes:
            call.send(message)
            reply: bytes = next(call)
            return reply

        def close() -> None:
            call.close_send()
            assert next(call, None) is None

        return turn, close, call

    def _theirs(self) -> Tuple[Callable[[bytes], bytes], Callable[[], None], Any]:
        requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        call = self._bidi(iter(requests.get, None), timeout=SECONDS, metadata=METADATA)

        def turn(message: bytes) -> bytes:
            requests.put(message)
            reply: bytes = next(call)
            return reply

        def close() -> None:
            requests.put(None)
            assert next(call, None) is None

        return turn, close, call
