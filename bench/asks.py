"""Ask for many approvals on one old-style connection and leave them waiting.

``python -m bench.asks PORT TOKEN COUNT`` prints what it took; the connection is dropped at the end
and the approvals stay.
"""

from __future__ import annotations

import json
import sys
import time

from websockets.sync.client import connect

AT_ONCE = 500


def main() -> None:
    port, token, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    began = time.perf_counter()
    for first in range(0, count, AT_ONCE):
        with connect(f"ws://127.0.0.1:{port}", compression=None) as socket:
            auth = {"jsonrpc": "2.0", "method": "auth", "params": {"token": token}, "id": "auth-1"}
            socket.send(json.dumps(auth))
            socket.recv()
            for value in range(first, min(first + AT_ONCE, count)):
                params = {"tool": "bench_ask", "args": {"value": value}}
                call = {"jsonrpc": "2.0", "method": "tool_request", "params": params, "id": value}
                socket.send(json.dumps(call))
            last = {"jsonrpc": "2.0", "method": "list_tools", "params": {}, "id": "last"}
            socket.send(json.dumps(last))
            socket.recv()
    print(f"{count / (time.perf_counter() - began):,.0f} asks/s")


if __name__ == "__main__":
    main()
