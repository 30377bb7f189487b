"""The Python clients: ``client.py CLIENT ADDRESS VERB``, with the verbs of every language's client.

``serve``: reads lines ``CELL SECONDS``, answers each with one line of JSON; ``cold``: makes one call and prints a line;
``channels N``, ``streams N``: the memory of each.

A verb imports no more than it needs, because ``cold`` measures it.
"""
from __future__ import annotations

import sys

def main() -> None:
    client, address, verb, *rest = sys.argv[1:]
    if "aio" not in client:
        import blocking

        blocking.run(client, address, verb, *rest)
        return
    import coroutines

    work = coroutines.run(client, address, verb, *rest)
    if client.endswith("uvloop"):
        import uvloop

        uvloop.run(work)
    else:
        import asyncio

        asyncio.run(work)


if __name__ == "__main__":
    main()
