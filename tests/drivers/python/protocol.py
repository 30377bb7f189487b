"""What both drivers share: lines, answers, channels by name, scripted callbacks."""
from __future__ import annotations

import base64
import json
import logging
import sys
import threading
import time
import traceback
from typing import Any, Callable, Dict, List, Optional, Tuple

import causewire

KINDS = ("unary", "server_streaming", "client_streaming", "bidi")
FIXED = ("target", "options", "hooks")


class Misuse(Exception):
    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Out:
    """Writes whole lines, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def line(self, text: str) -> None:
        with self._lock:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()

    def value(self, value: Dict[str, Any]) -> None:
        self.line(dump(value))

    def misuse(self, id: Any, misuse: Misuse) -> None:
        self.value({"id": id, "error": {"field": misuse.field, "message": str(misuse)}})


class Logs(logging.Handler):
    """The host's own logger."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._lines: List[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(f"{record.levelname} {record.getMessage()}")

    def take(self) -> List[str]:
        lines, self._lines = self._lines, []
        return lines


class Script:
    """Scripted callbacks: the next entry per use, the last one again and again."""

    def __init__(self, hooks: Dict[str, Any]) -> None:
        self._left: Dict[str, List[Any]] = {name: list(hooks[name]) for name in ("token", "addresses") if name in hooks}
        self._deserialize = hooks.get("deserialize")
        if self._deserialize not in DESERIALIZERS:
            raise Misuse("hooks.deserialize", "must be throw or protobuf")

    def has(self, name: str) -> bool:
        return name in self._left

    def next(self, name: str) -> Any:
        entries = self._left[name]
        entry = entries.pop(0) if len(entries) > 1 else entries[0]
        if isinstance(entry, dict) and "error" in entry:
            raise ValueError(entry["error"])
        return entry

    def deserializer(self) -> Optional[Callable[[bytes], Any]]:
        return DESERIALIZERS[self._deserialize]


def resolution(found: Any) -> causewire.Resolution:
    """Addresses alone, or with a service config."""
    if isinstance(found, dict):
        return causewire.Resolution(found["addresses"], found.get("service_config"))
    return causewire.Resolution(found)


def refuse(payload: bytes) -> Any:
    raise ValueError(f"cannot read {payload!r}")


def protobuf(payload: bytes) -> bytes:
    """Takes every message: to a type without fields, all that is well-formed is an unknown field."""
    # here, because only this needs the library
    from google.protobuf import empty_pb2

    empty_pb2.Empty.FromString(payload)
    return payload


# absent: responses are left as bytes
DESERIALIZERS: Dict[Optional[str], Optional[Callable[[bytes], Any]]] = {None: None, "throw": refuse, "protobuf": protobuf}


class Entry:
    def __init__(self, channel: Any, script: Script) -> None:
        self.channel = channel
        self.script = script


class Channels:
    """A channel that cannot be built is the failure of each call on it."""

    def __init__(self, make: Callable[[str, Dict[str, Any], Script], Any]) -> None:
        self._make = make
        self._entries: Dict[str, Entry] = {}

    def of_call(self, line: Dict[str, Any]) -> Entry:
        name = line.get("channel")
        if name is None:
            if line.get("hooks"):
                raise Misuse("hooks", "needs a channel")
            name = "\0" + json.dumps([line.get("target"), line.get("options")], sort_keys=True)
        entry = self._entries.get(name)
        if entry is None:
            script = Script(line.get("hooks") or {})
            try:
                channel = self._make(line.get("target", ""), line.get("options") or {}, script)
            except causewire.RpcError as error:
                channel = error
            entry = self._entries[name] = Entry(channel, script)
        if isinstance(entry.channel, causewire.RpcError):
            raise entry.channel
        return entry

    def named(self, name: str) -> Entry:
        if name not in self._entries:
            raise Misuse("channel", "has no call yet")
        return self._entries[name]


