"""tests/drive python | python-aio: JSON lines in, JSON lines out, each call by the public API of causewire."""
import asyncio
import logging
import os
import signal
import sys

import blocking
import coroutines
from protocol import Logs, Out


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    logs = Logs()
    logger = logging.getLogger("causewire")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(logs)
    logger.propagate = False
    out = Out()
    if "--aio" in sys.argv[1:]:
        asyncio.run(coroutines.serve(out, logs))
    else:
        blocking.serve(out, logs)
    sys.stdout.flush()
    # a callback that hangs by script must not hold the exit
    os._exit(0)


if __name__ == "__main__":
    main()
