"""Mistakes of a gateway in what lies under the messages: handshakes, frames, ends, plain HTTP."""

from __future__ import annotations

from tests.conformance.wrong.mutation import Mutation

WIRE = "agentgate_proto/wire"
BASE = "agentgate_proto/connection/base.py"
LIMITS = "agentgate_proto/limits.py"
HTTP = "agentgate_proto/faces/http_api.py"

OF_CONNECTIONS = (
    # The opening handshake
    Mutation(
        "agree to the first subprotocol that is offered",
        f"{WIRE}/upgrade.py",
        "    given = encoded(headers)\n",
        "    given = encoded(headers)\n"
        "    subprotocol = (subprotocols(request) or [subprotocol])[0]\n",
        found_by=("a subprotocol",),
        rule="T21",
    ),
    Mutation(
        "agree to whatever extension is offered",
        f"{WIRE}/upgrade.py",
        "    if subprotocol:\n",
        '    if offered := request.headers.get("sec-websocket-extensions"):\n'
        '        lines.append((b"Sec-WebSocket-Extensions", offered.encode()))\n'
        "    if subprotocol:\n",
        found_by=("an extension",),
        rule="T21",
    ),
    Mutation(
        "take a WebSocket on every path",
        f"{WIRE}/server.py",
        "        if request.found is None:\n            self._open",
        "        if request.found is None or request.found.place.websocket is None:\n"
        "            self._open",
        found_by=("a WebSocket where plain HTTP is",),
        rule="T20",
    ),
    Mutation(
        "take a WebSocket on / alone",
        f"{WIRE}/server.py",
        "        if request.found is None:\n            self._open",
        '        if request.found is None and request.target != "/":\n'
        '            self.http.refuse(NOT_FOUND, "no such path")\n'
        "        if request.found is None:\n            self._open",
        found_by=("any path",),
        rule="T20",
    ),
    Mutation(
        "take every Host for a name of its own",
        f"{WIRE}/heads.py",
        "    if not may_be_ours(host, doors.hosts):\n",
        "    if not may_be_ours(host, None):\n",
        found_by=("a Host of somebody else",),
        rule="T22",
    ),
    Mutation(
        "refuse an address as a Host",
        f"{WIRE}/hosts.py",
        "    return name in allowed or is_loopback(host) or is_address(name)\n",
        "    return name in allowed or is_loopback(host)\n",
        found_by=("an address for a Host",),
        rule="T22",
    ),
    Mutation(
        "let the pages of every origin connect",
        f"{WIRE}/cors.py",
        "        origin in origins\n        or any",
        "        True\n        or any",
        found_by=("a foreign Origin",),
        rule="T23",
    ),
    Mutation(
        "refuse the page of an origin that the operator allows",
        f"{WIRE}/cors.py",
        "        origin in origins\n        or any",
        "        False\n        or any",
        found_by=("the gateway's own Origin",),
        rule="T23",
    ),
    Mutation(
        "look at the first of two lines of a header",
        f"{WIRE}/heads.py",
        "        if len(headers.all(name)) > 1:\n",
        "        if len(headers.all(name)) > 2:\n",
        found_by=("two lines of one header",),
        rule="T24",
    ),
    Mutation(
        "wait three times as long for the opening handshake",
        LIMITS,
        "    opening_s: float = 10.0\n",
        "    opening_s: float = 30.0\n",
        found_by=("a handshake that is not finished",),
        rule="T25",
        is_slow=True,
    ),
    # Frames
    Mutation(
        "take frames without a mask, too",
        f"{WIRE}/frames.py",
        "    size = data[at + 1] - MASKED if is_masked else data[at + 1]\n",
        "    is_masked = data[at + 1] >= MASKED\n"
        "    size = data[at + 1] - MASKED if is_masked else data[at + 1]\n",
        found_by=("a frame without a mask",),
        rule="T26",
    ),
    Mutation(
        "take binary messages for text",
        f"{WIRE}/websocket.py",
        "            case ws.BytesMessage() if self.takes_binary:\n"
        "                return self._join(event, bytes(event.data))\n",
        "            case ws.BytesMessage():\n"
        "                return self._join(event, bytes(event.data).decode())\n",
        found_by=("a binary message",),
        rule="T11",
    ),
    Mutation(
        "close with 1002 for text that is not UTF-8",
        f"{WIRE}/websocket.py",
        "            raise RemoteProtocolError(NOT_UTF8, INVALID_DATA) from None\n",
        "            raise RemoteProtocolError(NOT_UTF8, 1002) from None\n",
        found_by=("text that is no UTF-8",),
        rule="T12",
    ),
    Mutation(
        "take messages of 16 MiB and tell nobody",
        LIMITS,
        "    message_bytes_max: int = 1_048_576\n",
        "    message_bytes_max: int = 16_777_216\n",
        found_by=("a message that is too large",),
        rule="T9",
    ),
    Mutation(
        "take messages of 64 KiB at the most",
        LIMITS,
        "    message_bytes_max: int = 1_048_576\n",
        "    message_bytes_max: int = 65_536\n",
        found_by=("a large message",),
        rule="T9",
    ),
    Mutation(
        "take as many fragments as come",
        LIMITS,
        "    fragments_max: int = 1_024\n",
        "    fragments_max: int = 1_024_000\n",
        found_by=("too many fragments",),
        rule="T27",
    ),
    Mutation(
        "take the last fragment for the message",
        f"{WIRE}/websocket.py",
        "        if not event.message_finished:\n            return Alive()\n",
        "        if not event.message_finished:\n"
        "            self._message.clear()\n            return Alive()\n",
        found_by=("a message in fragments",),
        rule="T6",
    ),
    Mutation(
        "answer pings without their payload",
        f"{WIRE}/websocket.py",
        "            self._send_frame(PONG_FRAME, payload)\n",
        '            self._send_frame(PONG_FRAME, b"")\n',
        found_by=("a ping",),
        rule="T7",
    ),
    Mutation(
        "close at a pong that was not asked for",
        BASE,
        "                self._on_pong(payload)\n",
        '                if payload != KEEPALIVE_PREFIX + b"%d" % self._pings:\n'
        '                    self.close(1002, "an odd pong")\n'
        "                self._on_pong(payload)\n",
        found_by=("a pong nobody asked for",),
        rule="T10",
    ),
    Mutation(
        "answer every close with 1000",
        f"{WIRE}/websocket.py",
        "            code = NORMAL_CLOSURE if event.code == NO_STATUS else event.code\n",
        "            code = NORMAL_CLOSURE\n",
        found_by=("a close",),
        rule="X1",
    ),
    Mutation(
        "wait for the answer to a close for a minute",
        LIMITS,
        "    closing_s: float = 5.0\n",
        "    closing_s: float = 60.0\n",
        found_by=("a close that nobody answers",),
        rule="X3",
    ),
    # Keep-alive
    Mutation(
        "never ping",
        BASE,
        "                    self._ping()\n                    self._probed_at",
        "                    self._probed_at",
        found_by=("silence",),
        rule="K30",
        is_slow=True,
    ),
    Mutation(
        "take nothing but the pong for a sign of life",
        BASE,
        "                if self.heard_at >= self._probed_at:\n",
        "                if self.latency_s is not None:\n",
        found_by=("a sign of life",),
        rule="K3",
        is_slow=True,
    ),
    # Plain HTTP
    Mutation(
        "answer a settled approval without what happened",
        HTTP,
        '        body["approval"] = data\n',
        "        pass\n",
        found_by=("a yes over HTTP",),
        rule="F5",
    ),
    Mutation(
        "tell every error by 400",
        HTTP,
        "    return Reply(STATUSES.get(code, 500), msgspec.json.encode(body), headers)\n",
        "    return Reply(400, msgspec.json.encode(body), headers)\n",
        found_by=("what is not there, over HTTP", "no code over HTTP"),
        rule="F4",
    ),
    Mutation(
        "leave the code out of errors over HTTP",
        HTTP,
        '"code": code}\n',
        "}\n",
        found_by=("what a role may not, over HTTP",),
        rule="F4",
    ),
    Mutation(
        "ask for a token without a word how",
        HTTP,
        "    return problem(401, message, dict([CHALLENGE]))\n",
        "    return problem(401, message)\n",
        found_by=("no token over HTTP",),
        rule="F2",
    ),
    Mutation(
        "list approvals over HTTP for everybody who has a token",
        "agentgate_server/gate/web.py",
        "        if not http_api.may_call(principal, params):\n",
        "        if not http_api.may_call(principal, params) and False:\n",
        found_by=("what a role may not, over HTTP",),
        rule="F1",
    ),
    Mutation(
        "refuse a method without Allow",
        f"{WIRE}/options.py",
        '    return RuleAnswer(405, [allow], f"use {place.allow}")\n',
        '    return RuleAnswer(405, [], f"use {place.allow}")\n',
        found_by=("a method that a path has not",),
        rule="F9",
    ),
    Mutation(
        "answer 404 at / without an upgrade",
        HTTP,
        "        return problem(426, SPEAK_WEBSOCKET, upgrade)\n",
        "        return problem(404, SPEAK_WEBSOCKET)\n",
        found_by=("a path that is none",),
        rule="F13",
    ),
    Mutation(
        "take only bodies of a known length",
        f"{WIRE}/heads.py",
        '    if "transfer-encoding" in headers:\n',
        '    if "transfer-encoding" in headers:\n        return 411, "how long is it?"\n'
        '    if "transfer-encoding" in headers:\n',
        found_by=("a body in chunks",),
        rule="F8",
    ),
    # What is sent
    Mutation(
        "send binary messages",
        f"{WIRE}/websocket.py",
        "        self._send_frame(TEXT_FRAME, text)\n",
        "        self._send_frame(BINARY_FRAME, text)\n",
        found_by=("allowed",),
        rule="T5",
    ),
    Mutation(
        "close with 1011 at a malformed frame",
        f"{WIRE}/websocket.py",
        "            raise RemoteProtocolError(reason, int(event.code))\n",
        "            raise RemoteProtocolError(reason, 1011)\n",
        found_by=("a reserved bit", "an unknown opcode"),
        rule="T8",
    ),
    Mutation(
        "shut down with 1000",
        "agentgate_server/gateway.py",
        "            peer.connection.close(SERVICE_RESTART, ",
        "            peer.connection.close(1000 or SERVICE_RESTART, ",
        found_by=("a shutdown",),
        rule="X20",
    ),
)
