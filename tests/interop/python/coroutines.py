"""The interop client of asyncio: one case of grpc/grpc doc/interop-test-descriptions.md, exit code 0 when all that the
document asks for holds. The stubs are those of grpcio-tools, the channel is ours."""
from __future__ import annotations

import argparse
import asyncio
import functools
import time
from typing import Any, Awaitable, Callable, Dict

import arguments
import grpc
import grpc.aio
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
import causewire.aio


async def check_fails(
    call: Awaitable[Any], code: grpc.StatusCode, what: str = "the call did not fail"
) -> grpc.aio.AioRpcError:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        check(error.code() is code, repr(error))
        return error
    raise AssertionError(what)


async def empty_unary(stub: Any) -> None:
    check(await stub.EmptyCall(empty.Empty()) == empty.Empty(), "a response that is not empty")


async def large_unary(stub: Any) -> None:
    check_zeros(await stub.UnaryCall(large_request()), RESPONSE_SIZE)


async def concurrent_large_unary(stub: Any) -> None:
    await asyncio.gather(*(large_unary(stub) for _ in range(1000)))


async def custom_metadata(stub: Any) -> None:
    call = stub.UnaryCall(large_request(), metadata=(INITIAL, TRAILING))
    check_zeros(await call, RESPONSE_SIZE)
    check_echoed(await call.initial_metadata(), await call.trailing_metadata())

    call = stub.FullDuplexCall(metadata=(INITIAL, TRAILING))
    await call.write(ping(RESPONSE_SIZE, 271_828))
    await call.done_writing()
    responses = [response async for response in call]
    check(len(responses) == 1, f"{len(responses)} responses")
    check_zeros(responses[0], RESPONSE_SIZE)
    check_echoed(await call.initial_metadata(), await call.trailing_metadata())


async def status_code_and_message(stub: Any) -> None:
    status = messages.EchoStatus(code=2, message="test status message")
    call = stub.UnaryCall(messages.SimpleRequest(response_status=status))
    error = await check_fails(call, grpc.StatusCode.UNKNOWN)
    check(error.details() == status.message, repr(error))

    call = stub.FullDuplexCall()
    await call.write(messages.StreamingOutputCallRequest(response_status=status))
    await call.done_writing()
    error = await check_fails(call.read(), grpc.StatusCode.UNKNOWN)
    check(error.details() == status.message, repr(error))


async def special_status_message(stub: Any) -> None:
    status = messages.EchoStatus(code=2, message=SPECIAL_MESSAGE)
    call = stub.UnaryCall(messages.SimpleRequest(response_status=status))
    error = await check_fails(call, grpc.StatusCode.UNKNOWN)
    check(error.details() == SPECIAL_MESSAGE, repr(error))


async def unimplemented(stub: Any) -> None:
    await check_fails(stub.UnimplementedCall(empty.Empty()), grpc.StatusCode.UNIMPLEMENTED)


async def pick_first_unary(stub: Any) -> None:
    """All calls must go to one server, also once other servers could be connected."""
    request = messages.SimpleRequest(response_size=1, payload=payload(1), fill_server_id=True)
    first = (await stub.UnaryCall(request)).server_id
    check(first != "", "the server does not say its server_id")
    await asyncio.sleep(5)
    for _ in range(100):
        other = (await stub.UnaryCall(request)).server_id
        check(other == first, f"server_id is {first}, then {other}")


async def client_streaming(stub: Any) -> None:
    call = stub.StreamingInputCall()
    for size in REQUEST_SIZES:
        await call.write(messages.StreamingInputCallRequest(payload=payload(size)))
    await call.done_writing()
    size = (await call).aggregated_payload_size
    check(size == 74_922, f"aggregated_payload_size is {size}")


async def server_streaming(stub: Any) -> None:
    parameters = [messages.ResponseParameters(size=size) for size in RESPONSE_SIZES]
    call = stub.StreamingOutputCall(messages.StreamingOutputCallRequest(response_parameters=parameters))
    responses = [response async for response in call]
    check(len(responses) == len(RESPONSE_SIZES), f"{len(responses)} responses")
    for response, size in zip(responses, RESPONSE_SIZES):
        check_zeros(response, size)


async def ping_pong(stub: Any) -> None:
    call = stub.FullDuplexCall()
    for response_size, request_size in zip(RESPONSE_SIZES, REQUEST_SIZES):
        await call.write(ping(response_size, request_size))
        check_zeros(await call.read(), response_size)
    await call.done_writing()
    check(await call.read() is grpc.aio.EOF, "too many responses")


async def connection_scaling(channel: causewire.aio.Channel, stub: Any) -> None:
    """Three streams at a time where a connection has room for two. That there is a second one is asked of the channel."""
    calls = []
    for _ in range(3):
        call = stub.FullDuplexCall(timeout=10)
        await call.write(ping(1, 1))
        check_zeros(await call.read(), 1)
        calls.append(call)
    connections = channel.stats()["connections"]
    check(connections == 2, f"connections: {connections} instead of 2")
    for call in calls:
        await call.done_writing()
        check(await call.read() is grpc.aio.EOF, "too many responses")


async def empty_stream(stub: Any) -> None:
    call = stub.FullDuplexCall()
    await call.done_writing()
    check(await call.read() is grpc.aio.EOF, "a response")


async def cancel_after_begin(stub: Any) -> None:
    call = stub.StreamingInputCall()
    call.cancel()
    try:
        await call
    except asyncio.CancelledError:
        check(call.cancelled(), "the call is not cancelled")
        check(await call.code() is grpc.StatusCode.CANCELLED, f"the call ended with {await call.code()}")
    else:
        raise AssertionError("the call did not fail")


