"""Our own face, without grpc's: values, errors, callbacks, secrets."""
from __future__ import annotations

import asyncio
import gc
import logging
import pickle
import threading
import time
from pathlib import Path
from typing import Any, Dict, List

import causewire
import causewire.aio
import pytest
from conftest import run

ECHO = "/causewire.testbed.v1.Testbed/Echo"
BIDI = "/causewire.testbed.v1.Testbed/EchoBidi"
SLOW = b"\x20\x90\x4e"  # delay_ms: 10000
HI = b"\x0a\x02hi"


def test_a_response_has_everything(target: str) -> None:
    with causewire.Channel(target, {"tls": None}) as channel:
        response = channel.unary(ECHO, HI, timeout=5)
    assert response.message.startswith(HI) and response.attempts == 1 and response.peer == target
    assert response.headers[0] == ("content-type", "application/grpc") and response.trailers == ()


def test_a_stream(target: str) -> None:
    with causewire.Channel(target, tls=None) as channel:
        call = channel.bidi(BIDI)
        call.send(HI)
        assert call.headers() and next(call).startswith(HI) and call.peer == target
        call.close_send()
        assert list(call) == [] and call.trailers() == () and call.attempts == 1


@pytest.mark.parametrize(
    "wrong, field",
    [
        ({"timeout": -1}, "deadline_ms"),
        ({"timeout": float("nan")}, "deadline_ms"),
        ({"metadata": [("good", "x"), ("bad key", "CANARY")]}, "metadata"),
        ({"metadata": [("key", "CANARY\n")]}, "metadata"),
        ({"compression": "br"}, "compression"),
        ({"authority": "a b"}, "authority"),
    ],
)
def test_a_bad_argument_names_its_field(target: str, wrong: Dict[str, Any], field: str) -> None:
    channel = causewire.Channel(target, tls=None)
    with pytest.raises(causewire.RpcError) as caught:
        channel.unary(ECHO, b"", **wrong)
    error = caught.value
    assert error.failure.cause in (causewire.Cause.OPTION_INVALID, causewire.Cause.REQUEST_INVALID)
    assert str(error.failure.evidence["field"]).startswith(field)
    assert "CANARY" not in str(error) + repr(error) + error.failure.to_json() + error.diagnostic()
    with pytest.raises(causewire.RpcError) as caught:
        channel.unary("no-method", b"")
    assert caught.value.failure.evidence["field"] == "method"


@pytest.mark.parametrize(
    "wrong",
    [{"timeout": "1"}, {"metadata": 3}, {"metadata": [("k", 3)]}, {"metadata": [("k-bin", "text")]}, {"compression": []}],
)
def test_a_wrong_type_is_a_type_error(target: str, wrong: Dict[str, Any]) -> None:
    channel = causewire.Channel(target, tls=None)
    with pytest.raises(TypeError):
        channel.unary(ECHO, b"", **wrong)
    with pytest.raises(TypeError):
        channel.unary(ECHO, "text")
    with pytest.raises(TypeError):
        causewire.Channel(target, 3)  # type: ignore[arg-type]


def test_a_bad_channel_is_refused_where_it_is_made(target: str) -> None:
    for options, field in (({"nope": 1}, "nope"), ({"keepalive": {"time_ms": "x"}}, "keepalive.time_ms")):
        with pytest.raises(causewire.RpcError) as caught:
            causewire.Channel(target, options)
        assert caught.value.failure.evidence["field"] == field


def test_tls_and_its_secret(places: Dict[str, Any]) -> None:
    read = {name: Path(places[name]).read_text() for name in ("ca_file", "client_cert_file", "client_key_file")}
    tls: Any = {"ca_pem": read["ca_file"], "cert_pem": read["client_cert_file"], "key_pem": read["client_key_file"].encode()}
    name = {"server_name": "localhost"}
    with causewire.Channel(places["mtls_target"], tls={**tls, **name}) as channel:
        assert channel.unary(ECHO, HI, timeout=10).attempts == 1
        assert "PRIVATE" not in repr(channel) + repr(channel._native)
    with pytest.raises(causewire.RpcError) as caught:
        causewire.Channel(places["mtls_target"], tls={**tls, "key_pem": "CANARY"})
    assert caught.value.failure.cause is causewire.Cause.TLS_CONFIG_INVALID
    assert "CANARY" not in repr(caught.value) + caught.value.failure.to_json()


