"""The ready agent: what ``edge.yaml`` names, brought together with an edge client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import anyio
import click
import msgspec

from agentgate_cli.edge.endpoints import ask_endpoint
from agentgate_cli.edge.form import CommandConfig, EdgeConfig
from agentgate_cli.edge.programs import run_program
from agentgate_cli.style import bad, dim
from agentgate_cli.text import escape_json, plural, printable, readable
from agentgate_client import ClientState, StateChanged
from agentgate_client.address import websocket_url
from agentgate_client.edge import Answered, EdgeClient, HandlerFailed, Tool

Ask = Callable[[bytes | None], Awaitable[bytes]]
"""Runs what the file names, with an input; returns its output."""


def edge_of(config: EdgeConfig) -> EdgeClient:
    """Make the client, with its channels and handlers. It does nothing yet.

    Raises:
        ValueError: an argument can't be right.
    """
    form = config.form
    gateway = form.gateway
    longest_s = form.events.answer.timeout_s if form.events.answer is not None else 1.0
    edge = EdgeClient(
        websocket_url(gateway.url),
        gateway.token.value,
        ca_file=config.path(gateway.ca) if gateway.ca else None,
        insecure=gateway.insecure,
        client_id=gateway.client_id,
        spool=config.path(form.spool) if form.spool else None,
        when_full=form.when_full,
        prompts_max=form.prompts_max,
        model=form.model or "",
        handler_timeout_s=longest_s + 1.0,
    )
    for name, channel in form.channels.items():
        ask = asker(config, channel, channel.bytes_max)
        edge.channel(
            name,
            partial(read, ask),
            timeout_s=channel.timeout_s,
            bytes_max=channel.bytes_max,
        )
    if form.events.answer is not None:
        hook = form.events.answer
        edge.on("answer", partial(act, asker(config, hook, 65_536), hook.timeout_s))
    edge.provide(
        *(
            Tool(
                name=name,
                run=partial(use, asker(config, tool, tool.bytes_max)),
                effects=tool.effects,
                description=tool.description,
                args=tool.args,
                timeout_s=tool.timeout_s,
            )
            for name, tool in form.tools.items()
        )
    )
    return edge


async def read(ask: Ask) -> Any:
    """Return the data of a channel: JSON, or text."""
    return value_of(await ask(None))


async def act(ask: Ask, timeout_s: float, answered: Answered) -> None:
    """Let the file's hook act on an answer."""
    with anyio.fail_after(timeout_s):
        await ask(msgspec.json.encode(row_of(answered)))


async def use(ask: Ask, **args: Any) -> Any:
    """Run a tool of the file."""
    return value_of(await ask(msgspec.json.encode(args)))


def asker(config: EdgeConfig, wanted: CommandConfig, bytes_max: int) -> Ask:
    """Return what runs a command, or asks an endpoint, of the file."""
    if wanted.http is not None:
        http = wanted.http
        headers = {name: secret.value for name, secret in http.headers.items()}
        return partial(ask_endpoint, http.url, headers=headers, bytes_max=bytes_max)
    assert wanted.command is not None, "one of the two is there"
    command = wanted.command
    environment = {name: secret.value for name, secret in wanted.env.items()}

    async def ask(given: bytes | None) -> bytes:
        return await run_program(
            command,
            given or b"",
            folder=config.folder,
            environment=environment,
            bytes_max=bytes_max,
        )

    return ask


def value_of(output: bytes) -> Any:
    """Return what was printed: JSON as it is, anything else as text."""
    text = output.decode(errors="replace").strip()
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text


def row_of(answered: Answered) -> dict[str, Any]:
    """Make one row of the JSON that hooks and readers of our output get."""
    answer = answered.answer
    return {
        "id": answer.id,
        "prompt": answered.prompt,
        "status": answer.status,
        "text": answer.text,
        "error": answer.error,
        "again": answered.again,
    }


class Teller:
    """Says on standard output what happens: a line of text, or of JSON, for each thing.

    Args:
        edge: of whom.
        as_json: JSON.
    """

    def __init__(self, edge: EdgeClient, as_json: bool) -> None:
        self._edge = edge
        self._as_json = as_json

    def kept(self, prompt: str) -> None:
        """A prompt will be answered."""
        self._say({"event": "kept", "id": prompt}, "")

    def refused(self, prompt: str, why: str) -> None:
        """A prompt will not be answered."""
        row = {"event": "refused", "id": prompt, "error": why}
        self._say(row, f"{bad('not asked')}: {printable(why)}")

    def answered(self, answered: Answered) -> None:
        """A prompt is over."""
        row = row_of(answered)
        text = f"{dim('> ' + printable(row['prompt']))}\n{readable(row['text'])}"
        if row["error"]:
            text += f"\n{bad(printable(row['error']))}"
        self._say({"event": "answer", **row}, text)

    def state(self, change: StateChanged) -> None:
        """The line to the gateway came or went: say how it stands, and what waits."""
        health = self._edge.health
        state = change.state.name.lower()
        row = {
            "event": "state",
            "state": state,
            "error": "" if change.error is None else change.error.message,
            "retry_in_s": change.retry_in_s,
            "prompts_waiting": health.prompts_waiting,
            "answers_waiting": health.answers_waiting,
        }
        text = f"{state}, {plural(health.prompts_waiting, 'prompt')} to answer"
        if change.error is not None:
            text += f": {printable(change.error.message)}"
        self._say(row, dim(text) if change.state is not ClientState.CONNECTING else "")

    def failed(self, failure: HandlerFailed) -> None:
        """A handler failed; the client logs it."""
        row = {"event": "handler_failed", "kind": failure.kind, "error": str(failure.error)}
        self._say(row, "")

    def _say(self, row: dict[str, Any], text: str) -> None:
        if self._as_json:
            click.echo(escape_json(msgspec.json.encode(row).decode()))
        elif text:
            click.echo(text)
