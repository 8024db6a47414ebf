"""Playing a scene: ask, let happen what must, answer, and check that all of it was right."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import anyio

from agentgate_cli.demo import account
from agentgate_cli.demo.person import Answer, Person
from agentgate_cli.demo.plug import play_plug
from agentgate_cli.demo.processes import DemoError
from agentgate_cli.demo.scenes import PLUGS, SCENES, TALKS, Scene, Twist, states_in
from agentgate_cli.demo.stage import STEP_S, Stage, staged
from agentgate_cli.demo.talk import play_talk
from agentgate_cli.demo.tapping import by_phone
from agentgate_cli.style import warn
from agentgate_client import ApprovalView, ErrorCode


async def play_all(folder: Path, person: Person, *, keep: bool) -> bool:
    """Play all scenes and tell them; return whether each ended as it must.

    Raises:
        DemoError: it can't go on.
        TimeoutError: a step hung.
    """
    began = time.monotonic()
    right_ones = 0
    async with staged(folder) as stage:
        account.opening(stage, keep=keep)
        for number, scene in enumerate(SCENES, 1):
            account.title(number, scene)
            problems = await play(stage, person, scene)
            account.judged(problems, right(scene, stage))
            right_ones += not problems
        for number, talk in enumerate(TALKS, len(SCENES) + 1):
            account.said(number, talk)
            problems = await play_talk(stage, person, talk)
            how_often = times_told(stage, talk.args)
            account.judged(problems, f"the house {how_often}, and the model knows how it ended")
            right_ones += not problems
        for number, scene_of_mcp in enumerate(PLUGS, len(SCENES) + len(TALKS) + 1):
            account.plug(number, scene_of_mcp)
            problems = await play_plug(stage, person, scene_of_mcp)
            how_often = times_told(stage, scene_of_mcp.args)
            account.judged(problems, f"the house {how_often}, and the client knows how it ended")
            right_ones += not problems
    count = len(SCENES) + len(TALKS) + len(PLUGS)
    account.closing(count, right_ones, time.monotonic() - began)
    return right_ones == count


async def play(stage: Stage, person: Person, scene: Scene) -> list[str]:
    """Play one scene and tell it; return what was not as it must be."""
    with anyio.fail_after(STEP_S):
        await stage.agent.tell(ask=scene.tool, args=scene.args)
        if scene.verdict != "ask":
            return await unasked(stage, scene)
        await stage.agent.hear("waiting")
        view = await find(stage, scene)
        account.ruled("ask", view.rule, view.description)
        await twist(stage, scene)
        still = await find(stage, scene)
    problems = [] if still.id == view.id else ["the approval is not the one that was asked for"]
    if scene.channel == "telegram" and stage.phone is not None:
        entity = str(scene.args["entity_id"])
        answer = await by_phone(stage.phone, person, entity, still, scene.answer)
    else:
        answer = await person.answer(still, scene.answer)
        with anyio.fail_after(STEP_S):
            await stage.person.decide(view.id, answer.decision)
    with anyio.fail_after(STEP_S):
        report = await last_report(stage, scene, answer)
        account.outcome(report)
        row = await stage.row(scene.tool, scene.args, "done")
    return problems + wrong(stage, scene, row, report, answer)


async def unasked(stage: Stage, scene: Scene) -> list[str]:
    """Play the rest of a scene in which nobody is asked."""
    report = await stage.agent.hear("result", "error")
    row = await stage.row(scene.tool, scene.args, "done")
    account.ruled(verdict_of(row), row["rule"], words_of(row["rule"], stage))
    account.outcome(report)
    return wrong(stage, scene, row, report, None)


async def twist(stage: Stage, scene: Scene) -> None:
    """Let go wrong what the scene wants to."""
    match scene.twist:
        case Twist.AGENT_GONE:
            pid = stage.agent.pid
            await stage.agent.kill()
            account.fact("then", f"{warn('kill -9')} of the agent (pid {pid}): nobody is listening")
        case Twist.GATEWAY_KILLED:
            pid = stage.gateway.pid
            await stage.gateway.kill()
            report = await stage.agent.hear("disconnected")
            account.fact("then", f"{warn('kill -9')} of the gateway (pid {pid})")
            account.fact("", f"agent: {report['reason']}; it goes on trying")
            await stage.start_gateway()
            account.fact("", f"the gateway is started again (pid {stage.gateway.pid})")
        case _:
            pass


async def find(stage: Stage, scene: Scene) -> ApprovalView:
    """Return the approval of a scene, as the gateway lists it now."""
    views = await stage.person.list()
    if len(views) != 1 or views[0].tool != scene.tool:
        raise DemoError(f"one approval should wait, there are {len(views)}")
    return views[0]


async def last_report(stage: Stage, scene: Scene, answer: Answer) -> dict[str, Any]:
    """Say who answered; return what the agent hears in the end, however it has to hear it."""
    row = await stage.row(scene.tool, scene.args, "done")
    approved = answer.decision == "approve"
    account.answered(approved, row["decided_by"], row["channel"], answer.scripted)
    if scene.twist is not Twist.AGENT_GONE:
        return await stage.agent.hear("result", "error")
    await stage.start_agent()
    account.fact(
        "then", f"the agent comes back (pid {stage.agent.pid}) and collects what it missed"
    )
    await stage.agent.tell(collect=True)
    rows: list[dict[str, Any]] = (await stage.agent.hear("collected"))["rows"]
    # What the killed process had heard but not acknowledged comes again; it was about other things.
    mine = [row for row in rows if states_in(row.get("data")) == scene.states]
    if len(mine) != 1:
        raise DemoError(f"one outcome should wait for the agent, there are {len(mine)}")
    return mine[0]


def wrong(
    stage: Stage, scene: Scene, row: dict[str, Any], report: dict[str, Any], answer: Answer | None
) -> list[str]:
    """Compare what came out with what must have; the gateway, the agent and the house are asked."""
    runs = answer.decision == "approve" if answer else scene.verdict == "allow"
    refusal = ErrorCode.DENIED_BY_PERSON if answer else ErrorCode.DENIED_BY_POLICY
    starts_due = int(runs and scene.effects == "write")
    facts: list[tuple[str, Any, Any]] = [
        ("the policy says", scene.verdict, verdict_of(row)),
        ("the gateway has noted", "executed" if runs else "denied", row["status"]),
        ("calls at the house", starts_due, stage.starts(scene.args)),
    ]
    if runs:
        facts.append(("the agent got", scene.states, states_in(report.get("data"))))
    else:
        code = report.get("error", report).get("code")
        facts.append(("the agent got error", int(refusal), code))
    return [f"{what} {got!r}, not {due!r}" for what, due, got in facts if due != got]


def verdict_of(row: dict[str, Any]) -> str:
    """Read off a row of ``list_requests`` what the policy said."""
    if "approval" in row:
        return "ask"
    return "deny" if row["status"] == "denied" else "allow"


def words_of(rule: str, stage: Stage) -> str:
    """Look a rule's description up in the file: a request that nobody is asked about has none."""
    from agentgate_server.policy import Policy

    policy = Policy.load(stage.folder / "permissions.yaml")
    found = (known.decision.description for known in policy.rules if known.decision.rule == rule)
    return next(found, "")


def right(scene: Scene, stage: Stage) -> str:
    """Say in words what was checked."""
    if scene.effects == "read":
        return "answered at once, nobody was asked"
    return f"the house {times_told(stage, scene.args)}, and the agent knows how it ended"


def times_told(stage: Stage, args: dict[str, Any]) -> str:
    """Say in words whether the house was told to do this."""
    return "was told once" if stage.starts(args) else "was not told"
