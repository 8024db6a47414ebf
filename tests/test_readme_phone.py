"""A light switch that asks on the phone: the steps of the README, against stand-ins.

The addresses of the house and of Telegram, the id of the person and the port are the only things
that differ from what a new user does.
"""

from __future__ import annotations

import re
import subprocess
import textwrap
from functools import partial
from pathlib import Path

import anyio
import pytest
from tests.test_readme import BOUND_S, README, free_port, run, started

from agentgate_cli.standins.home_assistant import HomeAssistant
from agentgate_cli.standins.telegram import TelegramStandIn
from agentgate_cli.standins.telegram_chats import Message

SECTION = README.partition("## A light switch that asks on your phone\n")[2].partition("\n## ")[0]
PERSON = 123456789
"""The id that the README shows."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"  # only the stand-ins run here; the gateway is a process of its own


def steps(language: str) -> list[str]:
    """The fenced blocks of the section in a language, in order."""
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```$", SECTION, re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(block) for block in found]


def replaced(text: str, old: str, new: str) -> str:
    assert old in text, f"the README does not say {old!r}"
    return text.replace(old, new)


def settle(folder: Path, house_url: str, bot_token: str, telegram_url: str) -> None:
    """Steps 1 to 3: secrets, configuration, policy."""
    (secrets,) = steps("text")
    config, policy = steps("yaml")
    secrets = replaced(secrets, "HOME_ASSISTANT_TOKEN=…", "HOME_ASSISTANT_TOKEN=house-token-1")
    secrets = replaced(secrets, "TELEGRAM_TOKEN=…", f"TELEGRAM_TOKEN={bot_token}")
    with (folder / ".env").open("a") as file:
        file.write(secrets)
    config = replaced(config, "http://homeassistant.local:8123", house_url)
    config = replaced(config, "    chat_id:", f"    base_url: {telegram_url}\n    chat_id:")
    path = folder / "config.yaml"
    path.write_text(f"{path.read_text().replace('8443', str(free_port()))}\n{config}")
    (folder / "permissions.yaml").write_text(policy)


async def asked(telegram: TelegramStandIn) -> Message:
    """The message with buttons on the phone."""
    while True:
        for message in telegram.chats.with_buttons(PERSON):
            return message
        await anyio.sleep(0.02)


@pytest.mark.anyio
async def test_the_steps_of_the_readme_lead_to_a_light_switch_that_asks_on_the_phone(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "my-gateway"
    done = await anyio.to_thread.run_sync(run, f"agent-gate init {folder.name}", tmp_path)
    assert done.returncode == 0, done.stderr
    async with HomeAssistant(token="house-token-1") as house, TelegramStandIn() as telegram:
        telegram.chats.add_person(PERSON, "Ann")
        settle(folder, house.url, telegram.token, telegram.url)
        start, calls = steps("sh")
        assert [line.split("#")[0].strip() for line in start.splitlines()] == [
            "pipx inject agent-gate 'python-telegram-bot>=22'",
            "agent-gate check",
            "agent-gate serve",
        ]
        done = await anyio.to_thread.run_sync(run, "agent-gate check", folder)
        assert done.returncode == 0, done.stdout + done.stderr
        with started("exec agent-gate serve", folder) as gateway:
            assert gateway.stdout is not None
            url = None
            while url is None:  # what the log says of the house may come first
                line = await anyio.to_thread.run_sync(gateway.stdout.readline)
                assert line, "it ended"
                url = re.search(r"ws://\S+:\d+", line)
            read, switch, unlock = (
                partial(ask, folder, url[0], call) for call in calls.splitlines()
            )
            with anyio.fail_after(BOUND_S):
                looked = await anyio.to_thread.run_sync(read)
                assert (looked.returncode, '"state":"off"' in looked.stdout.replace(" ", "")) == (
                    0,
                    True,
                ), looked.stdout + looked.stderr

                ended: list[subprocess.CompletedProcess[str]] = []
                async with anyio.create_task_group() as tasks:

                    async def switch_on() -> None:
                        ended.append(await anyio.to_thread.run_sync(switch))

                    tasks.start_soon(switch_on)
                    message = await asked(telegram)
                    assert "light.turn_on" in message.text
                    assert [label.split(" ", 1)[1] for label in message.labels] == [
                        "Approve",
                        "Deny",
                        "Approve 10 min",
                    ]
                    assert house.acts == [], "nothing runs before the tap"
                    telegram.chats.tap(PERSON, message, message.labels[0])
                assert ended[0].returncode == 0, ended[0].stderr
                assert house.home.entities["light.bedroom"].state == "on"
                while "has run" not in message.text:
                    await anyio.sleep(0.02)
                assert "Approved" in message.text

                refused = await anyio.to_thread.run_sync(unlock)
                assert refused.returncode == 1
                assert "Doors stay shut" in refused.stderr
                assert house.home.entities["lock.front"].state == "locked"


def ask(folder: Path, url: str, call: str) -> subprocess.CompletedProcess[str]:
    """Ask as the agent does, with the token that ``init`` made."""
    script = f"set -a; . ./.env; AGENT_GATE_TOKEN=$AGENT_TOKEN {call}"
    return run(script, folder, AGENT_GATE_URL=url)