async def cancel_after_first_response(stub: Any) -> None:
    call = stub.FullDuplexCall()
    await call.write(ping(31_415, 27_182))
    check_zeros(await call.read(), 31_415)
    call.cancel()
    try:
        await call.read()
    except asyncio.CancelledError:
        check(await call.code() is grpc.StatusCode.CANCELLED, f"the call ended with {await call.code()}")
    else:
        raise AssertionError("the call did not fail")


async def timeout_on_sleeping_server(stub: Any) -> None:
    call = stub.FullDuplexCall(timeout=0.001)
    try:
        await call.write(messages.StreamingOutputCallRequest(payload=payload(27_182)))
    except (asyncio.InvalidStateError, grpc.aio.AioRpcError):
        pass  # the call may be over before
    await check_fails(call.read(), grpc.StatusCode.DEADLINE_EXCEEDED)


# A client cannot see the compressed flag of what it sends or receives: the servers with the feature CompressedRequest
# judge the one, the runner, which looks on, judges both.


async def client_compressed_unary(stub: Any, probe: bool = True) -> None:
    compressed = large_request(expect_compressed=boolean(True))
    if probe:
        await check_fails(stub.UnaryCall(compressed), grpc.StatusCode.INVALID_ARGUMENT, NOT_REFUSED)
    check_zeros(await stub.UnaryCall(compressed, compression=grpc.Compression.Gzip), RESPONSE_SIZE)
    check_zeros(await stub.UnaryCall(large_request(expect_compressed=boolean(False))), RESPONSE_SIZE)


async def server_compressed_unary(stub: Any) -> None:
    for value in (True, False):
        call = stub.UnaryCall(large_request(response_compressed=boolean(value)))
        check_zeros(await call, RESPONSE_SIZE)
        if value:
            check_gzip(await call.initial_metadata())


async def client_compressed_streaming(stub: Any, probe: bool = True) -> None:
    if probe:
        call = stub.StreamingInputCall(iter([expecting(True, 27_182)]))
        await check_fails(call, grpc.StatusCode.INVALID_ARGUMENT, NOT_REFUSED)
    call = stub.StreamingInputCall(compression=grpc.Compression.Gzip)
    await call.send(expecting(True, 27_182))
    await call.send(expecting(False, 45_904), compress=False)
    call.close_send()
    size = (await call).aggregated_payload_size
    check(size == 73_086, f"aggregated_payload_size is {size}")


async def server_compressed_streaming(stub: Any) -> None:
    call = stub.StreamingOutputCall(compressed_responses())
    first, second = [response async for response in call]
    check_zeros(first, 31_415)
    check_zeros(second, 92_653)
    check_gzip(await call.initial_metadata())


async def run_soak(flags: argparse.Namespace, shared: Any) -> None:
    """Without a shared stub each call makes a channel."""
    started = time.perf_counter()
    workers = [soak.Worker(number, flags, started) for number in range(flags.soak_num_threads)]
    await asyncio.gather(*(work(worker, flags, shared) for worker in workers))
    soak.judge(flags, workers)


async def work(worker: soak.Worker, flags: argparse.Namespace, shared: Any) -> None:
    for began in worker.iterations():
        if shared is not None:
            await call_once(worker, shared, began)
        else:
            async with open_channel(flags) as channel:
                await call_once(worker, services.TestServiceStub(channel), time.perf_counter())
        await asyncio.sleep(worker.pause(began))


async def call_once(worker: soak.Worker, stub: Any, began: float) -> None:
    call = stub.UnaryCall(worker.request)
    try:
        response = await call
    except causewire.RpcError as error:
        worker.ended(began, None, error.peer, error)
    else:
        worker.ended(began, response, call.peer, None)


def open_channel(flags: argparse.Namespace) -> causewire.aio.Channel:
    return causewire.aio.Channel(arguments.target(flags), arguments.options(flags))


def cases(flags: argparse.Namespace, channel: causewire.aio.Channel) -> Dict[str, Callable[[], Awaitable[None]]]:
    stub = services.TestServiceStub(channel)
    other = services.UnimplementedServiceStub(channel)
    alike = (
        empty_unary, large_unary, concurrent_large_unary, custom_metadata, status_code_and_message,
        special_status_message, pick_first_unary, client_streaming, server_streaming, ping_pong, empty_stream,
        cancel_after_begin, cancel_after_first_response, timeout_on_sleeping_server, client_compressed_unary,
        server_compressed_unary, client_compressed_streaming, server_compressed_streaming,
    )  # fmt: skip
    return {
        **{case.__name__: functools.partial(case, stub) for case in alike},
        "max_concurrent_streams_connection_scaling": lambda: connection_scaling(channel, stub),
        "unimplemented_method": lambda: unimplemented(stub),
        "unimplemented_service": lambda: unimplemented(other),
        "client_compressed_unary_noprobe": lambda: client_compressed_unary(stub, probe=False),
        "client_compressed_streaming_noprobe": lambda: client_compressed_streaming(stub, probe=False),
        "rpc_soak": lambda: run_soak(flags, stub),
        "channel_soak": lambda: run_soak(flags, None),
    }


async def main() -> None:
    flags = arguments.parse()
    async with open_channel(flags) as channel:
        await cases(flags, channel)[flags.test_case]()


if __name__ == "__main__":
    asyncio.run(main())