def test_an_underlying_failure_is_the_cause(places: Dict[str, Any]) -> None:
    channel = causewire.Channel(places["faults"]["refused"], tls=None)
    with pytest.raises(causewire.DeadlineExceeded) as caught:
        channel.unary(ECHO, b"", timeout=0.3, wait_for_ready=True)
    assert isinstance(caught.value.__cause__, causewire.Unavailable)
    assert caught.value.__cause__.failure.cause is causewire.Cause.CONNECT_REFUSED
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.failure == caught.value.failure and type(again) is type(caught.value)
    assert causewire.Failure.from_json(again.failure.to_json()) == again.failure


def test_dropped_and_collected_streams_leave_nothing(target: str) -> None:
    channel = causewire.Channel(target, tls=None)
    for _ in range(50):
        channel.bidi(BIDI).send(HI)
    gc.collect()
    end = time.monotonic() + 10
    while channel.stats()["streams"] or channel._native.live():
        assert time.monotonic() < end, channel.stats()


def test_many_threads(target: str) -> None:
    channel = causewire.Channel(target, tls=None)
    wrong: List[BaseException] = []

    def work() -> None:
        try:
            for _ in range(100):
                assert channel.unary(ECHO, HI).message.startswith(HI)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work) for _ in range(16)]
    [thread.start() for thread in threads]
    [thread.join(60) for thread in threads]
    assert not wrong


def test_several_threads_on_one_call(target: str) -> None:
    call = causewire.Channel(target, tls=None).bidi(BIDI)
    seen: List[Any] = []
    threads = [threading.Thread(target=lambda: seen.append(call.code().value[0])) for _ in range(4)]
    [thread.start() for thread in threads]
    for _ in range(100):
        call.send(HI)
        assert next(call).startswith(HI)
    call.close_send()
    assert list(call) == []
    [thread.join(10) for thread in threads]
    assert seen == [0] * 4


def test_callbacks_answer_questions(places: Dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    asked: List[Any] = []
    ca = Path(places["ca_file"]).read_text()

    def token(request: causewire.TokenRequest) -> str:
        asked.append(request)
        return "CANARY"

    def addresses(target: str) -> List[str]:
        asked.append(target)
        return [places["tls_target"]]

    options: Any = {"tls": {"ca_pem": ca, "server_name": "localhost"}}
    with causewire.Channel("dns:///testbed.invalid:443", options, token_provider=token, resolver=addresses) as channel:
        assert channel.unary(ECHO, HI, timeout=10).message.startswith(HI)
    assert any(isinstance(it, causewire.TokenRequest) and it.method == ECHO for it in asked)
    assert any(isinstance(it, str) and "testbed.invalid" in it for it in asked)

    def refuse(request: causewire.TokenRequest) -> str:
        raise ValueError("client_secret=CANARY")

    def lost(request: causewire.TokenRequest) -> str:
        raise ConnectionRefusedError("CANARY")

    for provider, cause in ((refuse, "CREDENTIALS_FAILED"), (lost, "CREDENTIALS_UNAVAILABLE")):
        with causewire.Channel(places["tls_target"], options, token_provider=provider) as channel:
            with pytest.raises(causewire.RpcError) as caught:
                channel.unary(ECHO, HI, timeout=10)
        assert caught.value.failure.cause == cause
        assert "CANARY" not in caplog.text + repr(caught.value) + caught.value.failure.to_json()


@pytest.mark.parametrize("given", [None, 7, [7], {"addresses": 7}, causewire.Resolution(["x"], {"a": object()})])
def test_a_resolver_that_gives_something_else(given: Any) -> None:
    with causewire.Channel("dns:///testbed.invalid:443", {"tls": None}, resolver=lambda target: given) as channel:
        with pytest.raises(causewire.RpcError) as caught:
            channel.unary(ECHO, HI, timeout=10)
    assert caught.value.failure.cause == "RESOLVER_FAILED"


def test_a_resolver_may_bring_a_service_config(places: Dict[str, Any]) -> None:
    def resolver(target: str) -> causewire.Resolution:
        return causewire.Resolution([places["target"]], {"methodConfig": 7})

    with causewire.Channel("dns:///testbed.invalid:443", {"tls": None}, resolver=resolver) as channel:
        with pytest.raises(causewire.RpcError) as caught:
            channel.unary(ECHO, HI, timeout=10)
    assert caught.value.failure.cause == "SERVICE_CONFIG_INVALID"
    assert caught.value.failure.evidence["field"] == "service_config.methodConfig"


def test_asyncio_callbacks_that_run_are_cancelled_at_close() -> None:
    async def main() -> None:
        asked, cancelled = asyncio.Event(), asyncio.Event()

        async def resolver(target: str) -> List[str]:
            asked.set()
            try:
                return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]
            finally:
                cancelled.set()

        async with causewire.aio.Channel("dns:///testbed.invalid:443", {"tls": None}, resolver=resolver) as channel:
            call = asyncio.ensure_future(channel.unary(ECHO, HI))
            await asyncio.wait_for(asked.wait(), 10)
        await asyncio.wait_for(cancelled.wait(), 10)
        with pytest.raises(causewire.RpcError) as caught:
            await call
        assert caught.value.failure.cause == "CHANNEL_UNUSABLE"

    asyncio.run(main())


