"""Level providing: tools that the client runs for others."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from agentgate_cli.conformance.listen.broken import Broken
from agentgate_cli.conformance.listen.case import Case, Wanted, asked, work
from agentgate_cli.conformance.listen.pending import collected, reply
from agentgate_cli.conformance.listen.stage import Stage
from agentgate_cli.conformance.listen.tools import (
    NAMES,
    answer,
    call,
    failed,
    offered,
    returned,
    taken,
    told,
    withdrawn,
)

LEVEL = "providing"
PROVIDE = MappingProxyType({"provide": list(NAMES)})
ANEW = "on a new connection, after reconciliation"
AFTER_S = 0.4
"""When a call is made while the client is cut off. One that draws its pauses at random may be back
by then, which does no harm."""

INVALID_PARAMS = -32602
METHOD_NOT_FOUND = -32601
TOOL_FAILED = -32004
LIMIT_EXCEEDED = -32006
UNKNOWN = -32007
ALREADY_SETTLED = -32009
NOT_RUN = (METHOD_NOT_FOUND, INVALID_PARAMS, LIMIT_EXCEEDED)
HELD_UP_S = 35.0
"""For how long an offer that is not answered may hold up other calls, and some seconds more."""

MANY = 300
"""More answers than a client must keep."""


def first(stage: Stage) -> Any:
    """Let the tools be offered and the first call come; return its id."""
    taken(stage, offered(stage))
    (message,) = asked(stage, 1)
    return message["id"]


def back(stage: Stage, *pending: Any) -> None:
    """Let the client come back, and offer its tools before all else."""
    reconciled(stage, *pending)
    taken(stage, offered(stage, ANEW))


def reconciled(stage: Stage, *pending: Any) -> None:
    """Let the client come back, and learn first what became of its calls.

    Raises:
        Broken: it did not, or offered its tools before that.
    """
    stage.accept()
    message = stage.next_message("nothing came after auth", "R4")
    if message.get("method") == "tools.provide":
        raise Broken("the tools were offered before reconciliation", "P7")
    stage.put_back(message)
    reply(stage, collected(stage), [], list(pending))


def done(stage: Stage, *ids: Any, data: Any = None) -> Wanted:
    """End the calls of the task, and take the tools back."""
    for request_id in ids:
        stage.answer(request_id, data)
    withdrawn(stage)
    return told([{"data": data} for _ in ids])


def provided(stage: Stage) -> Wanted:
    """Ask for the tools: under ids of every kind, one of them the client's own."""
    request_id = first(stage)
    key = "a, ü\U0001f44d"
    for n, own in enumerate((request_id, "tools-1", str(request_id), 0)):
        call(stage, own, f"provided-{n}", "count", key=key)
        returned(stage, own, "tools.call", {"key": key, "runs": n + 1}, "P14")
    call(stage, "w", "provided-w", "wait", key="b", seconds=0.5)
    returned(stage, "w", "tools.call", {"key": "b", "runs": 1}, "P14")
    stage.say({"jsonrpc": "2.0", "method": "tools.no_such", "params": {}, "id": "odd"})
    failed(stage, "odd", "a request that no client knows", (METHOD_NOT_FOUND,), "M5")
    return done(stage, request_id)


def errors(stage: Stage) -> Wanted:
    """Let a tool fail; ask for one that was not offered, and by parameters that do not fit."""
    request_id = first(stage)
    call(stage, "t1", "errors-1", "fail", text="the lamp is broken")
    failed(
        stage, "t1", "the tool that fails", (TOOL_FAILED,), "P15", "P14", text="the lamp is broken"
    )
    call(stage, "t2", "errors-2", "no_such")
    failed(stage, "t2", "the tool that was not offered", NOT_RUN, "P15")
    odd: tuple[Any, ...] = ({"tool": "count"}, {"call": "errors-3", "tool": 5}, [])
    for n, params in enumerate(odd):
        message = {"jsonrpc": "2.0", "method": "tools.call", "params": params, "id": f"odd-{n}"}
        stage.say(message)
        what = "a tools.call whose parameters do not fit"
        failed(stage, f"odd-{n}", what, (INVALID_PARAMS,), "P16")
    call(stage, "t4", "errors-4", "count", key="errors")
    returned(stage, "t4", "the tools.call after those", {"key": "errors", "runs": 1}, "P16")
    return done(stage, request_id)