class Answer:
    def __init__(self, line: Dict[str, Any]) -> None:
        self.id = line["id"]
        self.render = bool(line.get("render"))
        self.headers: Any = None
        self.messages: List[bytes] = []
        self.trailers: Any = ()
        self.error: Optional[causewire.RpcError] = None
        self.dropped = False
        self.unsent = 0
        self.send_error: Optional[causewire.RpcError] = None
        self.attempts = 0
        self.peer: Optional[str] = None
        self._cancelled: Any = None
        self._started = time.monotonic()

    def failed(self, error: causewire.RpcError) -> None:
        self.error = error
        self.headers = error.headers if error.headers is not None else self.headers
        self.trailers = error.trailers
        self.attempts = error.attempts
        self.peer = error.peer

    def cancelled(self, failure: Any, code: Any, message: str) -> None:
        self._cancelled = (failure, code, message)

    def text(self) -> str:
        error = self.error
        failure = self._cancelled[0] if self._cancelled else error and error.failure
        fields = {
            "id": dump(self.id),
            "headers": dump(None if self.headers is None else entries(self.headers)),
            "messages": dump([b64(message) for message in self.messages]),
            "trailers": dump(entries(self.trailers)),
            "status": dump(self._status()),
            "failure": "null" if failure is None else failure.to_json(),
            "unsent": dump(self.unsent),
            "attempts": dump(self.attempts),
            "peer": dump(self.peer),
            "elapsed_ms": dump(int((time.monotonic() - self._started) * 1000)),
        }
        record = self.send_error and self.send_error.failure.to_json()
        if record is not None and record != fields["failure"]:
            fields["send_error"] = record
        if error is not None and self.render:
            fields["rendered"] = dump(rendered(error))
        return "{" + ",".join(f'"{key}":{value}' for key, value in fields.items()) + "}"

    def _status(self) -> Dict[str, Any]:
        if self._cancelled:
            return {"code": self._cancelled[1].value[0], "message": self._cancelled[2], "details": None}
        if self.error is None:
            return {"code": int(self.dropped), "message": "dropped" if self.dropped else "", "details": None}
        details = self.error.status_details
        return {
            "code": self.error.code().value[0],
            "message": self.error.details(),
            "details": None if details is None else b64(details),
        }


def rendered(error: causewire.RpcError) -> Dict[str, str]:
    return {
        "text": str(error),
        "repr": repr(error),
        "diagnostic": error.diagnostic(),
        "public": error.public(),
        "stack": "".join(traceback.format_exception(type(error), error, error.__traceback__)),
    }


def options_of(line: Dict[str, Any]) -> Dict[str, Any]:
    """The keyword arguments of a call. Seconds, as Python has them."""
    ms = line.get("deadline_ms")
    given = {
        "timeout": None if ms is None else ms / 1000,
        "metadata": metadata(line.get("metadata") or ()),
        "wait_for_ready": line.get("wait_for_ready"),
        "compression": line.get("compression"),
        "authority": line.get("authority"),
        "idempotent": bool(line.get("idempotent", False)),
        "retry": line.get("retry"),
    }
    return given


def messages_of(line: Dict[str, Any]) -> List[bytes]:
    try:
        return [unb64(message) for message in line.get("messages") or ()]
    except (TypeError, ValueError) as error:
        raise Misuse("messages", str(error)) from None


def metadata(pairs: Any) -> List[Tuple[str, Any]]:
    return [(key, unb64(value) if key.lower().endswith("-bin") else value) for key, value in pairs]


def entries(pairs: Any) -> List[List[str]]:
    return [[key, b64(value) if isinstance(value, bytes) else value] for key, value in pairs]


def parse(text: str) -> Dict[str, Any]:
    line = json.loads(text)
    if not isinstance(line, dict) or "id" not in line:
        raise Misuse("id", "missing")
    return line


def dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def b64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def unb64(value: str) -> bytes:
    return base64.b64decode(value, validate=True)
