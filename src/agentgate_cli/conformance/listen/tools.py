"""A scripted gateway's calls for tools that the client provides.

For the cases of level providing.
"""

from __future__ import annotations

from typing import Any

from agentgate_cli.conformance.listen.broken import Broken, shown
from agentgate_cli.conformance.listen.case import Wanted
from agentgate_cli.conformance.listen.line import BOUND_S, Message
from agentgate_cli.conformance.listen.stage import Stage
from agentgate_cli.conformance.vectors import brief

NAMES = ("count", "wait", "fail")
"""Tools that a task asks for: see ``spec/testing.md``."""

TIMEOUT_S = 30.0


def offered(stage: Stage, why: str = "as the task says") -> Any:
    """Take the offer of all three tools; return its id.

    Raises:
        Broken: something else came first, or not all are in it.
    """
    message = stage.next_message(f"no tools.provide came within {BOUND_S:g} s, {why}", "P7")
    if message.get("method") != "tools.provide":
        raise Broken(f"the tools were not offered first, {why}, but came {shown(message)}", "P7")
    tools = message["params"].get("tools")
    names = [each.get("name") for each in tools] if isinstance(tools, list) else []
    if sorted(map(str, names)) != sorted(NAMES):
        raise Broken(f"offered are {brief(names)} instead of {brief(NAMES)}, {why}", "P7")
    return message["id"]


def taken(stage: Stage, request_id: Any) -> None:
    """Answer an offer: it holds."""
    result = {"names": [f"agent.{name}" for name in NAMES]}
    stage.say({"jsonrpc": "2.0", "result": result, "id": request_id})


def call(stage: Stage, request_id: Any, name: str, tool: str, **args: Any) -> None:
    """Ask for a tool.

    Args:
        stage: the scripted gateway.
        request_id: of the request.
        name: names the call for ever.
        tool, args: what is to be run.
    """
    params = {"call": name, "tool": tool, "args": args, "timeout_s": TIMEOUT_S}
    stage.say({"jsonrpc": "2.0", "method": "tools.call", "params": params, "id": request_id})


def answer(stage: Stage, request_id: Any, what: str, *rules: str) -> Message:
    """Return the answer to a request of ours, which must be the next message.

    Args:
        stage: the scripted gateway.
        request_id: of the request.
        what: was asked for, for people.
        rules: that say that it must be answered so.

    Raises:
        Broken: it is something else, or nothing.
    """
    try:
        message = stage.next_message(f"none came within {BOUND_S:g} s")
    except Broken as error:
        raise Broken(f"{what} was not answered: {error}", *(error.rules or rules)) from None
    if "method" in message or not ({"result", "error"} & set(message)):
        raise Broken(f"{what} was not answered, but came {shown(message)}", *rules)
    found = message.get("id")
    if type(found) is not type(request_id) or found != request_id:
        text = f"the answer to {what} has the id {brief(found)} instead of {brief(request_id)}"
        raise Broken(text, *rules)
    return message


def returned(stage: Stage, request_id: Any, what: str, data: Any, *rules: str) -> None:
    """See that a call is answered with this.

    Raises:
        Broken: it is not.
    """
    message = answer(stage, request_id, what, *rules)
    result = message.get("result")
    if not isinstance(result, dict) or "data" not in result or result["data"] != data:
        text = f"{what} was answered by {shown(message)} instead of data {brief(data)}"
        raise Broken(text, *rules)


def failed(
    stage: Stage, request_id: Any, what: str, codes: tuple[int, ...], *rules: str, text: str = ""
) -> None:
    """See that a call is answered with an error that has one of these codes, and this in its text.

    Raises:
        Broken: it is not.
    """
    message = answer(stage, request_id, what, *rules)
    found = message.get("error")
    error = found if isinstance(found, dict) else {}
    if error.get("code") not in codes:
        wanted = " or ".join(map(str, codes))
        raise Broken(f"{what} was answered by {shown(message)} instead of error {wanted}", *rules)
    if text not in str(error.get("message")):
        raise Broken(f"the error of {what} does not say {brief(text)}: {shown(error)}", *rules)


def withdrawn(stage: Stage) -> None:
    """Take the offer of no tool at the end of a task.

    Raises:
        Broken: something else came.
    """
    message = stage.request("tools.provide")
    if message["params"].get("tools") != []:
        raise Broken(f"at the end of the task no tools are to be offered, not {shown(message)}")
    stage.say({"jsonrpc": "2.0", "result": {"names": []}, "id": message["id"]})


def told(results: list[Any], *, code: int | None = None) -> Wanted:
    """What must be reported.

    Args:
        results: of the calls.
        code: with which the offer was refused; None: it was taken.
    """

    def check(report: Message) -> None:
        found = report.get("provide")
        offer = found if isinstance(found, dict) else {}
        error = offer.get("error")
        refused = error.get("code") if isinstance(error, dict) else None
        if refused != code or (code is None and not isinstance(offer.get("names"), list)):
            wanted = "the names of the tools" if code is None else f"error {code}"
            raise Broken(f"the user was told {brief(found)} of the offer instead of {wanted}", "P8")

    return Wanted(results, check=check)
