"""Hold authenticated connections that do nothing.

``python -m bench.idle PORT TOKEN COUNT`` prints a line when they are there, and drops them when its
input ends.
"""

from __future__ import annotations

import asyncio
import sys

from bench.load import connect


async def hold(port: int, token: str, count: int) -> None:
    callers = await connect("127.0.0.1", port, count, 0, token)
    print(len(callers), flush=True)
    await asyncio.to_thread(sys.stdin.read)


def main() -> None:
    port, token, count = sys.argv[1:4]
    asyncio.run(hold(int(port), token, int(count)))


if __name__ == "__main__":
    main()
