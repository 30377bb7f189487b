"""CPU time per operation of causewire.aio against grpc.aio, on one testbed, in turns.

bench.py TESTBED [ROUNDS]                   the table; TESTBED is the causewire-testbed program
bench.py TARGET CLIENT CASE SECONDS         one run: prints the number of operations and microseconds of CPU for each
"""
from __future__ import annotations

import asyncio
import importlib
import json
import resource
import statistics
import subprocess
import sys
import time
from typing import Any, Dict, List, Tuple

UNARY, STREAM = "/bench.Echo/Unary", "/bench.Echo/ServerStream"
CASES = ("unary, one after another", "unary, 64 in flight", "server stream, 100 bytes")
CLIENTS = ("grpc.aio", "causewire.aio")
PAYLOAD = b"x" * 100


def cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def open_channel(client: str, target: str) -> Any:
    if client == "grpc.aio":
        return importlib.import_module("grpc.aio").insecure_channel(target)
    import causewire.aio

    return causewire.aio.Channel(target, tls=None)


async def unary(channel: Any, width: int, end: float) -> int:
    call = channel.unary_unary(UNARY)
    done = 0

    async def work() -> None:
        nonlocal done
        while time.perf_counter() < end:
            await call(PAYLOAD)
            done += 1

    await asyncio.gather(*(work() for _ in range(width)))
    return done


async def stream(channel: Any, end: float) -> int:
    call = channel.unary_stream(STREAM)
    wish = (10_000).to_bytes(4, "little") + (100).to_bytes(4, "little")
    done = 0
    while time.perf_counter() < end:
        async for _ in call(wish):
            done += 1
    return done


async def measure(target: str, client: str, case: str, seconds: float) -> Tuple[int, float]:
    channel = open_channel(client, target)
    await unary(channel, 8, time.perf_counter() + 0.2)
    before, end = cpu(), time.perf_counter() + seconds
    if case == CASES[2]:
        done = await stream(channel, end)
    else:
        done = await unary(channel, 64 if case == CASES[1] else 1, end)
    spent = cpu() - before
    await channel.close()
    return done, spent / done * 1e6


def table(testbed: str, rounds: int) -> None:
    with subprocess.Popen([testbed, "serve"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            compare(json.loads(server.stdout.readline())["target"], rounds)
        finally:
            server.terminate()


def compare(target: str, rounds: int) -> None:
    seen: Dict[Tuple[str, str], List[float]] = {}
    for _ in range(rounds):
        for case in CASES:
            for client in CLIENTS:
                command = [sys.executable, __file__, target, client, case, "1"]
                line = subprocess.run(command, capture_output=True, text=True, check=True).stdout
                seen.setdefault((case, client), []).append(float(line.split()[1]))
    print(f"{'CPU microseconds per operation':<30}{'grpc.aio':>16}{'causewire.aio':>16}{'ratio':>14}   median (minimum)")
    for case in CASES:
        theirs, ours = (seen[case, client] for client in CLIENTS)
        cells = [f"{statistics.median(each):.2f} ({min(each):.2f})" for each in (theirs, ours)]
        ratio = f"{statistics.median(theirs) / statistics.median(ours):.1f} ({min(theirs) / min(ours):.1f})"
        print(f"{case:<30}{cells[0]:>16}{cells[1]:>16}{ratio:>14}")


if __name__ == "__main__":
    if len(sys.argv) == 5:
        print(*asyncio.run(measure(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]))))
    else:
        table(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 8)
