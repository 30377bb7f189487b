"""What rpc_soak and channel_soak count."""
from __future__ import annotations

import argparse
import sys
import time
from typing import Any, Iterator, List, Optional

from messages import check, check_zeros, messages, payload


class Worker:
    """One sequence of calls."""

    def __init__(self, number: int, flags: argparse.Namespace, started: float) -> None:
        check(flags.soak_iterations % flags.soak_num_threads == 0, "--soak_num_threads must divide --soak_iterations")
        self._number = number
        self._flags = flags
        self._end = started + flags.soak_overall_timeout_seconds
        self.request = messages.SimpleRequest(
            response_size=flags.soak_response_size, payload=payload(flags.soak_request_size)
        )
        self.done = 0
        self.failures = 0

    def iterations(self) -> Iterator[float]:
        """The time at which each began, as long as there is time."""
        while self.done < self._flags.soak_iterations // self._flags.soak_num_threads:
            now = time.perf_counter()
            if now >= self._end:
                return
            yield now

    def pause(self, began: float) -> float:
        """Seconds until the next call may begin."""
        least = float(self._flags.soak_min_time_ms_between_rpcs) / 1000
        return max(0.0, began + least - time.perf_counter())

    def ended(self, began: float, response: Any, peer: Optional[str], error: Optional[BaseException]) -> None:
        elapsed = (time.perf_counter() - began) * 1000
        outcome = "succeeded"
        if error is not None:
            outcome = f"failed: {error}"
        elif elapsed > self._flags.soak_per_iteration_max_acceptable_latency_ms:
            outcome = "exceeds the acceptable latency"
        else:
            check_zeros(response, self._flags.soak_response_size)
        server = f"{self._flags.server_host}:{self._flags.server_port}"
        place = f"worker {self._number} iteration {self.done}"
        print(f"{place} elapsed_ms {elapsed:.1f} peer {peer} server {server} {outcome}", file=sys.stderr)
        self.done += 1
        self.failures += outcome != "succeeded"


def judge(flags: argparse.Namespace, workers: List[Worker]) -> None:
    done = sum(worker.done for worker in workers)
    failures = sum(worker.failures for worker in workers)
    check(done == flags.soak_iterations, f"{done} of {flags.soak_iterations} iterations within the overall timeout")
    check(failures <= flags.soak_max_failures, f"{failures} failures, {flags.soak_max_failures} allowed")