def test_asyncio_callbacks_run_on_the_loop(places: Dict[str, Any]) -> None:
    ca = Path(places["ca_file"]).read_text()
    options: Any = {"tls": {"ca_pem": ca, "server_name": "localhost"}}

    async def main() -> None:
        loop = asyncio.get_running_loop()
        where: List[Any] = []

        async def token(request: causewire.TokenRequest) -> str:
            where.append(asyncio.get_running_loop() is loop)
            await asyncio.sleep(0)
            return "token"

        async def hang(request: causewire.TokenRequest) -> str:
            return str(await loop.create_future())

        async with causewire.aio.Channel(places["tls_target"], options, token_provider=token) as channel:
            assert (await channel.unary(ECHO, HI, timeout=10)).attempts == 1
        assert where == [True]
        async with causewire.aio.Channel(places["tls_target"], options, token_provider=hang) as channel:
            with pytest.raises(causewire.DeadlineExceeded) as caught:
                await channel.unary(ECHO, HI, timeout=0.3)
        assert caught.value.failure.phase is causewire.Phase.CREDENTIALS

    asyncio.run(main())


def test_logs_reach_the_hosts_logger(places: Dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "causewire")
    with causewire.Channel(places["faults"]["refused"], tls=None) as channel:
        with pytest.raises(causewire.Unavailable):
            channel.unary(ECHO, b"", timeout=5)
        end = time.monotonic() + 5
        while not [record for record in caplog.records if record.name == "causewire"]:
            assert time.monotonic() < end
            time.sleep(0.01)


WITHOUT_GRPC = """
import sys, asyncio, causewire, causewire.aio
target, refused = sys.argv[1:]
assert causewire.Channel(target, tls=None).unary(%r, b"").attempts == 1
try:
    causewire.Channel(refused, tls=None).unary(%r, b"", timeout=5)
except causewire.Unavailable as error:
    assert error.code() is causewire.StatusCode.UNAVAILABLE and error.code().value[0] == 14
async def main():
    call = causewire.aio.Channel(target, tls=None).bidi(%r)
    call.close_send()
    assert await call.read() is causewire.aio.EOF
    assert await call.code() is causewire.StatusCode.OK
asyncio.run(main())
assert "grpc" not in sys.modules
import grpc
try:
    causewire.Channel(refused, tls=None).unary(%r, b"", timeout=5)
except grpc.RpcError as error:
    assert error.code() is grpc.StatusCode.UNAVAILABLE
""" % (ECHO, ECHO, BIDI, ECHO)


def test_without_grpc_and_with_grpc_loaded_later(places: Dict[str, Any]) -> None:
    done = run(WITHOUT_GRPC, places["target"], places["faults"]["refused"])
    assert (done.returncode, done.stderr) == (0, "")
