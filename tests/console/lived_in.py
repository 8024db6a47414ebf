"""A house in which something has happened: for what its pages look like, and whether all can use
them."""

from __future__ import annotations

from tests.console.house import AGENT_TOKEN, OTHER_AGENT_TOKEN, OWNER_TOKEN, House

from agent_gate.sync import AgentGateClient, ApprovalsClient

PAGES = (
    *("inbox", "live", "context", "cost", "audit"),
    *("policy", "grants", "agents", "upstreams", "health"),
)
"""What an operator sees."""


def live_in(house: House) -> None:
    """Let agents ask, and people answer, until each page has something to show.

    Two asks wait afterwards: one with a reason, and one of a tool that somebody has said yes to.
    """
    gardener = house.agent(OTHER_AGENT_TOKEN)
    agent = house.agent(AGENT_TOKEN)
    agent.client.call("get_temperature", {"room": "kitchen"})
    ask_and(house, "approve", "turn_on", entity="light.hall", brightness=40)
    ask_and(house, "deny", "write_note", text="Buy nothing")
    with ApprovalsClient(house.url, OWNER_TOKEN) as owner:
        agent.ask("turn_on", entity="light.porch", brightness=20)
        (row,) = house.wait_for_approvals()
        owner.decide(row["id"], "approve", grant={"minutes": 60})
        agent.wait()
    with AgentGateClient(house.url, AGENT_TOKEN) as speaker:
        session = speaker.sessions.create()
        for event in session.send("Please turn on the light in the kitchen."):
            if event.kind == "approval":
                (row,) = house.wait_for_approvals()
                house.decide(row["id"], "approve")
    agent.ask("turn_on", entity="light.kitchen", brightness=80, why="It is getting dark.")
    house.wait_for_approvals(1)
    gardener.ask("write_note", text="The tomatoes are ripe, and the gate squeaks.")
    house.wait_for_approvals(2)


def ask_and(house: House, decision: str, tool: str, **args: object) -> None:
    """Let the agent ask for something, and a person answer it."""
    agent = house.agents[-1]
    agent.ask(tool, **args)
    (row,) = house.wait_for_approvals()
    house.decide(row["id"], decision)
    agent.wait()
