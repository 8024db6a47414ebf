"""What ``init`` writes, made of answers: the starter files, with what somebody wants of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files

DOTENV = ".env"

POLICIES = {
    "ask": "permissions.yaml",
    "house": "house.yaml",
    "closed": "closed.yaml",
}
"""The starter policies and their files."""

HOST = "127.0.0.1"
PORT = 8443

SERVICES = """
services:
  homeassistant:           # gives the tools ha_get_state, ha_get_states, ha_call_service, ...
    url: {url}
    token: ${{HOME_ASSISTANT_TOKEN}}
"""

MESSENGER = """
messenger:                 # where people are asked, besides terminals and browsers
  type: telegram
  telegram:
    token: ${{TELEGRAM_TOKEN}}
    chat_id: {chat}  # 0: send the bot /start, it tells you the number
    allowed_users: {users}  # who may answer, by id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeAssistant:
    """A Home Assistant: its address, and a long-lived access token."""

    url: str
    token: str

    def __repr__(self) -> str:
        return f"HomeAssistant({self.url!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Telegram:
    """A bot, the chat that it asks in (0: not known yet), and who may answer."""

    token: str
    chat: int = 0
    users: tuple[int, ...] = ()

    def __repr__(self) -> str:
        return f"Telegram({self.chat})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What somebody wants of a first configuration.

    Attributes:
        host, port: where to listen.
        tls: files of certificate and key, or None.
        insecure: a proxy adds TLS.
        home: Home Assistant, if there is one.
        telegram: a bot, if people are to be asked there.
        policy: one of ``POLICIES``.
    """

    host: str = HOST
    port: int = PORT
    tls: tuple[str, str] | None = None
    insecure: bool = False
    home: HomeAssistant | None = None
    telegram: Telegram | None = None
    policy: str = "ask"


def compose(answers: Answers, agent_token: str, approver_token: str) -> dict[str, str]:
    """Make all files, by name; what is secret is in ``DOTENV`` alone.

    Raises:
        ValueError: an answer cannot stand in a file.
    """
    config = starter("config.yaml")
    listening = [f"  host: {quoted(answers.host)}", f"  port: {answers.port}"]
    if answers.tls is not None:
        cert, key = map(quoted, answers.tls)
        listening += ["  tls:", f"    cert: {cert}", f"    key: {key}"]
    if answers.host != HOST:
        listening.append("  allowed_hosts: []        # names that clients use: [gate.example]")
    if answers.insecure:
        listening.append("  insecure: true           # a proxy in front adds TLS")
    if answers != Answers(home=answers.home, telegram=answers.telegram, policy=answers.policy):
        head, rest = config.split("gateway:\n", 1)
        rest = rest.split("\n\n", 1)[1]
        config = "\n".join([f"{head}gateway:", *listening, "", rest])
    secrets = {"AGENT_TOKEN": agent_token, "APPROVER_TOKEN": approver_token}
    if answers.home is not None:
        config += SERVICES.format(url=quoted(answers.home.url))
        secrets["HOME_ASSISTANT_TOKEN"] = answers.home.token
    if answers.telegram is not None:
        users = ", ".join(map(str, answers.telegram.users))
        config += MESSENGER.format(chat=answers.telegram.chat, users=f"[{users}]")
        secrets["TELEGRAM_TOKEN"] = answers.telegram.token
    lines = [f"{name}={plain(name, value)}\n" for name, value in secrets.items()]
    head = "# Secrets for config.yaml. Keep this file to yourself.\n"
    return {
        "config.yaml": config,
        "permissions.yaml": starter(POLICIES[answers.policy]),
        "tools.py": starter("tools.py"),
        DOTENV: head + "".join(lines),
    }


def starter(name: str) -> str:
    """Read one of the starter files."""
    return (files("agentgate_cli") / "starter" / name).read_text("utf-8")


def quoted(text: str) -> str:
    """Write a text for YAML, where a dollar would stand for a variable."""
    return json.dumps(text.replace("$", "$$"))


def plain(name: str, value: str) -> str:
    """Return a secret that needs no quotes in ``.env``, neither for us nor for a shell.

    Raises:
        ValueError: it does; the text does not show it.
    """
    if not value or not all(
        "!" <= letter <= "~" and letter not in "'\"\\`$#&;|<>()*?" for letter in value
    ):
        raise ValueError(f"{name} must be letters, digits and signs, without spaces and quotes")
    return value
