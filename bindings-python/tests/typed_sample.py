"""What users write, for `mypy --strict`. It is checked and never run."""
from __future__ import annotations

from typing import Optional

import causewire
import causewire.aio


def blocking() -> Optional[causewire.Cause | str]:
    with causewire.Channel("dns:///users:443", tls={"server_name": "users"}, connect_timeout_ms=5000) as channel:
        try:
            response = channel.unary("/users.Users/Get", b"", timeout=5.0, metadata=[("x-tenant", "a")])
        except causewire.PermissionDenied as error:
            return error.failure.cause
        except causewire.RpcError as error:
            print(error.code(), error.details(), error.diagnostic(), error.failure.to_json())
            return error.failure.cause
        print(response.message, response.headers, response.trailers, response.peer, response.attempts)
        with_options = causewire.Channel("users:80", {"tls": None})
        call = with_options.bidi("/users.Users/Watch")
        call.send(b"")
        call.close_send()
        for message in call:
            print(message, call.headers(), call.trailers(), call.peer)
        call.cancel()
    return None


def token(request: causewire.TokenRequest) -> str:
    return request.audience


async def token_soon(request: causewire.TokenRequest) -> str:
    return request.method


async def asynchronous() -> None:
    channel = causewire.aio.Channel("dns:///users:443", token_provider=token_soon)
    async with channel:
        await channel.channel_ready()
        get = channel.unary_unary("/users.Users/Get", None, None)
        print(await get(b"", timeout=1))
        call = channel.server_streaming("/users.Users/List", b"")
        async for message in call:
            print(message)
        both = channel.bidi("/users.Users/Watch")
        await both.send(b"")
        both.close_send()
        while (message := await both.read()) is not causewire.aio.EOF:
            print(message)
        if both.failure is not None:
            print(both.failure.retry, both.failure.reached)


causewire.Channel("users:443", token_provider=token)
