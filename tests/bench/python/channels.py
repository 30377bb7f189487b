"""How each client opens a channel, and what every call carries."""
from __future__ import annotations

from typing import Any

SECONDS = 30.0
METADATA = (("x-request-id", "7d0f2c6a94e14b0c"), ("x-tenant", "bench"))


def blocking_channel(client: str, address: str, alone: bool = False) -> Any:
    """``alone``: not sharing its connection with another channel of the process, which grpcio's do otherwise."""
    if client == "causewire":
        import causewire

        return causewire.Channel(address, tls=None)
    import grpc

    options = [("grpc.use_local_subchannel_pool", 1)] if alone else []
    if client == "grpcio-sut":
        options.append(("SingleThreadedUnaryStream", 1))
    return grpc.insecure_channel(address, options=options)


def asyncio_channel(client: str, address: str, alone: bool = False) -> Any:
    if client.startswith("causewire"):
        import causewire.aio

        return causewire.aio.Channel(address, tls=None)
    import grpc.aio

    options = [("grpc.use_local_subchannel_pool", 1)] if alone else []
    return grpc.aio.insecure_channel(address, options=options)
