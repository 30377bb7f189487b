"""Tasks that wait for a call: on asyncio's own loop, on uvloop, as asyncio's own task written in Python, and eager."""
from __future__ import annotations

import asyncio
import contextvars
import gc
import sys
import weakref
from typing import Any, Callable, Coroutine, List

import causewire.aio
import pytest
import uvloop
from conftest import run

ECHO = "/causewire.testbed.v1.Testbed/Echo"
#: An EchoRequest whose response takes ten seconds.
SLOW = b"\x20\x90\x4e"

Main = Callable[[causewire.aio.Channel], Coroutine[Any, Any, None]]


def python_tasks() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    task: Any = getattr(asyncio.tasks, "_PyTask")
    loop.set_task_factory(lambda loop, coroutine, **more: task(coroutine, loop=loop, **more))
    return loop


def eager_tasks() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    loop.set_task_factory(getattr(asyncio, "eager_task_factory"))
    return loop


LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop, python_tasks]
if sys.version_info >= (3, 12):
    LOOPS.append(eager_tasks)


@pytest.fixture(params=LOOPS, ids=lambda make: make.__qualname__)
def go(request: pytest.FixtureRequest, target: str) -> Any:
    def run(main: Main) -> None:
        async def wrapped() -> None:
            async with causewire.aio.Channel(target, tls=None) as channel:
                await asyncio.wait_for(main(channel), 30)

        loop = request.param()
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(wrapped())
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    return run


def test_several_tasks_await_one_call(go: Any) -> None:
    async def main(channel: causewire.aio.Channel) -> None:
        call = channel.unary_call(ECHO, b"")

        async def wait() -> Any:
            return await call

        answers = await asyncio.gather(*(wait() for _ in range(3)), call.trailers(), call.headers())
        assert answers[0] == answers[1] == answers[2] == await call

    go(main)


def test_a_task_keeps_its_context_and_stays_the_current_one(go: Any) -> None:
    here: contextvars.ContextVar[int] = contextvars.ContextVar("here")

    async def main(channel: causewire.aio.Channel) -> None:
        async def one(number: int) -> None:
            here.set(number)
            for _ in range(3):
                await channel.unary(ECHO, b"")
                assert here.get() == number
                assert asyncio.current_task() is tasks[number]

        tasks = [asyncio.ensure_future(one(number)) for number in range(20)]
        await asyncio.gather(*tasks)

    go(main)


def test_who_gives_up_cancels_the_call_and_who_looks_on_does_not(go: Any) -> None:
    async def main(channel: causewire.aio.Channel) -> None:
        call = channel.unary_call(ECHO, SLOW)

        async def wait() -> Any:
            return await call

        onlooker = asyncio.ensure_future(call.headers())
        task = asyncio.ensure_future(wait())
        await asyncio.sleep(0)
        onlooker.cancel("enough")
        with pytest.raises(asyncio.CancelledError):
            await onlooker
        assert not call.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert call.cancelled()
        failure = call.failure
        assert failure is not None and failure.cause.name == "CANCELLED_BY_CALLER"

    go(main)


def test_a_timeout_shorter_than_the_call(go: Any) -> None:
    async def main(channel: causewire.aio.Channel) -> None:
        call = channel.unary_call(ECHO, SLOW)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(call, 0.01)
        assert call.cancelled()

    go(main)


def test_news_taken_inside_a_task_wake_the_others_later(go: Any) -> None:
    async def main(channel: causewire.aio.Channel) -> None:
        done: List[int] = []

        async def wait(number: int) -> None:
            await channel.unary(ECHO, b"")
            done.append(number)

        others = [asyncio.ensure_future(wait(number)) for number in range(10)]
        for _ in range(20):
            call = channel.unary_call(ECHO, SLOW)
            await asyncio.sleep(0)
            call.cancel()
            # takes the loop's news from inside this task
            assert call.failure is not None
        await asyncio.gather(*others)
        assert sorted(done) == list(range(10))

    go(main)


def test_a_task_that_waited_is_collected(go: Any) -> None:
    async def main(channel: causewire.aio.Channel) -> None:
        class Marker:
            pass

        async def wait() -> weakref.ref[Marker]:
            marker = Marker()
            await channel.unary(ECHO, b"")
            return weakref.ref(marker)

        found = await wait()
        call = channel.unary_call(ECHO, SLOW)
        task = asyncio.ensure_future(call.headers())
        await asyncio.sleep(0)
        gone = weakref.ref(task)
        task.cancel()
        await asyncio.wait([task])
        del task
        gc.collect()
        assert found() is None and gone() is None
        call.cancel()

    go(main)


@pytest.mark.parametrize("error", ["KeyboardInterrupt", "SystemExit"])
def test_what_ends_the_loop_leaves_the_other_tasks_to_its_next_run(target: str, error: str) -> None:
    code = f"""
import asyncio, sys
import causewire.aio

async def call(channel, number):
    await channel.unary("{ECHO}", b"")
    done.append(number)
    if number == 0:
        raise {error}

async def main():
    channel = causewire.aio.Channel(sys.argv[1], tls=None)
    await channel.unary("{ECHO}", b"")
    return [asyncio.ensure_future(call(channel, number)) for number in range(50)]

done = []
loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
tasks = loop.run_until_complete(main())
try:
    loop.run_until_complete(asyncio.wait(tasks))
except {error}:
    pass
else:
    sys.exit("nothing ended the loop")
loop.run_until_complete(asyncio.wait(tasks[1:]))
assert sorted(done) == list(range(50)), done
print("fine")
"""
    ended = run(code, target)
    assert (ended.returncode, ended.stdout) == (0, "fine\n"), ended.stderr