def on_every_connection(stage: Stage) -> Wanted:
    """Break the connection; a call is made meanwhile. Then close it."""
    taken(stage, offered(stage))
    request_id = stage.tool("work")["id"]
    stage.drop()
    reconciled(stage, request_id)
    offer = offered(stage, ANEW)
    stage.quiet(AFTER_S, "other calls wait for the answer to the offer", "P7")
    taken(stage, offer)
    made_meanwhile = stage.tool("work")["id"]
    stage.close(1012)
    back(stage, request_id, made_meanwhile)
    return done(stage, request_id, made_meanwhile)


def not_held_up(stage: Stage) -> Wanted:
    """Refuse the offer, at first and on the next connection."""
    error = {"code": ALREADY_SETTLED, "message": "another client offers one of them"}
    stage.say({"jsonrpc": "2.0", "error": error, "id": offered(stage)})
    try:
        (message,) = asked(stage, 1)
    except Broken as error:
        raise Broken(f"an offer that is refused held up the other calls: {error}", "P8") from None
    return ended(stage, message["id"], code=ALREADY_SETTLED)


def refused_later(stage: Stage) -> Wanted:
    """Take the offer, refuse it on the next connection, and take it on the one after that."""
    taken(stage, offered(stage))
    request_id = stage.tool("work")["id"]
    stage.drop()
    reconciled(stage, request_id)
    error = {"code": LIMIT_EXCEEDED, "message": "too many"}
    stage.say({"jsonrpc": "2.0", "error": error, "id": offered(stage, ANEW)})
    made_meanwhile = stage.tool("work")["id"]
    stage.close(1012)
    back(stage, request_id, made_meanwhile)
    return done(stage, request_id, made_meanwhile)


def unanswered_later(stage: Stage) -> Wanted:
    """Take the offer, and do not answer the one on the next connection."""
    taken(stage, offered(stage))
    request_id = stage.tool("work")["id"]
    stage.drop()
    reconciled(stage, request_id)
    late = offered(stage, ANEW)
    try:
        made_meanwhile = stage.request("tool_request", HELD_UP_S)["id"]
    except Broken as error:
        text = f"an offer that is not answered held up the other calls: {error}"
        raise Broken(text, "P8") from None
    taken(stage, late)
    return ended(stage, request_id, made_meanwhile)


def ended(stage: Stage, *ids: Any, code: int | None = None) -> Wanted:
    """End the calls of the task; its tools may be taken back, or not if they never held."""
    for request_id in ids:
        stage.answer(request_id, None)
    stage.by_itself["tools.provide"] = {"names": []}
    stage.put_back(stage.tool("report"))
    del stage.by_itself["tools.provide"]
    return told([{"data": None} for _ in ids], code=code)


def runs_once(stage: Stage) -> Wanted:
    """Ask again for calls that are over: on this connection, and on the next one."""
    request_id = first(stage)
    what = "the call that was over"
    call(stage, "t1", "once", "count", key="once")
    returned(stage, "t1", "tools.call", {"key": "once", "runs": 1}, "P14")
    call(stage, "t2", "once", "count", key="once")
    returned(stage, "t2", what, {"key": "once", "runs": 1}, "P17", "P18")
    call(stage, "t3", "failed once", "fail", text="first")
    failed(stage, "t3", "the tool that fails", (TOOL_FAILED,), "P15", "P14", text="first")
    stage.drop()
    back(stage, request_id)
    call(stage, 1, "once", "count", key="once")
    returned(stage, 1, what, {"key": "once", "runs": 1}, "P17", "P18")
    call(stage, "t1", "failed once", "fail", text="second")
    failed(stage, "t1", what, (TOOL_FAILED,), "P17", "P18", text="first")
    return done(stage, request_id)


def while_it_runs(stage: Stage) -> Wanted:
    """Break the connection while a tool runs, and ask for it again."""
    request_id = first(stage)
    call(stage, "t1", "running", "wait", key="running", seconds=2.7)
    call(stage, "t2", "left", "wait", key="left", seconds=2.1)
    stage.quiet(0.3)
    stage.drop()
    back(stage, request_id)
    call(stage, "t7", "running", "wait", key="running", seconds=2.7)
    what = "the call that still ran when it was asked for again"
    returned(stage, "t7", what, {"key": "running", "runs": 1}, "P17", "P18", "P14")
    stage.quiet(0.5)
    call(stage, "t8", "left", "wait", key="left", seconds=0.1)
    what = "the call that was over when it was asked for again"
    returned(stage, "t8", what, {"key": "left", "runs": 1}, "P17", "P18")
    return done(stage, request_id)


