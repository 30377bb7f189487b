"""What is raised: one class per status code, with the failure record."""
from __future__ import annotations

import json
import sys
import types
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional, Sequence, Tuple, Type, Union

from . import _causewire as _native
from . import _status
from ._gen.failure import Failure
from ._status import Metadatum

if TYPE_CHECKING:
    from types import TracebackType

_Pairs = Sequence[Tuple[str, Union[str, bytes]]]
_DETAILS_KEY = "grpc-status-details-bin"


class RpcError(Exception):
    """A call that failed, or was refused before it began. ``failure`` says what failed and what to do.

    Has the methods of ``grpc.Call``. When ``grpc`` is loaded, it also is a ``grpc.RpcError``, ``grpc.Call`` and
    ``grpc.Future``, or, from ``causewire.aio``, a ``grpc.aio.AioRpcError``.
    """

    #: Address of the server that answered.
    peer: Optional[str]
    #: Attempts made; 0: none.
    attempts: int
    #: Request messages that were accepted and never handed to the wire.
    unsent: int
    #: The server's serialized ``google.rpc.Status``, unchanged.
    status_details: Optional[bytes]
    #: What your own (de)serializer raised, if that is why. It may hold payload, so no text of this error shows it.
    source: Optional[BaseException]

    _record: str
    _text: str
    _headers: Optional[_Pairs]
    _trailers: _Pairs
    _number: int
    _typed: Optional[Failure]

    def __init__(self, record: str, details: str = "", **more: Any) -> None:
        # ABCs and AioRpcError behind us in the MRO have constructors of their own
        Exception.__init__(self, record, details)
        self._record = record
        self._text = details
        self._number = int(json.loads(record).get("code", 2))
        self._headers = more.get("headers")
        self._trailers = more.get("trailers") or ()
        self.status_details = more.get("status_details")
        self.peer = more.get("peer")
        self.attempts = int(more.get("attempts") or 0)
        self.unsent = int(more.get("unsent") or 0)
        self.source = more.get("source")
        self._typed = None

    @property
    def failure(self) -> Failure:
        """The record: cause, layer, category, whether a retry is safe, whether the request arrived."""
        if self._typed is None:
            self._typed = Failure.from_json(self._record)
        return self._typed

    @property
    def headers(self) -> Optional[Tuple[Metadatum, ...]]:
        """Response headers; ``None`` when there were none."""
        return None if self._headers is None else _status.metadata(self._headers)

    @property
    def trailers(self) -> Tuple[Metadatum, ...]:
        """Trailers, without what gRPC itself puts there."""
        return _status.metadata(self._trailers)

    def code(self) -> Any:
        """The status code: ``grpc.StatusCode`` when grpc is loaded, otherwise :class:`causewire.StatusCode`."""
        return _status.code(self._number)

    def details(self) -> str:
        """The server's exact message, or one line of ours."""
        return self._text

    def initial_metadata(self) -> Any:
        """Response headers; ``None`` when there were none."""
        return None if self._headers is None else _status.metadata(self._headers)

    def trailing_metadata(self) -> Any:
        """Trailers, with ``grpc-status-details-bin`` where the server sent it."""
        return _status.metadata(_with_details(self._trailers, self.status_details))

    def debug_error_string(self) -> str:
        """One line for a log."""
        return _native.render(self._record, "line")

    def diagnostic(self) -> str:
        """Everything, on several lines, for the person who has to repair it. Has addresses and names."""
        return _native.render(self._record, "diagnostic")

    def public(self) -> str:
        """One line without addresses and names, to be shown to a stranger."""
        return _native.render(self._record, "public")

    def __str__(self) -> str:
        return _native.render(self._record, "line")

    def __repr__(self) -> str:
        return f"<causewire.{_NAMES[self._number]}: {self}>"

    def __reduce__(self) -> Tuple[Callable[..., RpcError], Tuple[Any, ...]]:
        more = (self.status_details, self._headers, tuple(self._trailers), self.peer, self.attempts, self.unsent, self._aio)
        return (from_native, (self._record, self._text, *more))

    _aio = False


class _Finished:
    """The rest of ``grpc.Call`` and ``grpc.Future``, of a call that is over."""

    def is_active(self) -> bool:
        return False

    def time_remaining(self) -> Optional[float]:
        return None

    def add_callback(self, callback: Callable[[], None]) -> bool:
        return False

    def cancel(self) -> bool:
        return False

    def cancelled(self) -> bool:
        return False

    def running(self) -> bool:
        return False

    def done(self) -> bool:
        return True

    def result(self, timeout: Optional[float] = None) -> Any:
        raise self  # type: ignore[misc]

    def exception(self, timeout: Optional[float] = None) -> Any:
        return self

    def traceback(self, timeout: Optional[float] = None) -> Optional[TracebackType]:
        return getattr(self, "__traceback__", None)

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        callback(self)


