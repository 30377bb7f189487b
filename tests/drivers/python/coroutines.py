"""The asyncio driver: a task per line."""
from __future__ import annotations

import asyncio
import gc
import sys
from typing import Any, Dict, List, Set

import causewire
import causewire.aio
from protocol import KINDS, Answer, Channels, Logs, Misuse, Out, Script, dump, messages_of, options_of, parse, resolution, unb64


async def serve(out: Out, logs: Logs) -> None:
    loop = asyncio.get_running_loop()
    driver = Driver(out, logs)
    tasks: Set[asyncio.Task[None]] = set()
    while text := await loop.run_in_executor(None, sys.stdin.readline):
        if text.strip():
            task = loop.create_task(driver.run(text))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
    if tasks:
        await asyncio.wait(tasks)


def make(target: str, options: Dict[str, Any], script: Script) -> causewire.aio.Channel:
    async def token(request: causewire.TokenRequest) -> str:
        return str(await use(script, "token"))

    async def addresses(target: str) -> causewire.Resolution:
        return resolution(await use(script, "addresses"))

    return causewire.aio.Channel(
        target,
        options,
        token_provider=token if script.has("token") else None,
        resolver=addresses if script.has("addresses") else None,
    )


async def use(script: Script, name: str) -> Any:
    entry = script.next(name)
    if isinstance(entry, dict) and "hang" in entry:
        await asyncio.get_running_loop().create_future()
    return entry


class Held:
    """The only reference to a call, so that it can be dropped."""

    call: Any = None

    def cancel(self) -> None:
        if self.call is not None:
            self.call.cancel()


class Driver:
    def __init__(self, out: Out, logs: Logs) -> None:
        self.out = out
        self.logs = logs
        self.channels = Channels(make)
        self.running: Dict[str, Held] = {}

    async def run(self, text: str) -> None:
        id = None
        try:
            line = parse(text)
            id = line["id"]
            op = line.get("op")
            if op is None:
                await self.call(line)
            elif op == "channel":
                await self.channel(line)
            elif op == "cancel":
                held = self.running.get(repr(line["call"]))
                if held is not None:
                    held.cancel()
                self.out.value({"id": id})
            elif op == "logs":
                self.out.value({"id": id, "logs": self.logs.take()})
            else:
                raise Misuse("op", "is unknown")
        except Misuse as misuse:
            self.out.misuse(id, misuse)
        except (KeyError, TypeError, ValueError) as error:
            self.out.misuse(id, Misuse("line", f"{type(error).__name__}: {error}"))

    async def channel(self, line: Dict[str, Any]) -> None:
        entry = self.channels.named(line["channel"])
        channel, changed = entry.channel, None
        if isinstance(channel, causewire.RpcError):
            self.out.line('{"id":%s,"failure":%s}' % (dump(line["id"]), channel.failure.to_json()))
            return
        what = line["do"]
        if what == "connect":
            channel.get_state(True)
        elif what == "close":
            await channel.close()
        elif what in ("reset_backoff", "network_changed"):
            getattr(channel, what)()
        elif what == "wait_for_state_change":
            timeout = line.get("timeout_ms")
            state = line.get("state") or channel.get_state()
            waiting = channel.wait_for_state_change(state)
            try:
                await asyncio.wait_for(waiting, None if timeout is None else timeout / 1000)
                changed = True
            except asyncio.TimeoutError:
                changed = False
        elif what not in ("state", "stats"):
            raise Misuse("do", "is unknown")
        answer = {"id": line["id"], "state": channel.get_state().name, "stats": channel.stats(), "failure": None}
        self.out.value(answer if changed is None else {**answer, "changed": changed})

    async def call(self, line: Dict[str, Any]) -> None:
        answer = Answer(line)
        held = Held()
        self.running[repr(line["id"])] = held
        try:
            await self.perform(line, answer, held)
        except causewire.RpcError as error:
            answer.failed(error)
        except asyncio.CancelledError:
            # what a cancelled call raises in asyncio; its record is on the call
            call = held.call
            answer.cancelled(call.failure, await call.code(), await call.details())
            answer.trailers, answer.peer, answer.attempts = await call.trailers(), call.peer, call.attempts
            try:
                answer.headers = await call.headers()
            except asyncio.CancelledError:
                answer.headers = None
        self.running.pop(repr(line["id"]), None)
        self.out.line(answer.text())

    async def perform(self, line: Dict[str, Any], answer: Answer, held: Held) -> None:
        messages = messages_of(line)
        entry = self.channels.of_call(line)
        kind = line["kind"]
        if kind not in KINDS:
            raise Misuse("kind", "is unknown")
        options = options_of(line)
        options["deserializer"] = entry.script.deserializer()
        one_request = kind in ("unary", "server_streaming")
        first = messages[0] if messages else b""
        script = line.get("steps")
        if one_request and script and "send" in script[0]:
            # of these kinds the request is part of the call's beginning
            first, script = unb64(script[0]["send"]), script[1:]
        if one_request and line.get("delay_ms"):
            await asyncio.sleep(line["delay_ms"] / 1000)
        if kind == "unary":
            held.call = entry.channel.unary_call(line["method"], first, **options)
        else:
            arguments = (first,) if one_request else ()
            held.call = getattr(entry.channel, kind)(line["method"], *arguments, **options)
        if line.get("cancel_after_ms") is not None:
            asyncio.get_running_loop().call_later(line["cancel_after_ms"] / 1000, held.cancel)
        receiver = Receiver(held, answer, one_response=kind in ("unary", "client_streaming"))
        if script is not None:
            await steps(script, held, answer, receiver)
            return
        if one_request:
            await receiver.rest()
        elif kind == "bidi":
            sender = asyncio.ensure_future(send_all(held, line, messages, answer))
            try:
                await receiver.rest()
            finally:
                await sender
        else:
            await send_all(held, line, messages, answer)
            await receiver.rest()
        await receiver.finish()


