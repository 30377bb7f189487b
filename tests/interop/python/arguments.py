"""The flags that the document gives to clients."""
from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path
from typing import Any, Dict

TEST_CA = Path(__file__).resolve().parents[1] / "ca.pem"


def parse() -> argparse.Namespace:
    logging.basicConfig()
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--test_case", default="large_unary")
    parser.add_argument("--server_host", default="localhost")
    parser.add_argument("--server_port", type=int, default=8080)
    parser.add_argument("--server_host_override")
    parser.add_argument("--use_tls", type=boolean, default=False)
    parser.add_argument("--use_test_ca", type=boolean, default=False)
    parser.add_argument("--service_config_json", type=json.loads)
    parser.add_argument("--soak_iterations", type=int, default=10)
    parser.add_argument("--soak_max_failures", type=int, default=0)
    parser.add_argument("--soak_per_iteration_max_acceptable_latency_ms", type=float, default=1000)
    parser.add_argument("--soak_min_time_ms_between_rpcs", type=float, default=0)
    parser.add_argument("--soak_overall_timeout_seconds", type=float, default=10)
    parser.add_argument("--soak_request_size", type=int, default=271_828)
    parser.add_argument("--soak_response_size", type=int, default=314_159)
    parser.add_argument("--soak_num_threads", type=int, default=1)
    return parser.parse_args()


def boolean(text: str) -> bool:
    return {"true": True, "false": False}[text]


def target(flags: argparse.Namespace) -> str:
    return f"{flags.server_host}:{flags.server_port}"


def options(flags: argparse.Namespace) -> Dict[str, Any]:
    """Those of a channel."""
    tls = {"ca_pem": TEST_CA.read_text()} if flags.use_test_ca else {}
    chosen: Dict[str, Any] = {"tls": tls if flags.use_tls else None}
    if flags.server_host_override is not None:
        chosen["authority"] = flags.server_host_override
    if flags.service_config_json is not None:
        chosen["service_config"] = flags.service_config_json
    return chosen
