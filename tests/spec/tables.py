"""The tables and the diagram of the pages of ``spec/``, made from the core's own tables."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
from textwrap import dedent, indent

from agentgate_proto.client.backoff import CAP_S, FIRST_S
from agentgate_proto.connection.state import TRANSITIONS, State
from agentgate_proto.errors import ERRORS
from agentgate_proto.limits import (
    ACK_COUNT_MAX,
    ACK_DELAY_S,
    ANSWER_BYTES_MAX,
    CALLS_IN_FLIGHT_MAX,
    CANCEL_GRACE_S,
    CLIENT_LIMITS,
    FEED_BYTES_MAX,
    LIST_BYTES_MAX,
    LIST_ROWS_MAX,
    LISTED_BYTES_MAX,
    MESSAGE_CHARS_MAX,
    NAME_CHARS_MAX,
    NESTING_MAX,
    PARAMS_MAX,
    PENDING_BYTES_MAX,
    PENDING_ROWS_MAX,
    SERVER_LIMITS,
    TOKEN_CHARS_MAX,
    SessionLimits,
)
from agentgate_proto.records.session import EventKind, RunStatus
from agentgate_proto.rpc.messages import METHODS, Kind

LIMITS: dict[str, str] = {
    "message_bytes_max": "bytes in one message",
    "fragments_max": "fragments of one message",
    "batch_items_max": "messages in one batch",
    "requests_in_flight_max": "requests of one connection without an answer",
    "queued_bytes_max": "bytes that wait for the client to read them",
    "input_bytes_max": "bytes that wait while a token is checked",
    "http_head_bytes_max": "bytes of an HTTP head",
    "http_body_bytes_max": "bytes of an HTTP body",
    "http_held_bytes_max": "bytes behind an HTTP request that waits for its answer",
    "opening_s": "seconds for the opening handshake",
    "auth_s": "seconds for `auth`",
    "silence_s": "seconds of silence before a ping",
    "pong_s": "seconds for a sign of life after it",
    "closing_s": "seconds to answer a close frame",
    "http_idle_s": "seconds between two plain HTTP requests",
    "stream_bytes_max": "bytes of a streamed answer that wait for the client to read them",
    "stream_idle_s": "seconds of silence before a streamed answer says that it is alive",
    "stream_stall_s": "seconds to take something of a streamed answer",
    "steps_max": "pings and parts of messages before others are served",
}
MORE_LIMITS = {
    "characters of a token": TOKEN_CHARS_MAX,
    "characters of an id, a client_id, a tool's name, an idempotency key": NAME_CHARS_MAX,
    "levels of objects and arrays in parameters": NESTING_MAX,
    "rows in one reply to `get_pending_results`": PENDING_ROWS_MAX,
    "bytes of results in one reply to `get_pending_results`": PENDING_BYTES_MAX,
    "rows in one reply that lists requests, approvals or grants": LIST_ROWS_MAX,
    "bytes of rows in one such reply": LIST_BYTES_MAX,
    "bytes of arguments, a result or a text in a row of it": LISTED_BYTES_MAX,
    "bytes of one answer, other than a tool's outcome": ANSWER_BYTES_MAX,
    "characters of a message to a model": MESSAGE_CHARS_MAX,
    "further parameters of a model in a message": PARAMS_MAX,
    "bytes of a session's metadata": SessionLimits().metadata_bytes_max,
}
CLIENT = {
    "seconds before the first new attempt; doubles": FIRST_S,
    "seconds between attempts at most": CAP_S,
    "seconds for the answer to `auth`": CLIENT_LIMITS.auth_s,
    "seconds of silence before a ping": CLIENT_LIMITS.silence_s,
    "seconds for a sign of life after it": CLIENT_LIMITS.pong_s,
    "seconds until outcomes are acknowledged, at most": ACK_DELAY_S,
    "outcomes that are not acknowledged yet, at most": ACK_COUNT_MAX,
    "seconds to wait for the answer to a withdrawal": CANCEL_GRACE_S,
    "calls that are sent and not answered, at most": CALLS_IN_FLIGHT_MAX,
    "bytes of a session's events that wait for their reader, about": FEED_BYTES_MAX,
}


def tidy(doc: str | None) -> str:
    """The first sentence of a docstring, without what only we know."""
    text = " ".join((doc or "").split("\n\n")[0].split()).replace("``", "`")
    return re.sub(r" \((seed 001[^)]*|I\d+)\)", "", text)


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def methods() -> str:
    rows = []
    for method in METHODS.values():
        who = ", ".join(sorted(role.value for role in method.roles)) or "gateway → client"
        kind = "notification" if method.kind is Kind.NOTIFICATION else "request"
        result = f"`{method.result.__name__}`" if method.result else ""
        params = f"`{method.params.__name__}`"
        rows.append([f"`{method.name}`", who, kind, params, result, tidy(method.params.__doc__)])
    return table(["method", "who", "", "params", "result", "what"], rows)


def events() -> str:
    rows = [[f"`{kind}`", words] for kind, words in members_of(EventKind)]
    return table(["kind", "what; its `data`"], rows)


def endings() -> str:
    rows = [[f"`{status}`", words] for status, words in members_of(RunStatus)]
    return table(["status", ""], rows)


def members_of(kind: type[Enum]) -> Iterator[tuple[str, str]]:
    """The values of an enumeration, each with the text that stands below it in the source."""
    (made,) = ast.parse(dedent(inspect.getsource(kind))).body
    assert isinstance(made, ast.ClassDef)
    texts: dict[str, str] = {}
    name = ""
    for statement in made.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)]):
                texts[name] = ""
            case ast.Expr(value=ast.Constant(value=str(text))) if name:
                text = re.sub(r",? \(?(?:see )?:class:`[^`]+`\)?", "", text)
                texts[name] = re.sub(r"``([^`]+)``", r"`\1`", " ".join(text.split()))
            case _:
                pass
    return ((str(member.value), texts[member.name]) for member in kind)


def errors() -> str:
    rows = [
        [str(int(row.code)), row.message, row.meaning, f"`{row.exception.__name__}`"]
        for row in ERRORS.values()
    ]
    return table(["code", "text", "meaning", "our SDK raises"], rows)


def number(value: float) -> str:
    return f"{value:,g}" if isinstance(value, float) else f"{value:,}"


def limits() -> str:
    rows = [[meaning, number(getattr(SERVER_LIMITS, name))] for name, meaning in LIMITS.items()]
    rows += [[meaning, number(value)] for meaning, value in MORE_LIMITS.items()]
    return table(["of a gateway", "default"], rows)


def client() -> str:
    return table(["of a client", ""], [[a, number(value)] for a, value in CLIENT.items()])


def states() -> str:
    lines = ["```mermaid", "stateDiagram-v2", f"  [*] --> {State.OPENING.name}"]
    for state, steps in TRANSITIONS.items():
        for step, after in steps.items():
            lines.append(f"  {state.name} --> {after.name}: {step.name.lower().replace('_', ' ')}")
    lines += [f"  {State.CLOSED.name} --> [*]", "```"]
    return "\n".join(lines)


MADE: dict[str, Callable[[], str]] = {
    "methods": methods,
    "events": events,
    "endings": endings,
    "errors": errors,
    "limits": limits,
    "client": client,
    "states": states,
}


def placed(made: str, place: re.Match[str]) -> str:
    """What is made in its place, as far to the right as that is."""
    return f"{place[1]}{place[2]}{indent(made, place[1])}\n{place[3]}"


def places(text: str) -> list[str]:
    """The names of what is made in a page, in their order."""
    return re.findall(r"<!-- (\w+): made by", text)


def rendered(text: str) -> str:
    """The page with everything that is made put in anew."""
    for name in places(text):
        pattern = rf"( *)(<!-- {name}: [^\n]*-->\n).*?( *<!-- end -->)"
        text, count = re.subn(pattern, partial(placed, MADE[name]()), text, flags=re.DOTALL)
        assert count == 1, f"the page has no place for {name}, or several"
    return text
