"""An MCP server over stdio whose tools are those in a file, at each moment: python FILE LOG.

When the file has changed it says so (``tools/list_changed``). Each call is a line in the log. The
file is JSON: the list of tools.
"""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any

FILE, LOG = Path(sys.argv[1]), Path(sys.argv[2])
LOOK_EVERY_S = 0.02
LOCK = threading.Lock()


def send(message: dict[str, Any]) -> None:
    with LOCK:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()


def watch() -> None:
    before = FILE.read_text()
    while True:
        threading.Event().wait(LOOK_EVERY_S)
        now = FILE.read_text()
        if now != before:
            before = now
            send({"method": "notifications/tools/list_changed"})


def answer(method: str, params: dict[str, Any]) -> dict[str, Any] | None:
    match method:
        case "initialize":
            threading.Thread(target=watch, daemon=True).start()
            version = params["protocolVersion"]
            can = {"tools": {"listChanged": True}}
            info = {"name": "changing", "version": "1"}
            return {"protocolVersion": version, "capabilities": can, "serverInfo": info}
        case "tools/list":
            return {"tools": json.loads(FILE.read_text())}
        case "tools/call":
            with LOG.open("a") as log:
                log.write(json.dumps(params) + "\n")
            return {"content": [{"type": "text", "text": f"did {params['name']}"}]}
    return None


for line in sys.stdin:
    message = json.loads(line)
    if "id" in message:
        result = answer(message["method"], message.get("params", {}))
        error = {"error": {"code": -32601, "message": "Method not found"}}
        send({"id": message["id"], **(error if result is None else {"result": result})})
