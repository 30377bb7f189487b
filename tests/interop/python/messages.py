"""The messages of the cases, and what is expected of a payload."""
from __future__ import annotations

from typing import Any

import stubs

empty, messages, services = stubs.load()

INITIAL = ("x-grpc-test-echo-initial", "test_initial_metadata_value")
TRAILING = ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab")

REQUEST_SIZE = 271_828
RESPONSE_SIZE = 314_159
REQUEST_SIZES = (27_182, 8, 1_828, 45_904)
RESPONSE_SIZES = (31_415, 9, 2_653, 58_979)

SPECIAL_MESSAGE = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
#: What a server with the feature CompressedRequest must not do.
NOT_REFUSED = "the server accepted an uncompressed message although expect_compressed is true"


def payload(size: int) -> Any:
    return messages.Payload(body=bytes(size))


def large_request(**more: Any) -> Any:
    """271,828 zeros, to be answered with 314,159."""
    return messages.SimpleRequest(response_size=RESPONSE_SIZE, payload=payload(REQUEST_SIZE), **more)


def ping(response_size: int, request_size: int) -> Any:
    parameters = [messages.ResponseParameters(size=response_size)]
    return messages.StreamingOutputCallRequest(response_parameters=parameters, payload=payload(request_size))


def boolean(value: bool) -> Any:
    return messages.BoolValue(value=value)


def compressed_responses() -> Any:
    """A compressed response of 31,415 bytes, then an uncompressed one of 92,653."""
    parameters = [
        messages.ResponseParameters(size=31_415, compressed=boolean(True)),
        messages.ResponseParameters(size=92_653, compressed=boolean(False)),
    ]
    return messages.StreamingOutputCallRequest(response_parameters=parameters)


def expecting(compressed: bool, size: int) -> Any:
    return messages.StreamingInputCallRequest(expect_compressed=boolean(compressed), payload=payload(size))


def check_zeros(response: Any, size: int) -> None:
    body = response.payload.body
    check(len(body) == size, f"a payload of {len(body)} bytes instead of {size}")
    check(body == bytes(size), "a payload that is not all zeros")


def check_gzip(headers: Any) -> None:
    encoding = dict(headers).get("grpc-encoding")
    check(encoding == "gzip", f"the server did not compress: grpc-encoding is {encoding}")


def check_echoed(headers: Any, trailers: Any) -> None:
    check(INITIAL in tuple(headers), f"{INITIAL[0]} is not in the headers")
    check(TRAILING in tuple(trailers), f"{TRAILING[0]} is not in the trailers")


def check(condition: bool, reason: str) -> None:
    """As assert, and not left out by -O."""
    if not condition:
        raise AssertionError(reason)
