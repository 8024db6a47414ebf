"""``agent-gate demo --console``: the demo's house, to look at in the console until Ctrl-C.

The agent goes on asking, and somebody talks to the model now and then; whoever is at the browser
answers. Nothing is judged: it is theirs to play with.
"""

from __future__ import annotations

import webbrowser
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import anyio
import httpx2
import msgspec

from agentgate_cli.demo.account import fact
from agentgate_cli.demo.processes import DemoError
from agentgate_cli.demo.scenes import TALKS, service
from agentgate_cli.demo.stage import STEP_S, Stage, staged
from agentgate_cli.style import bold, dim, say
from agentgate_cli.text import compact

LINKS = "/api/console-links"
WAITING_MAX = 3
"""How many asks wait at most; the agent asks for more as they are answered."""

PAUSE_S = 4.0
"""Between two asks: enough to see one come."""

LOOK_S = 0.5
TALK_EVERY = 4
"""After so many asks somebody talks to the model."""

ASKS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("ha_call_service", service("light", "turn_on", entity_id="light.bedroom", brightness_pct=40)),
    ("ha_get_state", {"entity_id": "sensor.temp"}),
    ("ha_call_service", service("climate", "turn_off", entity_id="climate.hall")),
    ("ha_call_service", service("cover", "close_cover", entity_id="cover.blinds")),
    ("ha_call_service", service("homeassistant", "turn_off", entity_id="group.everything")),
    ("ha_call_service", service("light", "turn_on", entity_id="light.bedroom", brightness_pct=80)),
    ("ha_call_service", service("light", "turn_on", entity_id="light.kitchen")),
    ("ha_call_service", service("cover", "open_cover", entity_id="cover.blinds")),
)
"""What the agent asks for, over and over: some the policy allows or denies, the most it asks
about, and one is another time almost as before."""


async def browse(folder: Path, *, opening: bool) -> None:
    """Show the house in the console until the person has seen enough.

    Args:
        folder: an empty one.
        opening: open the browser, too.

    Raises:
        DemoError: it can't go on.
    """
    async with staged(folder) as stage:
        url = await link_to(stage)
        say(bold("agent-gate: an agent asks, and you answer in the browser"))
        say()
        fact("console", url)
        fact("", dim("good for one login, within five minutes; Ctrl-C ends the demo"))
        if opening:
            await anyio.to_thread.run_sync(webbrowser.open, url)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(tell, stage)
                await ask_on(stage)
        except ExceptionGroup as group:  # one ends the other
            raise group.exceptions[0] from None


async def link_to(stage: Stage) -> str:
    """Return a link that logs the person in as who runs the house.

    Raises:
        DemoError: the gateway makes none.
    """
    origin = stage.url.replace("ws", "http", 1).rstrip("/")
    headers = {"Authorization": f"Bearer {stage.operator_token}"}
    async with httpx2.AsyncClient(timeout=STEP_S, trust_env=False) as http:
        answer = await http.post(f"{origin}{LINKS}", headers=headers, json={})
    if answer.status_code != httpx2.codes.OK:
        raise DemoError(f"the gateway made no link to its console: {answer.text}")
    return str(msgspec.json.decode(answer.content)["url"])


async def ask_on(stage: Stage) -> None:
    """Let the agent ask, as long as not too much waits."""
    sentences: Iterator[str] = cycle(talk.text for talk in TALKS)
    for number, (tool, args) in enumerate(cycle(ASKS), 1):
        await room(stage)
        if number % TALK_EVERY == 0:
            await stage.agent.tell(say=next(sentences))
        await stage.agent.tell(ask=tool, args=args)
        await anyio.sleep(PAUSE_S)


async def room(stage: Stage) -> None:
    """Wait until the agent may ask for more."""
    while True:
        if len(await stage.person.list()) < WAITING_MAX:
            return
        await anyio.sleep(LOOK_S)


async def tell(stage: Stage) -> None:
    """Say how the agent's asks end."""
    while True:
        match await stage.agent.read():
            case {"event": "result", "data": data}:
                fact("agent", f"was answered: {compact(data)}")
            case {"event": "error", "message": message}:
                fact("agent", f"was told: {message}")
            case _:
                pass
