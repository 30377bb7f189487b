"""The interop client of blocking Python: one case of grpc/grpc doc/interop-test-descriptions.md, exit code 0 when all
that the document asks for holds. The stubs are those of grpcio-tools, the channel is ours."""
from __future__ import annotations

import argparse
import functools
import queue
import threading
import time
from typing import Any, Callable, Dict, Iterator

import arguments
import grpc
import soak
from messages import (
    INITIAL,
    NOT_REFUSED,
    REQUEST_SIZES,
    RESPONSE_SIZE,
    RESPONSE_SIZES,
    SPECIAL_MESSAGE,
    TRAILING,
    boolean,
    check,
    check_echoed,
    check_gzip,
    check_zeros,
    compressed_responses,
    empty,
    expecting,
    large_request,
    messages,
    payload,
    ping,
    services,
)

import causewire

STREAMING_INPUT_CALL = "/grpc.testing.TestService/StreamingInputCall"


class Requests:
    """An iterator that yields what is put into it."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._queue.get, None)

    def put(self, request: Any) -> None:
        self._queue.put(request)

    def close(self) -> None:
        self._queue.put(None)


def check_fails(call: Callable[[], Any], code: grpc.StatusCode, what: str = "the call did not fail") -> grpc.RpcError:
    try:
        call()
    except grpc.RpcError as error:
        check(error.code() is code, repr(error))
        return error
    raise AssertionError(what)


def empty_unary(stub: Any) -> None:
    check(stub.EmptyCall(empty.Empty()) == empty.Empty(), "a response that is not empty")


def large_unary(stub: Any) -> None:
    check_zeros(stub.UnaryCall(large_request()), RESPONSE_SIZE)


def concurrent_large_unary(stub: Any) -> None:
    for call in [stub.UnaryCall.future(large_request()) for _ in range(1000)]:
        check_zeros(call.result(), RESPONSE_SIZE)


def custom_metadata(stub: Any) -> None:
    response, call = stub.UnaryCall.with_call(large_request(), metadata=(INITIAL, TRAILING))
    check_zeros(response, RESPONSE_SIZE)
    check_echoed(call.initial_metadata(), call.trailing_metadata())

    call = stub.FullDuplexCall(iter([ping(RESPONSE_SIZE, 271_828)]), metadata=(INITIAL, TRAILING))
    responses = list(call)
    check(len(responses) == 1, f"{len(responses)} responses")
    check_zeros(responses[0], RESPONSE_SIZE)
    check_echoed(call.initial_metadata(), call.trailing_metadata())


def status_code_and_message(stub: Any) -> None:
    status = messages.EchoStatus(code=2, message="test status message")
    request = messages.SimpleRequest(response_status=status)
    error = check_fails(lambda: stub.UnaryCall(request), grpc.StatusCode.UNKNOWN)
    check(error.details() == status.message, repr(error))

    call = stub.FullDuplexCall(iter([messages.StreamingOutputCallRequest(response_status=status)]))
    error = check_fails(lambda: next(call), grpc.StatusCode.UNKNOWN)
    check(error.details() == status.message, repr(error))


def special_status_message(stub: Any) -> None:
    status = messages.EchoStatus(code=2, message=SPECIAL_MESSAGE)
    request = messages.SimpleRequest(response_status=status)
    error = check_fails(lambda: stub.UnaryCall(request), grpc.StatusCode.UNKNOWN)
    check(error.details() == SPECIAL_MESSAGE, repr(error))


def unimplemented(stub: Any) -> None:
    check_fails(lambda: stub.UnimplementedCall(empty.Empty()), grpc.StatusCode.UNIMPLEMENTED)


def pick_first_unary(stub: Any) -> None:
    """All calls must go to one server, also once other servers could be connected."""
    request = messages.SimpleRequest(response_size=1, payload=payload(1), fill_server_id=True)
    first = stub.UnaryCall(request).server_id
    check(first != "", "the server does not say its server_id")
    time.sleep(5)
    for _ in range(100):
        other = stub.UnaryCall(request).server_id
        check(other == first, f"server_id is {first}, then {other}")


def client_streaming(stub: Any) -> None:
    requests = (messages.StreamingInputCallRequest(payload=payload(size)) for size in REQUEST_SIZES)
    size = stub.StreamingInputCall(requests).aggregated_payload_size
    check(size == 74_922, f"aggregated_payload_size is {size}")


def server_streaming(stub: Any) -> None:
    parameters = [messages.ResponseParameters(size=size) for size in RESPONSE_SIZES]
    responses = list(stub.StreamingOutputCall(messages.StreamingOutputCallRequest(response_parameters=parameters)))
    check(len(responses) == len(RESPONSE_SIZES), f"{len(responses)} responses")
    for response, size in zip(responses, RESPONSE_SIZES):
        check_zeros(response, size)


def ping_pong(stub: Any) -> None:
    requests = Requests()
    call = stub.FullDuplexCall(requests)
    for response_size, request_size in zip(RESPONSE_SIZES, REQUEST_SIZES):
        requests.put(ping(response_size, request_size))
        check_zeros(next(call), response_size)
    requests.close()
    check(list(call) == [], "too many responses")


def connection_scaling(channel: causewire.Channel, stub: Any) -> None:
    """Three streams at a time where a connection has room for two. That there is a second one is asked of the channel."""
    calls = []
    for _ in range(3):
        requests = Requests()
        call = stub.FullDuplexCall(requests, timeout=10)
        requests.put(ping(1, 1))
        check_zeros(next(call), 1)
        calls.append((requests, call))
    connections = channel.stats()["connections"]
    check(connections == 2, f"connections: {connections} instead of 2")
    for requests, call in calls:
        requests.close()
        check(list(call) == [], "too many responses")


def empty_stream(stub: Any) -> None:
    check(list(stub.FullDuplexCall(iter(()))) == [], "a response")


def cancel_after_begin(stub: Any) -> None:
    requests = Requests()
    call = stub.StreamingInputCall.future(requests)
    call.cancel()
    check(call.cancelled(), "the call is not cancelled")
    check(call.code() is grpc.StatusCode.CANCELLED, f"the call ended with {call.code()}")
    requests.close()


def cancel_after_first_response(stub: Any) -> None:
    requests = Requests()
    call = stub.FullDuplexCall(requests)
    requests.put(ping(31_415, 27_182))
    check_zeros(next(call), 31_415)
    call.cancel()
    check_fails(lambda: next(call), grpc.StatusCode.CANCELLED)
    requests.close()


def timeout_on_sleeping_server(stub: Any) -> None:
    requests = Requests()
    call = stub.FullDuplexCall(requests, timeout=0.001)
    requests.put(messages.StreamingOutputCallRequest(payload=payload(27_182)))
    check_fails(lambda: next(call), grpc.StatusCode.DEADLINE_EXCEEDED)
    requests.close()


# A client cannot see the compressed flag of what it sends or receives: the servers with the feature CompressedRequest
# judge the one, the runner, which looks on, judges both.


def client_compressed_unary(stub: Any, probe: bool = True) -> None:
    compressed = large_request(expect_compressed=boolean(True))
    if probe:
        check_fails(lambda: stub.UnaryCall(compressed), grpc.StatusCode.INVALID_ARGUMENT, NOT_REFUSED)
    check_zeros(stub.UnaryCall(compressed, compression=grpc.Compression.Gzip), RESPONSE_SIZE)
    check_zeros(stub.UnaryCall(large_request(expect_compressed=boolean(False))), RESPONSE_SIZE)


def server_compressed_unary(stub: Any) -> None:
    for value in (True, False):
        response, call = stub.UnaryCall.with_call(large_request(response_compressed=boolean(value)))
        check_zeros(response, RESPONSE_SIZE)
        if value:
            check_gzip(call.initial_metadata())


def client_compressed_streaming(channel: causewire.Channel, stub: Any, probe: bool = True) -> None:
    if probe:
        requests = iter([expecting(True, 27_182)])
        check_fails(lambda: stub.StreamingInputCall(requests), grpc.StatusCode.INVALID_ARGUMENT, NOT_REFUSED)
    # an iterator of requests cannot say what is to be compressed
    call = channel.client_streaming(
        STREAMING_INPUT_CALL,
        compression="gzip",
        serializer=messages.StreamingInputCallRequest.SerializeToString,
        deserializer=messages.StreamingInputCallResponse.FromString,
    )
    call.send(expecting(True, 27_182))
    call.send(expecting(False, 45_904), compress=False)
    call.close_send()
    size = call.response().message.aggregated_payload_size
    check(size == 73_086, f"aggregated_payload_size is {size}")


def server_compressed_streaming(stub: Any) -> None:
    call = stub.StreamingOutputCall(compressed_responses())
    first, second = call
    check_zeros(first, 31_415)
    check_zeros(second, 92_653)
    check_gzip(call.initial_metadata())


def run_soak(flags: argparse.Namespace, shared: Any) -> None:
    """Without a shared stub each call makes a channel."""
    started = time.perf_counter()
    workers = [soak.Worker(number, flags, started) for number in range(flags.soak_num_threads)]
    threads = [threading.Thread(target=work, args=(worker, flags, shared)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    soak.judge(flags, workers)


def work(worker: soak.Worker, flags: argparse.Namespace, shared: Any) -> None:
    for began in worker.iterations():
        if shared is not None:
            call_once(worker, shared, began)
        else:
            with open_channel(flags) as channel:
                call_once(worker, services.TestServiceStub(channel), time.perf_counter())
        time.sleep(worker.pause(began))


def call_once(worker: soak.Worker, stub: Any, began: float) -> None:
    try:
        response, call = stub.UnaryCall.with_call(worker.request)
    except causewire.RpcError as error:
        worker.ended(began, None, error.peer, error)
    else:
        worker.ended(began, response, call.peer, None)


def open_channel(flags: argparse.Namespace) -> causewire.Channel:
    return causewire.Channel(arguments.target(flags), arguments.options(flags))


def cases(flags: argparse.Namespace, channel: causewire.Channel) -> Dict[str, Callable[[], None]]:
    stub = services.TestServiceStub(channel)
    other = services.UnimplementedServiceStub(channel)
    alike = (
        empty_unary, large_unary, concurrent_large_unary, custom_metadata, status_code_and_message,
        special_status_message, pick_first_unary, client_streaming, server_streaming, ping_pong, empty_stream,
        cancel_after_begin, cancel_after_first_response, timeout_on_sleeping_server, client_compressed_unary,
        server_compressed_unary, server_compressed_streaming,
    )  # fmt: skip
    return {
        **{case.__name__: functools.partial(case, stub) for case in alike},
        "max_concurrent_streams_connection_scaling": lambda: connection_scaling(channel, stub),
        "unimplemented_method": lambda: unimplemented(stub),
        "unimplemented_service": lambda: unimplemented(other),
        "client_compressed_unary_noprobe": lambda: client_compressed_unary(stub, probe=False),
        "client_compressed_streaming": lambda: client_compressed_streaming(channel, stub),
        "client_compressed_streaming_noprobe": lambda: client_compressed_streaming(channel, stub, probe=False),
        "rpc_soak": lambda: run_soak(flags, stub),
        "channel_soak": lambda: run_soak(flags, None),
    }


def main() -> None:
    flags = arguments.parse()
    with open_channel(flags) as channel:
        cases(flags, channel)[flags.test_case]()


if __name__ == "__main__":
    main()