def cancelled(stage: Stage) -> Wanted:
    """Say that nobody waits for a call any more: one that runs, one that is over, and none."""
    request_id = first(stage)
    call(stage, "t1", "unwanted", "wait", key="unwanted", seconds=4)
    stage.quiet(0.3)
    unwanted = {"jsonrpc": "2.0", "method": "tools.cancel", "params": {"call": "unwanted"}}
    stage.say(unwanted)
    answer(stage, "t1", "the call that was cancelled", "P20")
    odd: tuple[Any, ...] = ({"call": "unwanted"}, {"call": "no such call"}, {}, [])
    for params in odd:
        stage.say({**unwanted, "params": params})
    stage.quiet(0.5)
    call(stage, "t2", "unwanted", "count", key="unwanted")
    answer(stage, "t2", "the call that was cancelled, and asked for again", "P17", "P18")
    call(stage, "t3", "wanted", "count", key="unwanted")
    what = "the call after those"
    returned(stage, "t3", what, {"key": "unwanted", "runs": 2}, "P17")
    return done(stage, request_id)


def not_kept(stage: Stage) -> Wanted:
    """Ask for so much that the first answer need not be kept, then for the first call again."""
    request_id = first(stage)
    for n in range(MANY):
        call(stage, n, f"many-{n}", "count", key=f"many-{n}")
        returned(stage, n, "tools.call", {"key": f"many-{n}", "runs": 1}, "P14")
    call(stage, "again", "many-0", "count", key="many-0")
    message = answer(stage, "again", "the call of long ago", "P19")
    stage.put_back(message)
    what = "the call of long ago, asked for again,"
    if "error" in message:
        failed(stage, "again", what, (UNKNOWN,), "P19")
    else:
        returned(stage, "again", what, {"key": "many-0", "runs": 1}, "P17", "P19")
    return done(stage, request_id)


CASES: tuple[Case, ...] = (
    Case(
        "tools that are provided",
        LEVEL,
        ("P7", "P14"),
        "They are offered; each call is answered under its id.",
        work(1),
        provided,
        PROVIDE,
    ),
    Case(
        "tools that fail",
        LEVEL,
        ("P15", "P16"),
        "An error has the code of its kind, and the text of the tool.",
        work(1),
        errors,
        PROVIDE,
    ),
    Case(
        "tools on every connection",
        LEVEL,
        ("P7",),
        "They are offered after reconciliation; other calls wait for the answer.",
        (*work(1), {"tool": "work", "args": {"n": 1}, "wait_s": AFTER_S}),
        on_every_connection,
        PROVIDE,
    ),
    Case(
        "an offer that is refused",
        LEVEL,
        ("P8",),
        "It holds up nothing, and the user is told.",
        work(1),
        not_held_up,
        PROVIDE,
    ),
    Case(
        "an offer that is refused later",
        LEVEL,
        ("P8", "P7"),
        "It holds up nothing, and is made again on the next connection.",
        (*work(1), {"tool": "work", "args": {"n": 1}, "wait_s": AFTER_S}),
        refused_later,
        PROVIDE,
    ),
    Case(
        "an offer that is not answered",
        LEVEL,
        ("P8",),
        "It holds up nothing for more than 30 s.",
        (*work(1), {"tool": "work", "args": {"n": 1}, "wait_s": AFTER_S}),
        unanswered_later,
        PROVIDE,
        is_slow=True,
    ),
    Case(
        "a call that is over and comes again",
        LEVEL,
        ("P17", "P18"),
        "It is answered as before, and not run again.",
        work(1),
        runs_once,
        PROVIDE,
    ),
    Case(
        "a call that still runs and comes again",
        LEVEL,
        ("P14", "P17", "P18"),
        "It is answered where it was asked last, once.",
        work(1),
        while_it_runs,
        PROVIDE,
    ),
    Case(
        "a call that nobody waits for",
        LEVEL,
        ("P20",),
        "It is answered all the same.",
        work(1),
        cancelled,
        PROVIDE,
    ),
    Case(
        "an answer that is not kept",
        LEVEL,
        ("P19", "P17"),
        "Say that nobody knows, or answer as before; do not run it again.",
        work(1),
        not_kept,
        PROVIDE,
    ),
)
