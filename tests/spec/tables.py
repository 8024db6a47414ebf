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
from agentgate_proto.errors import ERRORS, ErrorCode
from agentgate_proto.limits import (
    ACK_COUNT_MAX,
    ACK_DELAY_S,
    ANSWER_BYTES_MAX,
    CALLS_IN_FLIGHT_MAX,
    CANCEL_GRACE_S,
    CLIENT_LIMITS,
    COLLECT_S,
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
    RETRY_AFTER_MAX_S,
    ROW_BYTES_MAX,
    SERVER_LIMITS,
    TOKEN_CHARS_MAX,
    LedgerLimits,
)
from agentgate_proto.quotas.connections import OF_PRINCIPAL_MAX
from agentgate_proto.quotas.output import OF_OWNER_BYTES_MAX
from agentgate_proto.records.session import EventKind, RunStatus
from agentgate_proto.rpc.messages import METHODS, Kind
from agentgate_proto.sessions.limits import SessionLimits
from agentgate_proto.wire.bodies import STRANGER_BYTES_MAX
from agentgate_server.gate.authenticator import LOGINS_PER_MINUTE

LEDGER = LedgerLimits()

LIMITS: dict[str, str] = {
    "message_bytes_max": "bytes in one message",
    "request_bytes_max": (
        "bytes of the parameters of a request for a tool; fewer where no tool takes as many"
    ),
    "fragments_max": "fragments of one message",
    "batch_items_max": "messages in one batch",
    "requests_in_flight_max": "requests of one connection without an answer",
    "queued_bytes_max": "bytes that wait for the client to read them",
    "input_bytes_max": "bytes that wait while a token is checked",
    "http_head_bytes_max": "bytes of an HTTP head",
    "http_body_bytes_max": "bytes of an HTTP body",
    "http_held_bytes_max": "bytes behind an HTTP request that waits for its answer",
    "http_ahead_bytes_max": "bytes of HTTP answers that are unread when the next request is taken",
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
    "bytes in a message or a body of somebody who has not said who they are": STRANGER_BYTES_MAX,
    "connections of one principal": OF_PRINCIPAL_MAX,
    "connections that one agent or relay authenticates in a minute": LOGINS_PER_MINUTE,
    "bytes that wait for one principal to read them, on all its connections": OF_OWNER_BYTES_MAX,
    "characters of a token": TOKEN_CHARS_MAX,
    "characters of an id, a client_id, a tool's name, an idempotency key": NAME_CHARS_MAX,
    "levels of objects and arrays in parameters": NESTING_MAX,
    "bytes of arguments, as compact JSON, unless the tool takes more": LEDGER.args_bytes_max,
    "keys and values in arguments": LEDGER.args_values_max,
    "requests and listings of one principal in a minute": LEDGER.requests_per_minute,
    "bytes of their parameters in a minute": LEDGER.request_bytes_per_minute,
    "bytes of its requests under way, with their outcomes": LEDGER.held_bytes_of_principal_max,
    "approvals of one principal that wait": LEDGER.waiting_max,
    "approvals that it withdraws in an hour before it may ask no more": LEDGER.withdrawals_per_hour,
    "rows in one reply to `get_pending_results`": PENDING_ROWS_MAX,
    "bytes of results in one reply to `get_pending_results`": PENDING_BYTES_MAX,
    "rows in one reply that lists requests, approvals or grants": LIST_ROWS_MAX,
    "bytes of rows in one such reply": LIST_BYTES_MAX,
    "bytes of arguments, a result or a text in a row of it": LISTED_BYTES_MAX,
    "bytes of one such row": ROW_BYTES_MAX,
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
    "seconds for each reply to `get_pending_results` after a reconnect": COLLECT_S,
    "seconds between attempts that a gateway may ask for, at most": RETRY_AFTER_MAX_S,
    "seconds to wait for the answer to a withdrawal": CANCEL_GRACE_S,
    "calls that are sent and not answered, at most": CALLS_IN_FLIGHT_MAX,
    "bytes of a session's events that wait for their reader, about": FEED_BYTES_MAX,
}

