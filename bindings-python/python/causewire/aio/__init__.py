"""gRPC for asyncio: see :mod:`causewire`."""
from __future__ import annotations

from typing import Any

from ._calls import Call, StreamStreamCall, StreamUnaryCall, UnaryStreamCall, UnaryUnaryCall, eof
from ._channel import Channel

__all__ = ["Call", "Channel", "EOF", "StreamStreamCall", "StreamUnaryCall", "UnaryStreamCall", "UnaryUnaryCall"]

#: What ``read`` returns after the last message: ``grpc.aio.EOF`` when grpc is loaded.
EOF: Any


def __getattr__(name: str) -> Any:
    # asked each time, because grpc may be loaded later
    if name == "EOF":
        return eof()
    raise AttributeError(name)
