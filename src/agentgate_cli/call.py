"""``agent-gate call``: one request, from a shell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import click

from agentgate_cli.arguments import Duration, read_args
from agentgate_cli.completing import complete_tools
from agentgate_cli.exits import Exit, Failure
from agentgate_cli.remote import Remote, connected, gateway_options, remote_of, run_remote
from agentgate_cli.style import drop_output, note, say_json
from agentgate_cli.text import clock, compact, printable

if TYPE_CHECKING:
    from agentgate_client import AgentGateClient, AgentGateError, CallResult, RequestWaiting

FATE_S = 3.0
"""How long a caller who pressed Ctrl-C waits to hear what became of the request."""

FATE_LOOK_S = 0.1
"""Pause between two looks: stopping a tool and writing it down takes a moment."""

FATES = {
    "cancelled": "withdrawn; it did not run",
    "executed": "too late: it has run",
    "unknown": "it was stopped while it ran and may have taken effect",
}
"""What is said of a request by how it ended."""


@click.command(
    epilog="Exit codes: 0 the tool ran, 1 denied, 2 nobody answered in time, 3 no gateway or it "
    "took no request, 4 usage, 5 the tool failed or its outcome is unknown, 130 Ctrl-C."
)
@click.argument("tool", shell_complete=complete_tools)
@click.argument("pairs", metavar="[KEY=VALUE]...", nargs=-1)
@click.option(
    "--args",
    "args_text",
    metavar="JSON",
    help="Arguments as one JSON object; - reads it from standard input.",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=Duration(),
    metavar="TIME",
    help="Withdraw the request after so many seconds, or as in 15m, 1h30m.  "
    "[default: wait as long as it takes]",
)
@click.option("--client-id", metavar="NAME", help="Ask under a stable name of your own.")
@click.option(
    "--idempotency-key",
    metavar="KEY",
    default="",
    help="Your name for this very act: asked again with it, nothing runs twice.",
)
@click.option(
    "--why", metavar="TEXT", default="", help="Why you ask, for the person who may be asked."
)
@click.option("--json", "as_json", is_flag=True, help="Print status and error as JSON, too.")
@gateway_options
def call(
    tool: str,
    pairs: tuple[str, ...],
    args_text: str | None,
    timeout_s: float | None,
    client_id: str | None,
    idempotency_key: str,
    why: str,
    as_json: bool,
    **options: Any,
) -> int:
    """Ask for TOOL, wait for the answer, and print the result as JSON.

    A VALUE is JSON if it reads as such, otherwise a text: on=true, celsius=21.5, door=front,
    code='"007"'. If a person has to be asked, standard error says so. Ctrl-C withdraws the
    request.

    \b
    Examples:
      agent-gate call get_temperature room=kitchen
      agent-gate call set_light room=bedroom on=true brightness=40 --timeout 60
      agent-gate call send_mail --args '{"to": ["ann@example.org"], "text": "Hello"}'
    """
    args = read_args(args_text, pairs)
    request = Request(
        tool=tool,
        args=args,
        timeout_s=timeout_s,
        client_id=client_id or f"call-{uuid4()}",
        idempotency_key=idempotency_key,
        why=why,
    )
    remote = remote_of(options)
    return run_remote(lambda: ask(remote, request, as_json=as_json))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for; see the options."""

    tool: str
    args: dict[str, Any]
    timeout_s: float | None
    client_id: str
    idempotency_key: str
    why: str = ""


async def ask(remote: Remote, request: Request, *, as_json: bool) -> int:
    """Make the call and print how it ended; return the exit code."""
    from agentgate_cli.signals import Interrupted, interruptible
    from agentgate_client import AgentGateClient, AgentGateError, UnknownTool

    client_id = request.client_id
    async with connected(
        AgentGateClient, remote, client_id=client_id, on_waiting=tell_waiting
    ) as client:

        async def work() -> CallResult:
            return await client.ask(
                request.tool,
                request.args,
                timeout_s=request.timeout_s,
                idempotency_key=request.idempotency_key,
                why=request.why,
            )

        try:
            result = await interruptible(work)
        except Interrupted:
            note(await fate(client, request))
            return Exit.INTERRUPTED
        except AgentGateError as error:
            if as_json:
                say_json(failure_row(error))
            if isinstance(error, UnknownTool):
                raise Failure(await nearest(client, request.tool), Exit.TOOL_FAILED) from None
            raise
        except ValueError as error:
            raise click.UsageError(str(error)) from None
    try:
        say_json(success_row(result) if as_json else result.data)
    except OSError as error:
        drop_output()
        text = f"the tool ran, but its result can't be printed: {error.strerror}"
        raise Failure(text, Exit.TOOL_FAILED) from None
    if result.edited is not None:
        note(f"a person has changed the arguments: it ran with {compact(result.edited)}")
    if result.word:
        note(f"a person says: {printable(result.word)}")
    return Exit.OK


def success_row(result: CallResult) -> dict[str, Any]:
    """The JSON of a call with a result."""
    row: dict[str, Any] = {"status": "executed", "data": result.data}
    if result.word:
        row["word"] = result.word
    if result.edited is not None:
        row["edited"] = result.edited
    return row


async def nearest(client: AgentGateClient, name: str) -> str:
    """Say that there is no such tool, and which of those that there are is meant, perhaps."""
    from difflib import get_close_matches

    known = [str(tool["name"]) for tool in await client.list_tools()]
    near = get_close_matches(name, known, 1)
    hint = f"did you mean {printable(near[0])!r}?" if near else "'agent-gate tools' lists them"
    return f"there is no tool {printable(name)!r}; {hint}"


def tell_waiting(waiting: RequestWaiting) -> None:
    """Say that a person is asked."""
    until = clock(waiting.expires_at)
    note(f"waiting for a person (rule: {printable(waiting.rule)}, until {until})")


def failure_row(error: AgentGateError) -> dict[str, Any]:
    """The JSON of a call without a result."""
    from agentgate_client import ErrorCode

    status: dict[int, str] = {
        ErrorCode.OUTCOME_UNKNOWN: "unknown",
        ErrorCode.CANCELLED: "cancelled",
        ErrorCode.APPROVAL_EXPIRED: "expired",
        ErrorCode.DENIED_BY_PERSON: "denied",
        ErrorCode.DENIED_BY_POLICY: "denied",
    }
    row: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.data is not None:
        row["data"] = error.data
    return {"status": status.get(error.code, "failed"), "error": row}


async def fate(client: AgentGateClient, request: Request) -> str:
    """Say what became of a request whose caller went away: what the gateway has noted."""
    import anyio

    from agentgate_client import AgentGateError

    said = "it can't be withdrawn now: the gateway can't be reached; see 'agent-gate pending'"
    with anyio.move_on_after(FATE_S):
        while True:
            try:
                rows = await client.list_requests()
            except AgentGateError:
                return said
            row = next((row for row in rows if is_for(row, request)), None)
            if row is None:
                return "withdrawn; the gateway has no record of it"
            if "status" in row:
                return FATES.get(row["status"], f"too late: it ended as {row['status']}")
            said = "too late: it is running; 'agent-gate pending' tells how it ends"
            await anyio.sleep(FATE_LOOK_S)
    return said


def is_for(row: dict[str, Any], request: Request) -> bool:
    """Whether a row of ``list_requests`` is about this request."""
    if (row["client_id"], row["tool"]) != (request.client_id, request.tool):
        return False
    return "args" in row.get("shortened", ()) or bool(row["args"] == request.args)
