"""Mistakes of a gateway in messages and in authentication."""

from __future__ import annotations

from tests.conformance.wrong.mutation import Mutation

SERVER = "agentgate_proto/connection/server.py"
REQUESTS = "agentgate_proto/connection/requests.py"
JSONRPC = "agentgate_proto/rpc/jsonrpc.py"
AUTHENTICATOR = "agentgate_server/gate/authenticator.py"

OF_MESSAGES = (
    # Messages
    Mutation(
        "close at text that is no JSON",
        SERVER,
        "            case Invalid(code, detail, request_id):\n",
        "            case Invalid(code, detail) if code is ErrorCode.PARSE_ERROR:\n"
        '                self.close(1007, "no JSON")\n'
        "            case Invalid(code, detail, request_id):\n",
        found_by=("no message", "specification: invalid JSON"),
        rule="M20",
    ),
    Mutation(
        "ignore what is no message",
        SERVER,
        "                self._refuse(request_id, batch, code, detail)\n",
        "                pass\n",
        found_by=("no message",),
        rule="M20",
    ),
    Mutation(
        "take messages without jsonrpc",
        JSONRPC,
        "    if envelope.jsonrpc != VERSION:\n",
        "    if envelope.jsonrpc not in (None, VERSION):\n",
        found_by=("the version",),
        rule="M1",
    ),
    Mutation(
        "take true and fractions for ids",
        JSONRPC,
        "    id: int | str | msgspec.UnsetType | None = msgspec.UNSET\n",
        "    id: Any = msgspec.UNSET\n",
        found_by=("an id that is no id",),
        rule="M21",
    ),
    Mutation(
        'take 7 and "7" for one id',
        SERVER,
        "        self._events.append(Called(id=request.id, params=params, repeated=repeated, "
        "size=size))\n",
        "        told = int(request.id) if str(request.id).isdigit() else request.id\n"
        "        self._in_flight._batches.setdefault(told, None)\n"
        "        self._events.append(Called(id=told, params=params, repeated=repeated, "
        "size=size))\n",
        found_by=("integers and strings are different ids",),
        rule="M6",
    ),
    Mutation(
        "take ids of any length",
        JSONRPC,
        "    return not isinstance(request_id, str) or len(request_id) <= NAME_CHARS_MAX\n",
        "    return True\n",
        found_by=("ids that are too large",),
        rule="M21",
    ),
    Mutation(
        "take a tool request with a null id",
        SERVER,
        "            if request.id is None:\n",
        "            if False:\n",
        found_by=("a null id",),
        rule="M22",
    ),
    Mutation(
        "take no id that is a whole number with a fraction",
        JSONRPC,
        "    if not isinstance(envelope.id, float) or not envelope.id.is_integer():\n",
        "    if True:\n",
        found_by=("a whole id with a fraction of zero",),
        rule="M6",
    ),
    Mutation(
        "take a whole id with a fraction for another one than without",
        JSONRPC,
        '"id": int(envelope.id)})',
        '"id": str(envelope.id)})',
        found_by=("a whole id with a fraction of zero",),
        rule="M7",
    ),
    Mutation(
        "take parameters however deep they are",
        "agentgate_proto/rpc/decoding.py",
        "            check_nesting(msgspec.json.decode(raw))\n",
        "            msgspec.json.decode(raw)\n",
        found_by=("nested too deeply",),
        rule="M23",
    ),
    Mutation(
        "take an array for parameters as if there were none",
        "agentgate_proto/rpc/decoding.py",
        '    raw = bytes(params) or b"{}"\n',
        '    raw = bytes(params) or b"{}"\n    raw = b"{}" if raw[:1] == b"[" else raw\n',
        found_by=("parameters that do not fit",),
        rule="M23",
    ),
    Mutation(
        "answer the messages of a batch one by one",
        "agentgate_proto/connection/base.py",
        "            self._inbox.extend((message, batch) for message in decoded.messages)\n",
        "            self._inbox.extend((message, None) for message in decoded.messages)\n",
        found_by=("a batch", "specification: an invalid batch"),
        rule="M24",
    ),
    Mutation(
        "answer a batch of notifications by an empty array",
        "agentgate_proto/connection/base.py",
        "            batch = BatchAnswer(answers)\n",
        "            batch = BatchAnswer(answers)\n"
        '            if not answers:\n                self._send_text(b"[]")\n',
        found_by=("specification: a batch of notifications",),
        rule="M24",
    ),
    Mutation(
        "ignore an empty batch",
        JSONRPC,
        "    if not elements:\n        return Invalid(ErrorCode.INVALID_REQUEST,"
        ' "an empty batch")\n',
        "    if not elements:\n        return Batch([])\n",
        found_by=("specification: an empty array",),
        rule="M25",
    ),
    Mutation(
        "take batches of any length",
        JSONRPC,
        "    if len(elements) > batch_items_max:\n",
        "    if len(elements) > 1_000 * batch_items_max:\n",
        found_by=("a batch that is too long",),
        rule="M25",
    ),
    Mutation(
        "answer a notification that it does not know",
        SERVER,
        '        if notification.method != "ack" or role not in METHODS["ack"].roles:\n',
        "        if notification.method not in METHODS:\n"
        "            self._send_text(encode_failure(None, ErrorCode.METHOD_NOT_FOUND))\n"
        '        if notification.method != "ack" or role not in METHODS["ack"].roles:\n',
        found_by=("notifications", "specification: a notification of an unknown method"),
        rule="M10",
    ),
    Mutation(
        "refuse an unknown method with -32600",
        SERVER,
        "            self._refuse(request.id, batch, ErrorCode.METHOD_NOT_FOUND, detail)\n",
        "            self._refuse(request.id, batch, ErrorCode.INVALID_REQUEST, detail)\n",
        found_by=("an unknown method", "specification: a non-existent method"),
        rule="M27",
    ),
    Mutation(
        "let every role do everything",
        SERVER,
        "        if role not in method.roles:\n",
        "        if False:\n",
        found_by=("an agent may not decide", "people have no sessions"),
        rule="M28",
    ),
    Mutation(
        "take an acknowledgement with an id",
        SERVER,
        "        if method.kind is not Kind.REQUEST:\n",
        "        if method.kind is not Kind.REQUEST and not method.roles:\n",
        found_by=("ack is a notification",),
        rule="M29",
    ),
    Mutation(
        "forget a call whose id comes again",
        REQUESTS,
        "        if request_id in self._batches:\n            return ErrorCode.INVALID_REQUEST",
        "        self._batches.pop(request_id, None)\n"
        "        if request_id in self._batches:\n            return ErrorCode.INVALID_REQUEST",
        found_by=("an id in flight for something else",),
        rule="M30",
    ),
    Mutation(
        "answer an answer that nobody waits for",
        SERVER,
        "            case Success() | Failure():\n",
        "            case Success() | Failure() if self._outstanding.settle(message.id) is None:\n"
        '                self._refuse(None, batch, ErrorCode.INVALID_REQUEST, "to what?")\n'
        "            case Success() | Failure():\n",
        found_by=("an answer to nothing",),
        rule="M9",
    ),
    Mutation(
        "refuse members that it does not know",
        "agentgate_proto/rpc/messages.py",
        "class Auth(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):\n",
        "class Auth(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True,"
        " forbid_unknown_fields=True):\n",
        found_by=("unknown members of auth",),
        rule="M2",
    ),
    # Authentication
    Mutation(
        "answer auth without an epoch",
        AUTHENTICATOR,
        "            epoch=self.epoch,\n            retention_s",
        '            epoch="",\n            retention_s',
        found_by=("a good token",),
        rule="A21",
    ),
    Mutation(
        "answer auth under an id of its own",
        SERVER,
        "            self._send_text(encode_success(self._auth_id, result))\n",
        '            self._send_text(encode_success("auth-1", result))\n',
        found_by=("any id will do for auth",),
        rule="A21",
    ),
    Mutation(
        "tell every client that it has asked for nothing yet",
        AUTHENTICATOR,
        "            highest_id=highest_id,\n",
        "            highest_id=0,\n",
        found_by=("the highest id", "what was told outlives the gateway"),
        rule="A22",
    ),
    Mutation(
        "draw another epoch at each start",
        AUTHENTICATOR,
        "            epoch=self.epoch,\n            retention_s",
        "            epoch=f\"{self.epoch}-{__import__('os').getpid()}\",\n            retention_s",
        found_by=("what was told outlives the gateway",),
        rule="A23",
    ),
    Mutation(
        "close with 1008 after a wrong token",
        "agentgate_proto/connection/base.py",
        "AUTH_FAILED = 4401\n",
        "AUTH_FAILED = 1008\n",
        found_by=("a wrong token", "no token"),
        rule="A25",
    ),
    Mutation(
        "give a second try after a wrong token",
        SERVER,
        "            self._send_text(encode_failure(self._auth_id, ErrorCode.AUTHENTICATION,"
        " message))\n            self.close(AUTH_FAILED, message)\n",
        "            self._send_text(encode_failure(self._auth_id, ErrorCode.AUTHENTICATION,"
        " message))\n            self._resume()\n",
        found_by=("a wrong token",),
        rule="A25",
    ),
    Mutation(
        "take auth out of a batch",
        SERVER,
        "        request = message if isinstance(message, Request) and batch is None else None\n",
        "        request = message if isinstance(message, Request) else None\n",
        found_by=("auth in a batch",),
        rule="A26",
    ),
    Mutation(
        "refuse a call before auth under a null id",
        SERVER,
        "        self._refuse(request.id if request is not None else None, None, code, detail)\n",
        "        self._refuse(None, None, code, detail)\n",
        found_by=("a call before auth",),
        rule="A26",
    ),
    Mutation(
        "cut who does not authenticate in time without a word",
        SERVER,
        "            self._send_text(\n"
        '                encode_failure(None, ErrorCode.AUTHENTICATION, "Authentication timeout")\n'
        "            )\n",
        "",
        found_by=("nothing at all",),
        rule="A27",
        is_slow=True,
    ),
    Mutation(
        "wait for auth for a minute",
        "agentgate_proto/limits.py",
        "    auth_s: float = 10.0\n",
        "    auth_s: float = 60.0\n",
        found_by=("nothing at all",),
        rule="A27",
        is_slow=True,
    ),
    Mutation(
        "close at a second auth",
        SERVER,
        "        if method.before_auth:\n",
        "        if method.before_auth:\n"
        '            self.close(AUTH_FAILED, "already authenticated")\n',
        found_by=("auth a second time",),
        rule="A29",
    ),
    # Answers
    Mutation(
        "answer an integer id as a text",
        JSONRPC,
        "    return encode(SuccessFrame(VERSION, result, request_id))\n",
        "    return encode(SuccessFrame(VERSION, result, str(request_id)))\n",
        found_by=("integers and strings are different ids",),
        rule="M7",
    ),
    Mutation(
        "refuse a call without parameters",
        "agentgate_proto/rpc/decoding.py",
        '    raw = bytes(params) or b"{}"\n',
        '    raw = bytes(params) or b"null"\n',
        found_by=("parameters that do not fit",),
        rule="M11",
    ),
    Mutation(
        "answer each call by an array",
        SERVER,
        "        self._send_text(text)\n        for frame in self._late",
        '        self._send_text(b"[" + text + b"]")\n        for frame in self._late',
        found_by=("an identical ask joins",),
        rule="M26",
    ),
    Mutation(
        "act on what comes before auth is answered",
        "agentgate_proto/connection/base.py",
        "        self._paused = True\n",
        "        self._paused = False\n",
        found_by=("messages sent before the answer",),
        rule="A20",
    ),
)
