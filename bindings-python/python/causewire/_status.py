"""Status codes and connectivity states, as grpc has them: its own types when it is loaded, equal ones when not."""
from __future__ import annotations

import enum
import sys
from typing import Any, NamedTuple, Sequence, Tuple, Union

__all__ = ["ChannelConnectivity", "Metadatum", "StatusCode"]


@enum.unique
class StatusCode(enum.Enum):
    """A gRPC status code. ``value`` is ``(number, text)``, as in ``grpc.StatusCode``."""

    OK = (0, "ok")
    CANCELLED = (1, "cancelled")
    UNKNOWN = (2, "unknown")
    INVALID_ARGUMENT = (3, "invalid argument")
    DEADLINE_EXCEEDED = (4, "deadline exceeded")
    NOT_FOUND = (5, "not found")
    ALREADY_EXISTS = (6, "already exists")
    PERMISSION_DENIED = (7, "permission denied")
    RESOURCE_EXHAUSTED = (8, "resource exhausted")
    FAILED_PRECONDITION = (9, "failed precondition")
    ABORTED = (10, "aborted")
    OUT_OF_RANGE = (11, "out of range")
    UNIMPLEMENTED = (12, "unimplemented")
    INTERNAL = (13, "internal")
    UNAVAILABLE = (14, "unavailable")
    DATA_LOSS = (15, "data loss")
    UNAUTHENTICATED = (16, "unauthenticated")


@enum.unique
class ChannelConnectivity(enum.Enum):
    """The state of a channel, as ``grpc.ChannelConnectivity``."""

    IDLE = (0, "idle")
    CONNECTING = (1, "connecting")
    READY = (2, "ready")
    TRANSIENT_FAILURE = (3, "transient failure")
    SHUTDOWN = (4, "shutdown")


class Metadatum(NamedTuple):
    """One entry of metadata. The value is ``bytes`` where the key ends in ``-bin``."""

    key: str
    value: Union[str, bytes]


_CODES: Sequence[StatusCode] = tuple(StatusCode)
_STATES: Sequence[ChannelConnectivity] = tuple(ChannelConnectivity)


def code(number: int) -> Any:
    """The ``grpc.StatusCode`` of this number when grpc is loaded, otherwise ours."""
    ours = _CODES[number] if 0 <= number < len(_CODES) else StatusCode.UNKNOWN
    grpc = sys.modules.get("grpc")
    theirs = getattr(grpc, "StatusCode", None)
    return ours if theirs is None else theirs[ours.name]


def state(number: int) -> Any:
    """The ``grpc.ChannelConnectivity`` of this number when grpc is loaded, otherwise ours."""
    ours = _STATES[number]
    grpc = sys.modules.get("grpc")
    theirs = getattr(grpc, "ChannelConnectivity", None)
    return ours if theirs is None else theirs[ours.name]


def state_number(given: Any) -> int:
    """The number of either type's member, or of its name."""
    name = given if isinstance(given, str) else getattr(given, "name", None)
    try:
        return int(ChannelConnectivity[name].value[0])  # type: ignore[misc]
    except KeyError:
        raise TypeError("a state must be a ChannelConnectivity") from None


def metadata(pairs: Sequence[Tuple[str, Union[str, bytes]]]) -> Tuple[Metadatum, ...]:
    return tuple(Metadatum(key, value) for key, value in pairs)


def aio_metadata(pairs: Sequence[Tuple[str, Union[str, bytes]]]) -> Any:
    """A ``grpc.aio.Metadata`` when grpc.aio is loaded, otherwise a tuple."""
    theirs = getattr(sys.modules.get("grpc.aio"), "Metadata", None)
    return metadata(pairs) if theirs is None else theirs(*pairs)
