"""What concerns a whole process: fork, exit, signals."""
from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import Any

import pytest
from conftest import run

PRELUDE = """
import asyncio, os, signal, sys, threading, time
import causewire, causewire.aio
target = sys.argv[1]
ECHO = "/causewire.testbed.v1.Testbed/Echo"
SLOW = b"\\x20\\x90\\x4e"
channel = causewire.Channel(target, tls=None)
"""

FORKS = PRELUDE + """
def links(start):
    out = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            link = os.readlink("/proc/self/fd/" + fd)
        except OSError:
            continue
        if link.startswith(start):
            out.append(link)
    return out

def sockets():
    return set(links("socket:"))

def bells():
    return len(links("anon_inode:[eventfd]"))

stop = threading.Event()
wrong = []
counted = [0] * 8

def work(number):
    try:
        while not stop.is_set():
            # large ones too, whose bytes are released by another thread
            size = 20_000 if counted[number] % 4 == 0 else 2
            channel.unary(ECHO, b"\\x0a" + bytes([size & 127 | 128, size >> 7 & 127 | 128, size >> 14]) + b"x" * size)
            counted[number] += 1
    except BaseException as error:
        wrong.append(error)

threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
[thread.start() for thread in threads]
while sum(counted) < 100:
    time.sleep(0.01)
failed = 0
for n in range(int(sys.argv[2])):
    before, rang = sockets(), bells()
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        status = 1
        try:
            shared, rings = sockets(), bells()
            assert channel.unary(ECHO, b"", timeout=10).attempts == 1
            if n % 8 == 0:
                async def main():
                    aio = causewire.aio.Channel(target, tls=None)
                    assert (await aio.unary(ECHO, b"", timeout=10)).attempts == 1
                asyncio.run(main())
                assert channel.unary_unary(ECHO).future(b"", timeout=10).result(10) is not None
            # what is still open of the parent's is neither a connection nor a bell of ours
            assert not shared, shared
            assert rings == rang - 1, (rings, rang)
            status = 0
        except BaseException as error:
            print("child", n, repr(error), file=sys.stderr)
        os._exit(status)
    _, status = os.waitpid(pid, 0)
    failed += status != 0
seen = list(counted)
end = time.time() + 20
while any(now == then for now, then in zip(counted, seen)) and time.time() < end and not wrong:
    time.sleep(0.01)
assert all(now > then for now, then in zip(counted, seen)), (counted, seen)
stop.set()
[thread.join(20) for thread in threads]
assert not any(thread.is_alive() for thread in threads)
assert not wrong, wrong
print("failed", failed)
"""


def test_two_hundred_forks_while_eight_threads_call(target: str) -> None:
    done = run(FORKS, target, "200", timeout=240)
    assert (done.returncode, done.stdout, done.stderr) == (0, "failed 0\n", "")


AIO_FORK = PRELUDE + """
async def main():
    aio = causewire.aio.Channel(target, tls=None)
    await aio.unary(ECHO, b"")
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        asyncio.events._set_running_loop(None)
        async def child():
            assert (await aio.unary(ECHO, b"", timeout=10)).attempts == 1
        try:
            asyncio.new_event_loop().run_until_complete(child())
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert status == 0
    assert (await aio.unary(ECHO, b"", timeout=10)).attempts == 1
asyncio.run(main())
"""


def test_a_fork_inside_a_running_loop(target: str) -> None:
    done = run(AIO_FORK, target)
    assert (done.returncode, done.stderr) == (0, "")


EXITS = {
    "an idle channel": "channel.unary(ECHO, b'')",
    "an idle channel in asyncio": """
async def main():
    global aio
    aio = causewire.aio.Channel(target, tls=None)
    await aio.unary(ECHO, b'')
asyncio.run(main())""",
    "calls in flight on daemon threads": """
for _ in range(8):
    threading.Thread(target=lambda: channel.unary(ECHO, SLOW), daemon=True).start()
    threading.Thread(target=lambda: list(channel.server_streaming(ECHO + 'ServerStream', SLOW)), daemon=True).start()
time.sleep(0.3)""",
    "calls that nobody waits for": """
kept = [channel.unary_unary(ECHO).future(SLOW) for _ in range(8)]
kept[0].add_done_callback(print)
time.sleep(0.2)""",
    "a subscription": "channel.subscribe(lambda state: None, try_to_connect=True); time.sleep(0.2)",
    "a loop that is left open": """
loop = asyncio.new_event_loop()
aio = causewire.aio.Channel(target, tls=None)
async def main():
    global call
    call = aio.unary_call(ECHO, SLOW)
    await asyncio.sleep(0.2)
loop.run_until_complete(main())""",
}


@pytest.mark.parametrize("what", EXITS)
def test_exit_is_quick_and_clean(target: str, what: str) -> None:
    for _ in range(3):
        started = time.monotonic()
        done = run(PRELUDE + EXITS[what], target, timeout=20)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert time.monotonic() - started < 5


def test_blocking_code_imports_no_asyncio() -> None:
    program = "import sys, causewire; causewire.Channel('localhost:1', tls=None); print('asyncio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "False\n"


# A job in the background of a shell inherits an ignored SIGINT, and Python then installs no handler of its own.
INTERRUPT = PRELUDE + """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
print("ready", flush=True)
started = time.monotonic()
try:
    channel.unary(ECHO, SLOW)
except KeyboardInterrupt:
    print("interrupted", flush=True)
while channel.stats()["streams"]:
    assert time.monotonic() - started < 8
"""


def test_a_keyboard_interrupt_is_seen_and_cancels(target: str) -> None:
    command = [sys.executable, "-c", INTERRUPT, target]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (0, "interrupted\n", "")


FORGETS = PRELUDE + """
import gc, weakref
alive = weakref.WeakSet()

def blocking():
    call = channel.unary_call("/causewire.testbed.v1.Testbed/Nothing", b"")
    try:
        call.response()
    except causewire.RpcError as error:
        assert call.exception() is error
        alive.add(error)

async def asynchronous():
    async with causewire.aio.Channel(target, tls=None) as channel:
        async def one():
            call = channel.unary_call("/causewire.testbed.v1.Testbed/Nothing", b"")
            try:
                await call
            except causewire.RpcError as error:
                alive.add(error)
        for _ in range(10):
            await one()

for _ in range(10):
    blocking()
assert len(alive) == 0, len(alive)
asyncio.run(asynchronous())
gc.collect()
assert len(alive) == 0, len(alive)
print("fine")
"""


def test_a_call_that_failed_is_let_go_of(target: str) -> None:
    done = run(FORGETS, target)
    assert (done.returncode, done.stdout) == (0, "fine\n"), done.stderr
