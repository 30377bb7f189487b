"""gRPC channels whose failures are values.

``causewire.Channel`` is for blocking code, ``causewire.aio.Channel`` for asyncio; stubs that grpcio-tools generated run
on both. A call that fails raises one class per status code, and ``error.failure`` says which layer failed, why, whether
the request may have arrived, whether a retry is safe, and what to do.
"""
from __future__ import annotations

from ._calls import Call, FutureCall, StreamCall
from ._causewire import __version__
from ._channel import Channel
from ._errors import (
    Aborted,
    AlreadyExists,
    Cancelled,
    DataLoss,
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    NotFound,
    OutOfRange,
    PermissionDenied,
    ResourceExhausted,
    RpcError,
    Unauthenticated,
    Unavailable,
    Unimplemented,
    Unknown,
)
from ._gen.causes import Category, Cause, Layer, Origin, Phase, Reached, Retry
from ._gen.failure import Failure
from ._host import Resolution, TokenRequest
from ._response import Response
from ._status import ChannelConnectivity, Metadatum, StatusCode

__all__ = [
    "Aborted",
    "AlreadyExists",
    "Call",
    "Cancelled",
    "Category",
    "Cause",
    "Channel",
    "ChannelConnectivity",
    "DataLoss",
    "DeadlineExceeded",
    "FailedPrecondition",
    "Failure",
    "FutureCall",
    "Internal",
    "InvalidArgument",
    "Layer",
    "Metadatum",
    "NotFound",
    "Origin",
    "OutOfRange",
    "PermissionDenied",
    "Phase",
    "Reached",
    "Resolution",
    "ResourceExhausted",
    "Response",
    "Retry",
    "RpcError",
    "StatusCode",
    "StreamCall",
    "TokenRequest",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "Unknown",
    "__version__",
]
