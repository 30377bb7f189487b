"""Time, CPU and memory of this process, and what the cells send."""
from __future__ import annotations

import json
import os
import platform
import resource
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Dict, List, Optional

UNARY, SERVER_STREAM, BIDI = "/bench.Echo/Unary", "/bench.Echo/ServerStream", "/bench.Echo/Bidi"
# Before each cell, unmeasured.
WARM_UP = 0.05
STREAMS = {"stream_100B": (20_000, 100), "stream_64KiB": (400, 64 << 10)}


def message(size: int) -> bytes:
    return b"x" * size


def wish(count: int, size: int) -> bytes:
    """The request of a stream: a ``BytesValue`` of two numbers."""
    return b"\x0a\x08" + count.to_bytes(4, "little") + size.to_bytes(4, "little")


def order() -> Any:
    from bench_pb2 import Line, Order

    lines = [("SKU-1001", 2, 19.99), ("SKU-2002", 1, 249.5), ("SKU-3003", 12, 0.75)]
    return Order(
        id="ord_01J9ZQ5V7N3K8",
        customer="cus_00420042",
        lines=[Line(sku=sku, quantity=quantity, price=price) for sku, quantity, price in lines],
        labels={"channel": "web", "region": "eu-central"},
        created_ms=1_760_000_000_000,
        signature=b"\x07" * 64,
    )


def say(value: Dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def versions() -> Dict[str, str]:
    known = {"Python": platform.python_version()}
    for package in ("grpcio", "protobuf", "uvloop"):
        try:
            known[package] = version(package)
        except PackageNotFoundError:
            pass
    return known


def resident() -> Optional[int]:
    """What this process holds in memory now, in bytes; ``None`` where the system does not say."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    except OSError:
        return None


def say_each(before: Optional[int], count: int) -> None:
    after = resident()
    each = None if before is None or after is None else max(0, after - before) // count
    say({"bytes": each})


class Meter:
    """Runs from its making until :meth:`stop`."""

    def __init__(self) -> None:
        self._cpu = self._used()
        self._started = time.perf_counter()

    @staticmethod
    def _used() -> float:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_utime + usage.ru_stime

    def stop(self, cell: str, operations: int, latencies: List[float]) -> None:
        wall = time.perf_counter() - self._started
        cpu = self._used() - self._cpu
        latencies.sort()

        def quantile(share: float) -> Optional[float]:
            return latencies[int((len(latencies) - 1) * share)] * 1e6 if latencies else None

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        sample = {"cell": cell, "operations": operations, "wall": wall, "cpu": cpu, "rss": peak}
        say({**sample, "p50": quantile(0.5), "p99": quantile(0.99)})