class _AioMetadata:
    """Metadata as ``grpc.aio`` has it."""

    _headers: Optional[_Pairs]
    _trailers: _Pairs
    status_details: Optional[bytes]
    _aio = True

    def initial_metadata(self) -> Any:
        return _status.aio_metadata(self._headers or ())

    def trailing_metadata(self) -> Any:
        return _status.aio_metadata(_with_details(self._trailers, self.status_details))


class Cancelled(RpcError):
    """CANCELLED"""


class Unknown(RpcError):
    """UNKNOWN"""


class InvalidArgument(RpcError):
    """INVALID_ARGUMENT"""


class DeadlineExceeded(RpcError):
    """DEADLINE_EXCEEDED"""


class NotFound(RpcError):
    """NOT_FOUND"""


class AlreadyExists(RpcError):
    """ALREADY_EXISTS"""


class PermissionDenied(RpcError):
    """PERMISSION_DENIED"""


class ResourceExhausted(RpcError):
    """RESOURCE_EXHAUSTED"""


class FailedPrecondition(RpcError):
    """FAILED_PRECONDITION"""


class Aborted(RpcError):
    """ABORTED"""


class OutOfRange(RpcError):
    """OUT_OF_RANGE"""


class Unimplemented(RpcError):
    """UNIMPLEMENTED"""


class Internal(RpcError):
    """INTERNAL"""


class Unavailable(RpcError):
    """UNAVAILABLE"""


class DataLoss(RpcError):
    """DATA_LOSS"""


class Unauthenticated(RpcError):
    """UNAUTHENTICATED"""


#: By status code. A failure never has code OK.
CLASSES: Dict[int, Type[RpcError]] = {
    1: Cancelled,
    2: Unknown,
    3: InvalidArgument,
    4: DeadlineExceeded,
    5: NotFound,
    6: AlreadyExists,
    7: PermissionDenied,
    8: ResourceExhausted,
    9: FailedPrecondition,
    10: Aborted,
    11: OutOfRange,
    12: Unimplemented,
    13: Internal,
    14: Unavailable,
    15: DataLoss,
    16: Unauthenticated,
}
_NAMES = {number: kind.__name__ for number, kind in CLASSES.items()}
_NAMES[0] = "RpcError"

for _kind in (RpcError, *CLASSES.values()):
    _kind.__module__ = "causewire"

_raised: Dict[Tuple[int, str], Type[RpcError]] = {}


def _flavour(aio: bool) -> str:
    if aio and hasattr(sys.modules.get("grpc.aio"), "AioRpcError"):
        return "grpc.aio"
    if not aio and hasattr(sys.modules.get("grpc"), "RpcError"):
        return "grpc"
    return "aio" if aio else ""


def raised_class(number: int, aio: bool) -> Type[RpcError]:
    """The class that is raised: ours, and grpc's too when it is loaded. Made once for each."""
    key = (number, _flavour(aio))
    known = _raised.get(key)
    if known is None:
        known = _raised[key] = _make(CLASSES.get(number, RpcError), key[1])
    return known


def _make(ours: Type[RpcError], flavour: str) -> Type[RpcError]:
    bases: Tuple[Any, ...]
    if flavour == "grpc":
        grpc: Any = sys.modules["grpc"]
        bases = (_Finished, ours, grpc.RpcError, grpc.Call, grpc.Future)
    elif flavour == "grpc.aio":
        bases = (_AioMetadata, ours, getattr(sys.modules["grpc.aio"], "AioRpcError"))
    elif flavour == "aio":
        bases = (_AioMetadata, ours)
    else:
        bases = (_Finished, ours)
    names = {"__module__": ours.__module__, "__doc__": ours.__doc__}
    # new_class and not type: grpc.Call is an ABC, so the metaclass is not ours
    made: Type[RpcError] = types.new_class(ours.__name__, bases, exec_body=lambda body: body.update(names))
    return made


def from_native(
    record: str,
    details: str,
    status_details: Optional[bytes] = None,
    headers: Optional[_Pairs] = None,
    trailers: _Pairs = (),
    peer: Optional[str] = None,
    attempts: int = 0,
    unsent: int = 0,
    aio: bool = False,
    source: Optional[BaseException] = None,
) -> RpcError:
    """Builds what is raised for a failure of the core."""
    parsed = json.loads(record)
    error = raised_class(int(parsed.get("code", 2)), aio)(
        record,
        details,
        status_details=status_details,
        headers=headers,
        trailers=trailers,
        peer=peer,
        attempts=attempts,
        unsent=unsent,
        source=source,
    )
    underlying = parsed.get("underlying")
    if underlying is not None:
        error.__cause__ = _underlying(underlying, aio)
    return error


def _underlying(parsed: Any, aio: bool) -> RpcError:
    record = json.dumps(parsed, ensure_ascii=False, separators=(",", ":"))
    return from_native(record, _native.render(record, "line"), peer=parsed.get("peer"), aio=aio)


def _with_details(trailers: _Pairs, details: Optional[bytes]) -> _Pairs:
    return trailers if details is None else (*trailers, (_DETAILS_KEY, details))