TELL = "tells it"
NEVER = "never as it is"
CODES: dict[ErrorCode, tuple[str, str]] = {
    ErrorCode.PARSE_ERROR: (f"{TELL}; it is a bug of the client", NEVER),
    ErrorCode.INVALID_REQUEST: (f"{TELL}; it is a bug of the client", NEVER),
    ErrorCode.METHOD_NOT_FOUND: (TELL, "never at this gateway"),
    ErrorCode.INVALID_PARAMS: (TELL, NEVER),
    ErrorCode.INTERNAL_ERROR: (TELL, "later, if the caller will"),
    ErrorCode.CONNECTION_LOST: (
        "ends all calls with it when it is over; says which were sent, and may still run",
        "by a new client, if the call was not sent; else when the world has been looked at",
    ),
    ErrorCode.DENIED_BY_PERSON: (TELL, "never without a reason: a person is asked again"),
    ErrorCode.APPROVAL_EXPIRED: (TELL, "if the caller will: a person is asked again"),
    ErrorCode.DENIED_BY_POLICY: (TELL, NEVER),
    ErrorCode.TOOL_FAILED: (TELL, "if the caller will"),
    ErrorCode.AUTHENTICATION: ("ends all calls with it, and stays away", "never with this token"),
    ErrorCode.LIMIT_EXCEEDED: (TELL, "after `retry_after_s`, if that is there; else smaller"),
    ErrorCode.OUTCOME_UNKNOWN: (
        TELL,
        "when the world has been looked at; under a new id a person is asked",
    ),
    ErrorCode.CANCELLED: (TELL, "if the caller will"),
    ErrorCode.ALREADY_SETTLED: (f"{TELL}, or takes it for its own answer (D10)", "never"),
    ErrorCode.FORBIDDEN: (TELL, "never with this token"),
    ErrorCode.NOT_FOUND: (TELL, NEVER),
    ErrorCode.CODE_NEEDED: (TELL, "with another code, after `retry_after_s` if that is there"),
    ErrorCode.SESSION_NOT_FOUND: (TELL, NEVER),
    ErrorCode.RUN_IN_PROGRESS: (TELL, "when that run is over, or with `queue`"),
    ErrorCode.OVER_BUDGET: (TELL, "when there is money"),
    ErrorCode.MODEL_FAILED: (TELL, "if the caller will"),
    ErrorCode.LOGIN_FAILED: (TELL, "with another password, after `retry_after_s` if it is there"),
    ErrorCode.RELAY_LOOP: (TELL, "never by this way"),
}
"""What a client does about a code, and when the same may be asked again."""

AGAIN = "comes back (B11)"
CLOSING: dict[str, tuple[str, str, str]] = {
    "1000": ("client", "it is done", f"a gateway's: {AGAIN}"),
    "1001, 1005, 1006": ("both", "gone; no code; no close frame at all", AGAIN),
    "1002, 1003, 1007, 1009": (
        "both",
        "the other broke T8, T11, T12, T9: a bug of one side",
        f"logs it (X8), {AGAIN}",
    ),
    "1011": ("gateway", "it failed; its log says how", AGAIN),
    "1012": ("gateway", "it shuts down or restarts", AGAIN),
    "1013": ("gateway", "the client did not read, or can't be served now", f"{AGAIN}, see B5"),
    "4401": (
        "gateway",
        "not authenticated, or the token was revoked",
        f"on an open connection: {AGAIN}, and is then refused, which is final (B6)",
    ),
    "4409": (
        "gateway",
        "a newer connection with this `client_id` took over",
        "ends all calls (X5) and stays away (B10)",
    ),
    "any other": ("", "", AGAIN),
}
"""Close codes: who sends them, what they mean, what a client of the level reconnect does."""


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
        [str(int(row.code)), row.message, row.meaning, *CODES[row.code]] for row in ERRORS.values()
    ]
    return table(["code", "text", "meaning", "what a client does", "again"], rows)


def closing() -> str:
    rows = [[codes, *cells] for codes, cells in CLOSING.items()]
    return table(["code", "sent by", "meaning", "what a client does"], rows)


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
    "closing": closing,
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