async def send_all(held: Held, line: Dict[str, Any], messages: List[bytes], answer: Answer) -> None:
    for message in messages:
        if line.get("delay_ms"):
            await asyncio.sleep(line["delay_ms"] / 1000)
        answer.unsent += not await send(held, answer, message)
    held.call.close_send()


async def send(held: Held, answer: Answer, message: bytes, compress: bool = True) -> bool:
    """Whether it was accepted; keeps the first error that says why not."""
    send = getattr(held.call, "send", None)
    if send is None:
        # of a kind that sends nothing
        return False
    try:
        return bool(await send(message, compress=compress))
    except causewire.RpcError as error:
        answer.send_error = answer.send_error or error
        return False
    except asyncio.CancelledError:
        # the end of a cancelled call, as asyncio tells it
        return False


class Receiver:
    def __init__(self, held: Held, answer: Answer, one_response: bool) -> None:
        self.held = held
        self.answer = answer
        self.one_response = one_response
        self.taken = False

    async def one(self) -> bool:
        """False: there are no more."""
        if self.one_response:
            if self.taken:
                return False
            self.answer.messages.append(await self.held.call)
            self.taken = True
            return True
        message = await self.held.call.read()
        if message is causewire.aio.EOF:
            return False
        self.answer.messages.append(message)
        return True

    async def rest(self) -> None:
        while await self.one():
            pass

    async def finish(self) -> None:
        call = self.held.call
        self.answer.headers = await call.headers()
        self.answer.trailers = await call.trailers()
        self.answer.peer = call.peer
        self.answer.attempts = call.attempts


async def steps(listed: List[Dict[str, Any]], held: Held, answer: Answer, receiver: Receiver) -> None:
    answer.unsent = sum("send" in step or "send_uncompressed" in step for step in listed)
    for step in listed:
        what, value = next(iter(step.items()))
        if what in ("send", "send_uncompressed"):
            if not await send(held, answer, unb64(value), what == "send"):
                break
            answer.unsent -= 1
        elif what == "recv" and value == "all":
            await receiver.rest()
        elif what == "recv":
            for _ in range(value):
                if not await receiver.one():
                    break
        elif what == "headers":
            try:
                answer.headers = await held.call.headers()
            except causewire.RpcError:
                # told by the end of the call
                continue
        elif what == "sleep_ms":
            await asyncio.sleep(value / 1000)
        elif what == "close":
            held.call.close_send()
        elif what == "cancel":
            held.cancel()
        elif what == "drop":
            held.call = None
            gc.collect()
            answer.dropped = True
            return
        else:
            raise Misuse("steps", f"{what} is unknown")
    held.call.close_send()
    await receiver.rest()
    await receiver.finish()
