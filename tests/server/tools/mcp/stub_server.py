"""A server of MCP that does as it is told: in both eras, over stdio and HTTP, well and badly.

    python stub_server.py stdio|http [word ...]

Words: ``modern``, ``legacy`` (default: both), ``hang`` (answers nothing), ``deaf`` (and stays when
its input ends), ``die`` (ends once it is ready), ``junk`` (prints what is no message), ``log=FILE``
(a JSON line for each start, message, and START and END of each call), ``sessions`` (legacy, HTTP),
``mute`` (HTTP: does not say that it has got our answers),
``cut`` (HTTP, legacy: breaks each stream before the answer; it can be taken up again),
``state=FILE`` (the tools are those that it names, in lines; looked at at each list).
Over HTTP it prints its port.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

WORDS = dict(word.partition("=")[::2] for word in sys.argv[2:])
TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
ANY: dict[str, Any] = {"type": "object"}
FIXED: dict[str, Any] = {
    "resources/list": {"resources": [{"uri": "test://a", "name": "a"}]},
    "resources/templates/list": {
        "resourceTemplates": [{"uriTemplate": "test://t/{id}", "name": "t"}]
    },
    "prompts/list": {"prompts": [{"name": "greet", "arguments": [{"name": "who"}]}]},
    "completion/complete": {"completion": {"values": ["one"]}},
    "logging/setLevel": {},
    "resources/unsubscribe": {},
}
LOCK = threading.Lock()
CANCELLED: dict[Any, threading.Event] = {}
ANSWERS: dict[Any, dict[str, Any]] = {}
ANSWERED = threading.Condition()

TOOLS: dict[str, dict[str, Any]] = {
    "echo": {"inputSchema": TEXT, "outputSchema": TEXT, "title": "Echo\u202e", "x-new": [1.0]},
    "boom": {"inputSchema": ANY},
    "odd": {"inputSchema": ANY, "outputSchema": TEXT, "annotations": {"readOnlyHint": False}},
    "env": {"inputSchema": ANY, "annotations": {"readOnlyHint": True}},
    "big": {"inputSchema": ANY},
    "slow": {"inputSchema": ANY},
    "drop": {"inputSchema": ANY},
    "status": {"inputSchema": ANY},
    "steps": {"inputSchema": ANY},
    "ask": {"inputSchema": ANY},
    "mutate": {"inputSchema": ANY},
    "größe/x y": {"inputSchema": ANY},
}


class Drop(Exception):
    """Break off without an answer."""


class Deep(Exception):
    """Answer with more nesting than anybody reads."""


class StatusOnly(Exception):
    """Answer by a status of HTTP alone."""


Send = Callable[[dict[str, Any]], None]


def log(**said: Any) -> None:
    if "log" in WORDS:
        with LOCK, Path(WORDS["log"]).open("a") as file:
            file.write(json.dumps({"pid": os.getpid(), **said}) + "\n")


def tools() -> list[dict[str, Any]]:
    found = {**TOOLS}
    if "state" in WORDS and Path(WORDS["state"]).exists():
        lines = Path(WORDS["state"]).read_text().split("\n")
        found = {line.partition("=")[0]: {"inputSchema": ANY} for line in lines if line}
        for line in filter(None, lines):
            name, _, description = line.partition("=")
            found[name]["description"] = description
    return [{"name": name, "description": "does\x07 it", **each} for name, each in found.items()]


def is_modern(params: dict[str, Any]) -> bool:
    return "io.modelcontextprotocol/protocolVersion" in params.get("_meta", {})


def answer(message: dict[str, Any], send: Send, ask: Callable[..., Any]) -> Any:
    """The result of a request; raises LookupError: there is no such method."""
    method, params = message["method"], message.get("params", {})
    modern = is_modern(params)
    can = {
        "tools": {"listChanged": True},
        "resources": {"subscribe": True},
        "prompts": {},
        "logging": {},
        "completions": {},
    }
    if "hang" in WORDS:
        time.sleep(3_600)
    match method:
        case "server/discover" if "legacy" not in WORDS:
            info = {"io.modelcontextprotocol/serverInfo": {"name": "stub", "version": "1"}}
            return {"supportedVersions": ["2026-07-28"], "capabilities": can, "_meta": info}
        case "initialize" if "modern" not in WORDS:
            info = {"name": "stub", "version": "1"}
            version = params["protocolVersion"]
            return {"protocolVersion": version, "capabilities": can, "serverInfo": info}
        case "tools/list":
            if "die" in WORDS:
                os._exit(3)
            everything = tools()
            at = int(params.get("cursor", 0))
            more = {"nextCursor": str(at + 5)} if at + 5 < len(everything) else {}
            return {"tools": everything[at : at + 5], **more}
        case "resources/read":
            contents = [{"uri": params["uri"], "text": "hello", "x": 1}]
            return {"contents": contents}
        case "resources/subscribe":
            send({"method": "notifications/resources/updated", "params": {"uri": params["uri"]}})
            return {}
        case "prompts/get":
            text = f"hi {params['arguments'].get('who')}"
            return {"messages": [{"role": "user", "content": {"type": "text", "text": text}}]}
        case "tools/call":
            name = params["name"]
            log(call=name, event="START", args=params.get("arguments"), id=message["id"])
            result = call(name, params, message["id"], send, ask, modern=modern)
            log(call=name, event="END", id=message["id"])
            return result
    return FIXED[method]


def said(text: str, **more: Any) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}], **more}


def call(
    name: str, params: dict[str, Any], number: Any, send: Send, ask: Any, *, modern: bool
) -> Any:
    args = params.get("arguments", {})
    token = params.get("_meta", {}).get("progressToken")
    match name:
        case "echo":
            return said(args["text"], structuredContent=args)
        case "boom":
            return said("it went boom", isError=True, more={"a": 1})
        case "odd":
            content = [{"type": "hologram", "data": "x"}]
            return {"content": content, "structuredContent": {"text": 7}, "odd": [1, 2]}
        case "env":
            return said(json.dumps(dict(os.environ)))
        case "deep":
            raise Deep
        case "big":
            return said("x" * 100_000)
        case "slow":
            cancelled = CANCELLED.setdefault(number, threading.Event())
            cancelled.wait(float(args.get("for_s", 60)))
            log(call=name, event="CANCELLED" if cancelled.is_set() else "DONE")
            return said("slow")
        case "drop":
            raise Drop
        case "status":
            raise StatusOnly
        case "steps":
            nag(send, int(args.get("pings", 0)))
            for step in (1, 2, 2, 3):
                progress = {"progressToken": token, "progress": step, "message": f"step {step}"}
                send({"method": "notifications/progress", "params": progress})
            send({"method": "notifications/message", "params": {"level": "info", "data": "note"}})
            return said("done")
        case "ask":
            return modern_ask(params) if modern else said(json.dumps(ask(*QUESTION)))
        case "mutate":
            Path(WORDS["state"]).write_text(args["tools"])
            changed = {"method": "notifications/tools/list_changed"}
            send(changed)
            return said("changed")
    return said(f"there is no {name}", isError=True)


def nag(send: Send, times: int) -> None:
    """Ask whether the client is there, again and again."""
    for number in range(times):
        send({"id": f"p{number}", "method": "ping"})


FORM = {"type": "object", "properties": {}}
QUESTION = "elicitation/create", {"mode": "form", "message": "sure?", "requestedSchema": FORM}


def modern_ask(params: dict[str, Any]) -> Any:
    responses = params.get("inputResponses")
    if responses is None:
        asked = {"k": {"method": QUESTION[0], "params": QUESTION[1]}}
        state = {"inputRequests": asked, "requestState": "s"}
        return {"resultType": "input_required", **state}
    return said(json.dumps([responses["k"], params["requestState"]]))


def respond(message: dict[str, Any], send: Send, ask: Callable[..., Any]) -> None:
    """Answer a request by a message."""
    try:
        result = answer(message, send, ask)
    except LookupError:
        error = {"code": -32601, "message": "Method not found"}
        send({"id": message["id"], "error": error})
    else:
        send({"id": message["id"], "result": {"resultType": "complete", **result}})


def take(message: dict[str, Any]) -> None:
    """Take a notification, or an answer to what was asked."""
    if message.get("method") == "notifications/cancelled":
        number = message["params"]["requestId"]
        CANCELLED.setdefault(number, threading.Event()).set()
    elif "method" not in message:
        with ANSWERED:
            ANSWERS[message["id"]] = message
            ANSWERED.notify_all()


def asker(send: Send) -> Callable[[str, Any], Any]:
    def ask(method: str, params: Any) -> Any:
        number = f"q{time.monotonic_ns()}"
        send({"id": number, "method": method, "params": params})
        with ANSWERED:
            ANSWERED.wait_for(lambda: number in ANSWERS, 60)
        return ANSWERS[number].get("result", ANSWERS[number].get("error"))

    return ask


def serve_stdio() -> None:
    def send(message: dict[str, Any]) -> None:
        with LOCK:
            sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
            sys.stdout.flush()

    def work(message: dict[str, Any]) -> None:
        try:
            respond(message, send, asker(send))
        except Deep:
            nested = "[" * 100_000 + "]" * 100_000
            with LOCK:
                print(
                    f'{{"jsonrpc": "2.0", "id": {message["id"]}, "result": {nested}}}', flush=True
                )
        except (Drop, StatusOnly):
            os._exit(4)

    if "junk" in WORDS:
        print("Welcome to the stub!", "{half of", "[]", sep="\n", flush=True)
    print("the stub runs, my token is sesame-open", file=sys.stderr, flush=True)
    for line in sys.stdin:
        message = json.loads(line)
        log(message=message)
        if "method" in message and "id" in message:
            threading.Thread(target=work, args=(message,), daemon=True).start()
        else:
            take(message)
    while "deaf" in WORDS:
        time.sleep(1)


SESSIONS: dict[str, list[str]] = {}
EVENTS: dict[str, list[dict[str, Any]]] = {}


class Handler(BaseHTTPRequestHandler):
    """Streamable HTTP."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None: ...

    def status(self, code: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def begin(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def event(self, message: dict[str, Any], event_id: str = "") -> None:
        data = json.dumps({"jsonrpc": "2.0", **message})
        text = (f"id: {event_id}\nretry: 10\n" if event_id else "") + f"data: {data}\n\n"
        self.chunk(text.encode())

    def chunk(self, data: bytes) -> None:
        with LOCK:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()

    def do_DELETE(self) -> None:
        log(http="DELETE", headers=dict(self.headers))
        SESSIONS.pop(self.headers.get("Mcp-Session-Id", ""), None)
        self.status(204)

    def do_GET(self) -> None:
        log(http="GET", headers=dict(self.headers))
        last = self.headers.get("Last-Event-ID")
        if last is None or last not in EVENTS:
            self.status(405)
            return
        self.begin()
        for message in EVENTS[last]:
            self.event(message)
        self.chunk(b"")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        log(http="POST", headers=dict(self.headers), message=body)
        session = self.headers.get("Mcp-Session-Id")
        if session is not None and "sessions" in WORDS and session not in SESSIONS:
            self.status(404, b'{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"gone"}}')
            return
        if "method" not in body or "id" not in body:
            take(body)
            if "mute" in WORDS and "method" not in body:
                time.sleep(3_600)
            self.status(202)
            return
        try:
            self.request_(body)
        except StatusOnly:
            self.status(503, b"down")
        except Drop:
            self.close_connection = True
            self.connection.shutdown(2)

    def request_(self, body: dict[str, Any]) -> None:
        if body["method"] in ("initialize", "server/discover"):
            found: list[dict[str, Any]] = []
            respond(body, found.append, lambda *_: None)
            text = json.dumps({"jsonrpc": "2.0", **found[0]}).encode()
            extra = {}
            if body["method"] == "initialize" and "sessions" in WORDS and "result" in found[0]:
                number = f"s{time.monotonic_ns()}"
                SESSIONS[number] = []
                extra = {"Mcp_Session_Id": number}
            self.status(200, text, Content_Type="application/json", **extra)
            return
        if body["method"] == "subscriptions/listen":
            self.listen()
            return
        if body["method"] != "tools/call":
            found = []
            respond(body, found.append, lambda *_: None)
            text = json.dumps({"jsonrpc": "2.0", **found[-1]}).encode()
            self.status(200, text, Content_Type="application/json; charset=utf-8")
            return
        self.stream(body)

    def listen(self) -> None:
        self.begin()
        self.event({"method": "notifications/subscriptions/acknowledged", "params": {}})
        before = None
        while True:
            now = Path(WORDS["state"]).read_text() if self.has_state() else None
            if before is not None and now != before:
                self.event({"method": "notifications/tools/list_changed"})
            before = now
            time.sleep(0.05)
            self.chunk(b": alive\n\n")

    def has_state(self) -> bool:
        return "state" in WORDS and Path(WORDS["state"]).exists()

    def stream(self, body: dict[str, Any]) -> None:
        began: list[str] = []

        def send(message: dict[str, Any]) -> None:
            if not began:
                self.begin()
                began.append("")
                if "cut" in WORDS:
                    key = f"e{time.monotonic_ns()}"
                    EVENTS[key] = []
                    began[0] = key
                    self.chunk(f"id: {key}\nretry: 10\ndata:\n\n".encode())
            if began[0]:
                EVENTS[began[0]].append(message)
            else:
                self.event(message)

        respond(body, send, asker(send))
        if began[0]:
            raise Drop
        self.chunk(b"")


def serve_http() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", int(WORDS.get("port", 0))), Handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    log(start=True)
    serve_http() if sys.argv[1] == "http" else serve_stdio()
