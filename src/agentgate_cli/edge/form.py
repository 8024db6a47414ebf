"""The form of ``edge.yaml``: where the gateway is, what this device offers, and what it does."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from agentgate_client.address import parse_url, websocket_url
from agentgate_client.edge.asking import CLIENT_ID_CHARS_MAX
from agentgate_client.edge.channels import CHANNEL_BYTES_MAX, CHANNEL_S, CHANNELS_MAX, SNAPSHOT
from agentgate_proto.client.prompts import PROMPTS_MAX, WhenFull
from agentgate_proto.limits import DESCRIPTION_CHARS_MAX, NAME_CHARS_MAX, PROVIDED_TIMEOUT_S_MAX
from agentgate_server.documents import Document, DocumentError, read_document, read_dotenv
from agentgate_server.documents.environment import Variables
from agentgate_server.documents.nodes import Scalar
from agentgate_server.documents.spans import SECONDS
from agentgate_server.secrets.secret import Secret

Name = Annotated[str, Meta(min_length=1, max_length=NAME_CHARS_MAX)]
ToolName = Annotated[str, Meta(pattern="^[a-zA-Z_][a-zA-Z0-9_]{0,63}$")]
Command = Annotated[list[str], Meta(min_length=1, max_length=256)]
Seconds = Annotated[float, Meta(gt=0, le=PROVIDED_TIMEOUT_S_MAX, extra=SECONDS)]
Bytes = Annotated[int, Meta(gt=0, le=CHANNEL_BYTES_MAX)]


class EdgeGateway(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The gateway, and who this device is there."""

    url: str
    """``wss://gate.example``; ``ws://`` only for one on this machine, or with ``insecure``."""

    token: Secret
    """An agent's token; each device has its own. Write ``${EDGE_TOKEN}``."""

    ca: str = ""
    """PEM file with the authorities to trust instead of the system's."""

    client_id: Annotated[str, Meta(max_length=CLIENT_ID_CHARS_MAX)] = ""
    """The device's name at its gateway; by default that of the spool, or a fresh one."""

    insecure: bool = False
    """Let the token travel in clear text."""


class HttpSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A local endpoint."""

    url: str
    """``http://127.0.0.1:8080/weather``."""

    headers: dict[str, Secret] = {}
    """Headers of the request."""


class CommandConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the channels, tools and events have in common: a command, or a local endpoint."""

    command: Command | None = None
    """A program and its arguments, without a shell; paths start at the file's folder."""

    http: HttpSource | None = None
    """Or a local endpoint."""

    env: dict[str, Secret] = {}
    """The command's environment, besides ``PATH``, ``HOME``, ``LANG``, ``TZ`` and ``TMPDIR``."""

    def __post_init__(self) -> None:
        if (self.command is None) == (self.http is None):
            raise ValueError("needs exactly one of command and http")
        if self.http is not None:
            check_endpoint(self.http.url)
            if self.env:
                raise ValueError("env is for a command")


class ChannelConfig(CommandConfig, frozen=True, kw_only=True):
    """One data channel: its data are what the command prints, or the endpoint answers."""

    timeout_s: Seconds = CHANNEL_S
    """Seconds that it may take."""

    bytes_max: Bytes = CHANNEL_BYTES_MAX
    """Of its data."""


class EdgeToolConfig(CommandConfig, frozen=True, kw_only=True):
    """A tool that others may ask for as ``<principal>.<name>``. It gets its arguments as JSON, on
    standard input or as the body of a POST, and what it prints or answers is the result."""

    description: Annotated[str, Meta(max_length=DESCRIPTION_CHARS_MAX)] = ""
    """For people and models."""

    effects: Literal["read", "write"] = "write"
    """``read`` is safe to run again."""

    args: dict[str, Any] = {}
    """JSON Schema of the arguments."""

    timeout_s: Seconds = 30.0
    """Seconds that it may take."""

    bytes_max: Bytes = CHANNEL_BYTES_MAX
    """Of its result."""


class EventConfig(CommandConfig, frozen=True, kw_only=True):
    """What is done with an event: it comes as JSON, on standard input or as the body of a POST."""

    timeout_s: Seconds = 30.0
    """Seconds that it may take."""


class EventsConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Local events."""

    answer: EventConfig | None = None
    """A prompt is over: ``{id, prompt, status, text, error, again}``."""


class EdgeFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``edge.yaml``."""

    gateway: EdgeGateway
    """Where to."""

    spool: str = ""
    """File in which prompts are kept until their answers are acted on; "": in memory alone."""

    when_full: WhenFull = WhenFull.REFUSE
    """Without room: ``refuse`` the new prompt, or ``drop_oldest``."""

    prompts_max: Annotated[int, Meta(ge=1, le=100_000)] = PROMPTS_MAX
    """Prompts that are kept."""

    model: Name | None = None
    """For the conversation; by default the gateway chooses."""

    channels: Annotated[dict[Name, ChannelConfig], Meta(max_length=CHANNELS_MAX)] = {}
    """This device's data; together they are the tool ``<principal>.data_snapshot``."""

    tools: dict[ToolName, EdgeToolConfig] = {}
    """What this device can do."""

    events: EventsConfig = EventsConfig()
    """What it does with answers."""


class EdgeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was checked.

    Attributes:
        form: what it says.
        folder: where its relative paths start.
        warnings: each one line.
    """

    form: EdgeFile
    folder: Path
    warnings: list[str] = []

    def path(self, name: str) -> Path:
        """Return a path of the file."""
        return self.folder / name


def check_endpoint(url: str) -> None:
    """Refuse what can't be asked for data.

    Raises:
        ValueError: says why.
    """
    parts = urlsplit(url)
    try:
        _ = parts.port
    except ValueError:
        raise ValueError(f"{url!r} has no port that can be one") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.fragment:
        raise ValueError("the endpoint must be a URL as in http://127.0.0.1:8080/weather")
    if parts.username is not None:
        raise ValueError("an endpoint has no password in its URL: use headers")


def load_edge(path: Path, environment: Mapping[str, str]) -> EdgeConfig:
    """Load ``edge.yaml``, with ``.env`` beside it.

    Raises:
        DocumentError: it can't be used; the line is in it.
    """
    dotenv = path.parent / ".env"
    document = read_document(path, environment=Variables(read_dotenv(dotenv), environment))
    form = document.decode(EdgeFile)
    check(document, form, path.parent)
    secret = [path, dotenv] if holds_literal_secret(document, form) else [dotenv]
    exposed = [
        f"{name} can be read by others: chmod 600 {name}"
        for name in secret
        if is_open_to_others(name)
    ]
    return EdgeConfig(form=form, folder=path.parent.absolute(), warnings=exposed)


def holds_literal_secret(document: Document, form: EdgeFile) -> bool:
    """Whether a secret stands in the file itself, and not in an environment variable."""
    nodes = (document.node_at(place) for place in secret_places(form))
    return any(isinstance(node, Scalar) and not node.substituted for node in nodes)


def secret_places(form: EdgeFile) -> Iterator[tuple[str, ...]]:
    """Yield where secrets stand."""
    yield "gateway", "token"
    sources: list[tuple[tuple[str, str], CommandConfig]] = [
        *((("channels", name), each) for name, each in form.channels.items()),
        *((("tools", name), each) for name, each in form.tools.items()),
    ]
    if form.events.answer is not None:
        sources.append((("events", "answer"), form.events.answer))
    for place, source in sources:
        yield from ((*place, "env", name) for name in source.env)
        if source.http is not None:
            yield from ((*place, "http", "headers", name) for name in source.http.headers)


def check(document: Document, form: EdgeFile, folder: Path) -> None:
    """Check what the form does not say.

    Raises:
        DocumentError: the first thing that is wrong.
    """
    try:
        address = parse_url(websocket_url(form.gateway.url))
    except ValueError as error:
        raise document.error(("gateway", "url"), str(error)) from None
    if not (address.secure or address.is_loopback or form.gateway.insecure):
        text = "the token would travel in clear text: use wss://, or set gateway.insecure"
        raise document.error(("gateway", "url"), text)
    if form.gateway.ca and not (folder / form.gateway.ca).is_file():
        raise document.error(("gateway", "ca"), f"there is no file {form.gateway.ca}")
    if SNAPSHOT in form.tools and form.channels:
        text = f"the channels are the tool {SNAPSHOT}: name this one otherwise"
        raise document.error(("tools", SNAPSHOT), text)


def is_open_to_others(path: Path) -> bool:
    """Whether other users may read a file; one that is not there can't be read."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return os.name == "posix" and bool(mode & (stat.S_IRGRP | stat.S_IROTH))


__all__ = ["DocumentError", "EdgeConfig", "EdgeFile", "load_edge"]
