"""A stand-in for the vendors of models: Anthropic's messages and OpenAI's chat completions.

::

    async with ModelServer() as server:
        server.replies.append(Reply(Say("Hel"), Say("lo"), Use("light_on", {"room": "hall"})))
        server.replies.append(Reply(Say("Done.")))
        ...  # base_url: server.url for Anthropic, server.openai_url for OpenAI
        assert server.bodies[0] == inspected  # exactly the bytes that came

Each request that asks for a stream takes the next of ``replies``; where there is none, it is
answered with what was said last ("You said: …", word by word). A reply is a number of steps, done
in order, and then the vendor's own end::

    Say("text")  Think("…")  Use("tool", {…}, id="c1")      a delta, a thought, a whole tool call
    Wait(event)                                             until the test sets the event
    Stall()                                                 until the client leaves
    Cut()                                                   the connection is dropped
    CleanEnd()                                              the body ends well, the answer does not
    Fail("overloaded_error", "Overloaded")                  an error in the middle of the stream
    Send(b"event: ping\\n\\n")                                bytes as they are

``Reply(status=429, retry_after="2")`` is an error instead of a stream, in the vendor's form.
``chunk_bytes=7`` cuts the stream into pieces of 7 bytes; ``delay_s=0.02`` waits before each step.

``GET /v1/models`` lists ``models``, and ``GET /v1/models/NAME`` tells of one.

It refuses what the vendors refuse: another API key, no messages, a tool call whose result is
missing or is somebody else's, and Anthropic's ``temperature``. ``await server.until(lambda: …)``
waits for something to hold: it looks again whenever a request comes or a stream ends.
``server.left`` counts the streams that the client has left before their end; ``server.streaming``
those under way.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Self

import anyio
import msgspec

from agentgate_cli.standins.http_server import (
    Cut as Dropped,
)
from agentgate_cli.standins.http_server import (
    HttpRequest,
    HttpResponse,
    HttpServer,
    StreamedResponse,
    json_response,
)
from agentgate_cli.standins.model_flaws import flaw_of
from agentgate_cli.standins.model_forms import (
    Anthropic,
    CleanEnd,
    Cut,
    Fail,
    OpenAI,
    Reply,
    Say,
    Send,
    Stall,
    Step,
    Think,
    Use,
    Wait,
    played,
)

__all__ = [
    "CleanEnd",
    "Cut",
    "Fail",
    "ModelServer",
    "Reply",
    "Say",
    "Send",
    "Stall",
    "Step",
    "Think",
    "Use",
    "Wait",
]

BYTES_PER_TOKEN = 4
"""Of counting: about what English has."""

FORMS: dict[tuple[str, str], type[Anthropic] | type[OpenAI]] = {
    ("POST", "/v1/messages"): Anthropic,
    ("POST", "/v1/chat/completions"): OpenAI,
}

KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


class ModelServer:
    """The server, as an async context manager.

    Args:
        api_key: the one that it takes; "": any, or none.

    Attributes:
        replies: what the next requests are answered with.
        requests: all that came, counting included, in their order.
        models: those that it lists.
        aliases: further names by which it knows one.
        tokens: what counting answers; None: there is no counting; 0: an estimate.
        left: streams that the client left before their end.
        streaming: streams under way.
    """

    def __init__(self, api_key: str = "") -> None:
        self.api_key = api_key
        self.replies: deque[Reply] = deque()
        self.requests: list[HttpRequest] = []
        self.models: list[str] = []
        self.aliases: set[str] = set()
        self.tokens: int | None = 0
        self.left = 0
        self.streaming = 0
        self.http = HttpServer(self.answer)
        self.changed: anyio.Event | None = None

    async def __aenter__(self) -> Self:
        self.changed = anyio.Event()
        await self.http.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.http.__aexit__(*exc_info)

    @property
    def url(self) -> str:
        """The base URL for Anthropic."""
        return self.http.url

    @property
    def openai_url(self) -> str:
        """The base URL for OpenAI."""
        return f"{self.http.url}/v1"

    @property
    def bodies(self) -> list[bytes]:
        """The bodies of all requests for a stream, exactly as they came."""
        return [one.body for one in self.requests if not one.target.endswith("count_tokens")]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds; the caller bounds the time."""
        while not holds():
            assert self.changed is not None, "the server runs"
            await self.changed.wait()

    def change(self) -> None:
        """Let those look again who wait for something to hold."""
        if self.changed is not None:
            self.changed.set()
        self.changed = anyio.Event()

    async def answer(self, request: HttpRequest) -> HttpResponse | StreamedResponse:
        """Answer a request."""
        self.requests.append(request)
        self.change()
        if request.method == "GET":
            return self.listed(request)
        form = FORMS.get((request.method, request.target))
        if request.target == "/v1/messages/count_tokens" and self.tokens is not None:
            estimate = math.ceil(len(request.body) / BYTES_PER_TOKEN)
            return json_response({"input_tokens": self.tokens or estimate})
        if form is None:
            return failure(404, "not_found_error", f"there is no {request.target} here")
        if self.api_key and self.api_key not in keys_of(request):
            return failure(401, "authentication_error", f"invalid key: {keys_of(request)[0]}")
        body = msgspec.json.decode(request.body)
        if flaw := flaw_of(form, request, body):
            return failure(400, "invalid_request_error", flaw)
        reply = self.replies.popleft() if self.replies else echo(body)
        if reply.status != 200:
            kinds = [(step.type, step.message) for step in reply.steps if isinstance(step, Fail)]
            kind, message = kinds[0] if kinds else (KINDS.get(reply.status, "api_error"), "")
            refusal = failure(reply.status, kind, message or kind)
            if reply.retry_after:
                refusal.headers["retry-after"] = reply.retry_after
            return refusal
        headers = {"content-type": "text/event-stream; charset=utf-8"}
        return StreamedResponse(chunks=self.stream(form(body, reply), reply), headers=headers)

    def listed(self, request: HttpRequest) -> HttpResponse:
        """Answer what there is; both vendors' lists have this in common."""
        if self.api_key and self.api_key not in keys_of(request):
            return failure(401, "authentication_error", "invalid key")
        first, second, *rest = *request.segments, ""
        if (first, second) != ("v1", "models"):
            return failure(404, "not_found_error", f"there is no {request.target} here")
        name = "/".join(rest).rstrip("/")
        if not name:
            rows = [{"type": "model", "object": "model", "id": each} for each in self.models]
            return json_response({"object": "list", "data": rows, "has_more": False})
        if name in self.models or name in self.aliases:
            return json_response({"type": "model", "object": "model", "id": name})
        return failure(404, "not_found_error", f"model: {name}")

    async def stream(self, form: Anthropic | OpenAI, reply: Reply) -> AsyncGenerator[bytes]:
        """Yield the bytes of a stream."""
        self.streaming += 1
        self.change()
        is_left = True
        try:
            async with aclosing(played(form, reply)) as events:
                async for one in events:
                    size = reply.chunk_bytes or len(one)
                    for at in range(0, len(one), size):
                        yield one[at : at + size]
            is_left = False
        except Dropped:
            is_left = False
            raise
        finally:
            self.streaming -= 1
            self.left += is_left and not form.is_over
            self.change()


def failure(status: int, kind: str, message: str) -> HttpResponse:
    """An error, in a form that both vendors have in common."""
    error = {"type": kind, "message": message}
    return json_response({"type": "error", "error": error}, status)


def keys_of(request: HttpRequest) -> list[str]:
    """The API keys that came with a request."""
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    return [request.headers.get("x-api-key") or bearer]


def echo(body: dict[str, Any]) -> Reply:
    """Say what was said last, word by word."""
    said = ""
    for message in body["messages"]:
        content = message.get("content")
        if message["role"] == "user" and isinstance(content, str):
            said = content
        elif message["role"] == "user":
            texts = [block["text"] for block in content if block["type"] == "text"]
            said = texts[-1] if texts else said
    words = f"You said: {said}".split(" ")
    return Reply(Say(words[0]), *(Say(f" {word}") for word in words[1:]))
