"""The blocking driver: a thread per line."""
from __future__ import annotations

import gc
import sys
import threading
import time
from typing import Any, Callable, Dict, List, Optional

import causewire
from protocol import KINDS, Answer, Channels, Logs, Misuse, Out, Script, dump, messages_of, options_of, parse, resolution, unb64


def serve(out: Out, logs: Logs) -> None:
    driver = Driver(out, logs)
    threads: List[threading.Thread] = []
    for text in sys.stdin:
        if text.strip():
            thread = threading.Thread(target=driver.run, args=(text,), daemon=True)
            # a channel is fixed by its first line, so lines are read in order and run side by side
            driver.prepare(text)
            thread.start()
            threads.append(thread)
    for thread in threads:
        thread.join()


def make(target: str, options: Dict[str, Any], script: Script) -> causewire.Channel:
    def token(request: causewire.TokenRequest) -> str:
        return str(use(script, "token"))

    def addresses(target: str) -> causewire.Resolution:
        return resolution(use(script, "addresses"))

    return causewire.Channel(
        target,
        options,
        token_provider=token if script.has("token") else None,
        resolver=addresses if script.has("addresses") else None,
    )


def use(script: Script, name: str) -> Any:
    entry = script.next(name)
    if isinstance(entry, dict) and "hang" in entry:
        threading.Event().wait()
    return entry


class Held:
    """The only reference to a call, so that it can be dropped."""

    call: Any = None

    def cancel(self) -> None:
        call = self.call
        if call is not None:
            call.cancel()


class Driver:
    def __init__(self, out: Out, logs: Logs) -> None:
        self.out = out
        self.logs = logs
        self.channels = Channels(make)
        self.running: Dict[str, Held] = {}

    def prepare(self, text: str) -> None:
        """Makes the line's channel in the order of the lines; its failure is told by the line's own thread."""
        try:
            line = parse(text)
            if "op" not in line:
                self.channels.of_call(line)
        except (Misuse, ValueError, TypeError, causewire.RpcError):
            return

    def run(self, text: str) -> None:
        id = None
        try:
            line = parse(text)
            id = line["id"]
            op = line.get("op")
            if op is None:
                self.call(line)
            elif op == "channel":
                self.channel(line)
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

    def channel(self, line: Dict[str, Any]) -> None:
        entry = self.channels.named(line["channel"])
        channel, changed = entry.channel, None
        if isinstance(channel, causewire.RpcError):
            self.out.line('{"id":%s,"failure":%s}' % (dump(line["id"]), channel.failure.to_json()))
            return
        what = line["do"]
        if what in ("connect", "reset_backoff", "network_changed", "close"):
            channel.get_state(True) if what == "connect" else getattr(channel, what)()
        elif what == "wait_for_state_change":
            timeout = line.get("timeout_ms")
            state = line.get("state") or channel.get_state()
            changed = channel.wait_for_state_change(state, None if timeout is None else timeout / 1000)
        elif what not in ("state", "stats"):
            raise Misuse("do", "is unknown")
        answer = {"id": line["id"], "state": channel.get_state().name, "stats": channel.stats(), "failure": None}
        self.out.value(answer if changed is None else {**answer, "changed": changed})

    def call(self, line: Dict[str, Any]) -> None:
        answer = Answer(line)
        held = Held()
        self.running[repr(line["id"])] = held
        try:
            self.perform(line, answer, held)
        except causewire.RpcError as error:
            answer.failed(error)
        self.running.pop(repr(line["id"]), None)
        self.out.line(answer.text())

    def perform(self, line: Dict[str, Any], answer: Answer, held: Held) -> None:
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
            time.sleep(line["delay_ms"] / 1000)
        if kind == "unary":
            held.call = entry.channel.unary_call(line["method"], first, **options)
        else:
            arguments = (first,) if one_request else ()
            held.call = getattr(entry.channel, kind)(line["method"], *arguments, **options)
        if line.get("cancel_after_ms") is not None:
            timer = threading.Timer(line["cancel_after_ms"] / 1000, held.cancel)
            timer.daemon = True
            timer.start()
        receiver = Receiver(held, answer, one_response=kind in ("unary", "client_streaming"))
        if script is not None:
            steps(script, held, answer, receiver)
            return
        if one_request:
            receiver.rest()
        elif kind == "bidi":
            # sent from here, so that the first message is on its way before a thread has to start
            reader = Reader(receiver)
            send_all(held, line, messages, answer, reader.start)
            reader.join()
            if reader.error is not None:
                raise reader.error
        else:
            send_all(held, line, messages, answer)
            receiver.rest()
        receiver.finish()


def send_all(
    held: Held, line: Dict[str, Any], messages: List[bytes], answer: Answer, started: Callable[[], None] = int
) -> None:
    """``started`` runs after the first message, or at once where there is a wait before it."""
    if line.get("delay_ms") or not messages:
        started()
        started = int
    for message in messages:
        if line.get("delay_ms"):
            time.sleep(line["delay_ms"] / 1000)
        answer.unsent += not send(held, answer, message)
        started()
        started = int
    held.call.close_send()


def send(held: Held, answer: Answer, message: bytes, compress: bool = True) -> bool:
    """Whether it was accepted; keeps the first error that says why not."""
    send = getattr(held.call, "send", None)
    if send is None:
        # of a kind that sends nothing
        return False
    try:
        return bool(send(message, compress=compress))
    except causewire.RpcError as error:
        answer.send_error = answer.send_error or error
        return False


class Receiver:
    def __init__(self, held: Held, answer: Answer, one_response: bool) -> None:
        self.held = held
        self.answer = answer
        self.one_response = one_response
        self.taken = False

    def one(self) -> bool:
        """False: there are no more."""
        if self.one_response:
            if self.taken:
                return False
            self.answer.messages.append(self.held.call.response().message)
            self.taken = True
            return True
        for message in self.held.call:
            self.answer.messages.append(message)
            return True
        return False

    def rest(self) -> None:
        while self.one():
            pass

    def finish(self) -> None:
        call = self.held.call
        self.answer.headers = call.headers()
        self.answer.trailers = call.trailers()
        self.answer.peer = call.peer
        self.answer.attempts = call.attempts


class Reader(threading.Thread):
    """Receives while another thread sends."""

    def __init__(self, receiver: Receiver) -> None:
        super().__init__(daemon=True)
        self.receiver = receiver
        self.error: Optional[causewire.RpcError] = None

    def run(self) -> None:
        try:
            self.receiver.rest()
        except causewire.RpcError as error:
            self.error = error


def steps(listed: List[Dict[str, Any]], held: Held, answer: Answer, receiver: Receiver) -> None:
    answer.unsent = sum("send" in step or "send_uncompressed" in step for step in listed)
    for step in listed:
        what, value = next(iter(step.items()))
        if what in ("send", "send_uncompressed"):
            if not send(held, answer, unb64(value), what == "send"):
                break
            answer.unsent -= 1
        elif what == "recv" and value == "all":
            receiver.rest()
        elif what == "recv":
            for _ in range(value):
                if not receiver.one():
                    break
        elif what == "headers":
            try:
                answer.headers = held.call.headers()
            except causewire.RpcError:
                # told by the end of the call
                continue
        elif what == "sleep_ms":
            time.sleep(value / 1000)
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
    receiver.rest()
    receiver.finish()

