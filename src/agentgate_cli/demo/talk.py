"""Playing a talk: somebody speaks to a model, whose tool goes the way of all the others."""

from __future__ import annotations

from typing import Any

import anyio
import msgspec

from agentgate_cli.demo import account
from agentgate_cli.demo.person import Answer, Person
from agentgate_cli.demo.processes import DemoError
from agentgate_cli.demo.scenes import Talk, states_in
from agentgate_cli.demo.stage import STEP_S, Stage
from agentgate_cli.demo.tapping import by_phone
from agentgate_client import Inspection

EVENTS = ("thinking", "reply", "tool_call", "approval", "tool_result", "run_ended")
"""Kinds of a session's events of which the account tells."""


async def play_talk(stage: Stage, person: Person, talk: Talk) -> list[str]:
    """Play a talk and tell it; return what was not as it must be."""
    with anyio.fail_after(STEP_S):
        await stage.agent.tell(say=talk.text)
    result: dict[str, Any] = {}
    answer = Answer("deny", scripted=True)
    kind, data = "", result
    while kind != "run_ended":
        with anyio.fail_after(STEP_S):
            report = await stage.agent.hear(*EVENTS, "error")
        kind, data = report["event"], report.get("data", {})
        match kind:
            case "approval":
                answer = await answered(stage, person, talk, data)
            case "tool_result":
                result = data
            case "error":
                raise DemoError(str(report["message"]))
            case _:
                pass
        account.conversed(kind, data)
    with anyio.fail_after(STEP_S):
        shown = await stage.agent.hear("inspected")
        row = await stage.row(talk.tool, talk.args, "done")
    inspection = msgspec.convert(shown["inspection"], Inspection)
    account.context(inspection)
    account.cost(data)
    return wrong(stage, talk, row, result, data, answer, inspection, shown["session"])


async def answered(stage: Stage, person: Person, talk: Talk, data: dict[str, Any]) -> Answer:
    """Let the person answer what the model's tool call asks."""
    with anyio.fail_after(STEP_S):
        view = await stage.person.get(data["approval"])
    account.ruled("ask", view.rule, view.description)
    if stage.phone is not None:
        answer = await by_phone(stage.phone, person, talk.entity, view, "approve")
        channel = "telegram"
    else:
        answer = await person.answer(view, "approve")
        channel = "terminal"
        with anyio.fail_after(STEP_S):
            await stage.person.decide(view.id, answer.decision)
    account.answered(answer.decision == "approve", "owner", channel, answer.scripted)
    return answer


def wrong(
    stage: Stage,
    talk: Talk,
    row: dict[str, Any],
    result: dict[str, Any],
    ended: dict[str, Any],
    answer: Answer,
    inspection: Inspection,
    session: str,
) -> list[str]:
    """Compare what came out with what must have: for the model, the gateway and the house."""
    runs = answer.decision == "approve"
    status = "executed" if runs else "denied"
    parts = sum(section.bytes for section in inspection.sections) + inspection.envelope_bytes
    facts: list[tuple[str, Any, Any]] = [
        ("the gateway has noted", status, row["status"]),
        ("it was asked in the session", f"session:{session}", row["client_id"]),
        ("calls at the house", int(runs), stage.starts(talk.args)),
        ("the model was told", status, result.get("status")),
        ("states", talk.states if runs else {}, states_in(result.get("result"))),
        ("the run has ended as", "completed", ended.get("status")),
        ("the cost is known", True, bool(ended.get("cost_micros"))),
        ("bytes of the parts", len(inspection.body.encode()), parts),
    ]
    return [f"{what} {got!r}, not {due!r}" for what, due, got in facts if due != got]
