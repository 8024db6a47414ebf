"""What ``init`` writes, made of answers: the starter files, with what somebody wants of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files

from agentgate_cli.starter.house_rules import Proposal, with_rules

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
"""

TELEGRAM = """\
  telegram:
    token: ${{TELEGRAM_TOKEN}}
    chat_id: {chat}  # 0: send the bot /start, it tells you the number
    allowed_users: {users}  # who may answer, by id
"""

NTFY = """\
  ntfy:
    url: {url}
    people:                # each with a topic of their own: whoever knows it can answer
      - {{topic: {topic}, name: {owner}}}
"""

COMPANION = """\
  companion:               # Home Assistant's app
    people:
      - {{service: {service}, name: {owner}}}
"""

OWNER = "owner"
"""The person whose token is in ``.env``, in ``config.yaml``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeAssistant:
    """A Home Assistant: its address, and a long-lived access token."""

    url: str
    token: str

    def __repr__(self) -> str:
        return f"HomeAssistant({self.url!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Telegram:
    """A bot, the chat that it asks in, and who may answer.

    Attributes:
        token: the bot's.
        chat: the chat's id; 0: not known yet.
        users: the ids of those who may answer.
        owner: which of them is who sits at this terminal, too; 0: that is not known.
        thread: the topic of a group; 0: none.
        base_url: where the Bot API is; "": where it always is.
    """

    token: str
    chat: int = 0
    users: tuple[int, ...] = ()
    owner: int = 0
    thread: int = 0
    base_url: str = ""

    def __repr__(self) -> str:
        return f"Telegram({self.chat})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ntfy:
    """A server of ntfy, and the topic of who sits at this terminal.

    Attributes:
        url: of the server.
        topic: the topic.
        token: an access token of the server; "": it asks for none.
    """

    url: str
    topic: str
    token: str = ""

    def __repr__(self) -> str:
        return f"Ntfy({self.url!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What somebody wants of a first configuration.

    Attributes:
        host, port: where to listen.
        tls: files of certificate and key, or None.
        insecure: a proxy adds TLS.
        home: Home Assistant, if there is one.
        public_url: where phones reach the gateway; "": nowhere.
        telegram: a bot, if people are to be asked there.
        ntfy: a server of ntfy, if they are to be asked by it.
        companion: the notify service of a phone with Home Assistant's app, or "".
        policy: one of ``POLICIES``.
        proposals: rules for what opens the house, if somebody has chosen them.
    """

    host: str = HOST
    port: int = PORT
    tls: tuple[str, str] | None = None
    insecure: bool = False
    home: HomeAssistant | None = None
    public_url: str = ""
    telegram: Telegram | None = None
    ntfy: Ntfy | None = None
    companion: str = ""
    policy: str = "ask"
    proposals: tuple[Proposal, ...] = ()


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
    if answers.public_url:
        listening.append(f"  public_url: {quoted(answers.public_url)}  # where phones reach it")
    if listening != [f"  host: {quoted(HOST)}", f"  port: {PORT}"]:
        head, rest = config.split("gateway:\n", 1)
        rest = rest.split("\n\n", 1)[1]
        config = "\n".join([f"{head}gateway:", *listening, "", rest])
    secrets = {"AGENT_TOKEN": agent_token, "APPROVER_TOKEN": approver_token}
    if answers.home is not None:
        config += SERVICES.format(url=quoted(answers.home.url))
        secrets["HOME_ASSISTANT_TOKEN"] = answers.home.token
    config += messenger_of(answers)
    if answers.telegram is not None:
        secrets["TELEGRAM_TOKEN"] = answers.telegram.token
    if answers.ntfy is not None and answers.ntfy.token:
        secrets["NTFY_TOKEN"] = answers.ntfy.token
    lines = [f"{name}={plain(name, value)}\n" for name, value in secrets.items()]
    head = "# Secrets for config.yaml. Keep this file to yourself.\n"
    return {
        "config.yaml": config,
        "permissions.yaml": policy_of(answers),
        "tools.py": starter("tools.py"),
        DOTENV: head + "".join(lines),
    }


def messenger_of(answers: Answers) -> str:
    """Write where people are asked; "": nowhere."""
    text = "" if answers.telegram is None else telegram_of(answers.telegram)
    if answers.ntfy is not None:
        ntfy = answers.ntfy
        text += NTFY.format(url=quoted(ntfy.url), topic=quoted(ntfy.topic), owner=OWNER)
        if ntfy.token:
            text += "    token: ${NTFY_TOKEN}\n"
    if answers.companion:
        text += COMPANION.format(service=quoted(answers.companion), owner=OWNER)
    return MESSENGER + text if text else ""


def telegram_of(telegram: Telegram) -> str:
    """Write the bot, the chat and its people."""
    users = (
        f"{{id: {user}, name: {OWNER}}}" if user == telegram.owner else str(user)
        for user in telegram.users
    )
    text = TELEGRAM.format(chat=telegram.chat, users=f"[{', '.join(users)}]")
    if telegram.thread:
        text += f"    message_thread_id: {telegram.thread}  # the topic\n"
    if telegram.base_url:
        text += f"    base_url: {quoted(telegram.base_url)}\n"
    return text


def policy_of(answers: Answers) -> str:
    """Write the policy."""
    text = starter(POLICIES[answers.policy])
    return with_rules(text, answers.proposals) if answers.proposals else text


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
