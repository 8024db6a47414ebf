"""``agent-gate serve``: one gateway in this process, from start to a shutdown in order."""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Iterable
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agentgate_cli.exits import Failure
from agentgate_cli.text import plural, printable

if TYPE_CHECKING:
    from agentgate_cli.log_writer import BackgroundHandler
    from agentgate_cli.serve_watch import Person
    from agentgate_server.config import Config
    from agentgate_server.documents import DocumentError
    from agentgate_server.gateway import Gateway
    from agentgate_server.relay.link import LinkNeeds, OpenUpstreams

DEFAULT_CONFIG = Path("config.yaml")

NO_CONFIG = (
    "there is no config.yaml here: 'agent-gate init' writes one that is ready to serve, "
    "'agent-gate demo' shows it all without one, and --config names another file"
)

ERRORS_SHOWN_MAX = 10
"""Errors of one start that are printed, one line each: enough to mend a file in one go."""

WARNINGS_SHOWN_MAX = 20
"""Warnings of one start; ``check`` has them all."""

SWITCH_S = 0.000_1
"""How long one thread may keep another from running Python. The store's thread asks for its turn
some twenty times in a commit, and Python's own 5 ms would be a tenth of a second under a flood; a
tool that computes on a thread keeps the event loop waiting for no longer either."""

log = logging.getLogger("agentgate")


@click.command(
    epilog="A first SIGINT or SIGTERM lets running tools finish, for gateway.shutdown_s seconds; "
    "a second one ends at once (nothing is lost: what was promised is on the disk). SIGHUP reloads "
    "policy, principals and tokens."
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    default=DEFAULT_CONFIG,
    help="The configuration.  [default: config.yaml]",
)
@click.option(
    "--permissions",
    type=click.Path(path_type=Path),
    help="The policy, instead of the one that the configuration names.",
)
@click.option("--host", help="Address to listen on, instead of gateway.host.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 takes any free one."
)
@click.option("--insecure", is_flag=True, help="Serve without TLS, whatever the address.")
@click.option(
    "--strict",
    is_flag=True,
    help="Do not start with, nor reload, what 'agent-gate check' calls an error.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    help="What to log on standard error, instead of log.level.",
)
@click.option(
    "--log-format",
    type=click.Choice(["readable", "json"]),
    help="How to log, and how to say that it listens, instead of log.format.",
)
@click.option("--watch", is_flag=True, help="Ask here what needs a person, and take the answers.")
@click.option(
    "--as",
    "whose",
    metavar="NAME",
    help="Who answers here: a name, or a role, of the configuration.  [default: its approver]",
)
@click.option("--bell/--no-bell", default=True, help="With --watch, ring.  [default: --bell]")
def serve(
    config_file: Path,
    permissions: Path | None,
    host: str | None,
    port: int | None,
    insecure: bool,
    strict: bool,
    log_level: str | None,
    log_format: str | None,
    watch: bool,
    whose: str | None,
    bell: bool,
) -> int:
    """Run the gateway.

    When it listens it says so with one line on standard output. With --watch what needs a person
    is asked here, as by 'agent-gate approvals watch': one terminal does for both.

    \b
    Examples:
      agent-gate
      agent-gate serve --watch
      agent-gate serve --config /etc/agent-gate/config.yaml
      agent-gate serve --host 0.0.0.0 --insecure     behind a proxy with TLS
    """
    from agentgate_cli.logs import mask_logs, set_up_logs

    if config_file == DEFAULT_CONFIG and not config_file.exists():
        raise Failure(NO_CONFIG)
    person = None
    if watch:
        from agentgate_cli.serve_watch import Person

        person = Person(config_file, whose, bell=bell)
    elif whose is not None:
        raise click.UsageError("--as says who answers here: it belongs to --watch")

    from agentgate_server.config import load_config, override
    from agentgate_server.documents import DocumentError

    def load() -> Config:
        config = load_config(config_file, environment=os.environ)
        return override(config, host=host, port=port, insecure=insecure, permissions=permissions)

    try:
        config = load()
    except DocumentError as error:
        raise document_failure(error) from None

    import anyio

    from agentgate_server.gateway import Gateway

    form = log_format or config.log.format
    stream = sys.stderr if person is None else person.log
    output = set_up_logs(log_level or config.log.level, form, stream)
    gateway = Gateway(config, load=load, strict=strict, upstreams=links)
    mask_logs(gateway.masker)
    # The extra "speed"; libuv would make the terminal one that does not wait for its writers
    faster = {"use_uvloop": find_spec("uvloop") is not None and person is None}
    as_json = form == "json"
    with nullcontext() if person is None else person.at_terminal():
        try:
            anyio.run(run_gateway, gateway, output, as_json, person, backend_options=faster)
        except Exception as error:
            raise start_failure(error) from None
        finally:
            output.flush()
    return 0


def links(needs: LinkNeeds) -> OpenUpstreams:
    """Make the links to the gateways behind this one. Only who has some loads the client."""
    from agentgate_relay import Links

    return Links(needs)


async def run_gateway(
    gateway: Gateway, output: BackgroundHandler, as_json: bool, person: Person | None
) -> None:
    """Serve until a signal, then shut down: first who answers here, so that nothing is asked any
    more, then the gateway."""
    import anyio

    from agentgate_cli.service import Signals

    signals = Signals()
    async with anyio.create_task_group() as tasks:
        await tasks.start(signals.watch)
        async with gateway:
            announce(gateway, output, as_json=as_json)
            gc.freeze()  # what a start makes stays: without it, a full collection is a short one
            sys.setswitchinterval(SWITCH_S)
            async with nullcontext() if person is None else person.answering(gateway):
                while await signals.next() == "reload":
                    await gateway.reload()
            log.info("shutting down; running tools have %g s", gateway.config.gateway.shutdown_s)
        tasks.cancel_scope.cancel()


def announce(gateway: Gateway, output: BackgroundHandler, *, as_json: bool) -> None:
    """Say that it listens, and what the operator should know."""
    counts = {
        "tools": len(gateway.gate.calls.catalogue),
        "principals": len(gateway.gate.authenticator.tokens.principals),
        "rules": len(gateway.gate.judge.policy.rules),
    }
    if as_json:
        import msgspec

        row = {"event": "listening", "url": gateway.url, "pid": os.getpid(), **counts}
        click.echo(msgspec.json.encode(row))
        for warning in told(gateway.warnings):
            log.warning("%s", warning)
        return
    tools, principals, rules = (plural(count, noun[:-1]) for noun, count in counts.items())
    policy = gateway.gate.judge.policy.name
    click.echo(f"listening on {gateway.url} ({tools}, {principals}, policy {policy}: {rules})")
    for warning in told(gateway.warnings):
        output.say(f"warning: {printable(warning)}")


def told(warnings: Iterable[str]) -> list[str]:
    """Each warning once; of very many the first."""
    lines = list(dict.fromkeys(warnings))
    if len(lines) > WARNINGS_SHOWN_MAX:
        more = len(lines) - WARNINGS_SHOWN_MAX
        lines[WARNINGS_SHOWN_MAX:] = [f"… and {more} more: 'agent-gate check' shows them all"]
    return lines


def start_failure(error: Exception) -> Failure:
    """Make one line of whatever stopped the start; re-raise what is a bug of ours.

    Raises:
        Exception: ``error`` is not one that an operator can mend.
    """
    from agentgate_server.documents import DocumentError
    from agentgate_server.errors import ToolError
    from agentgate_server.identity.token_file import TokenFileError
    from agentgate_server.sockets.binding import ListenError
    from agentgate_server.store.engine import StoreError

    inner = error
    while isinstance(inner, ExceptionGroup) and len(inner.exceptions) == 1:
        inner = inner.exceptions[0]
    match inner:
        case DocumentError():
            return document_failure(inner)
        case ListenError() | StoreError() | TokenFileError() | ToolError():
            return Failure(str(inner))
        case _:
            raise error


def document_failure(error: DocumentError) -> Failure:
    """Show the errors of a document, one line each."""
    rows = [error, *error.others]
    lines = [str(row) for row in rows[:ERRORS_SHOWN_MAX]]
    if len(rows) > ERRORS_SHOWN_MAX:
        lines.append(f"… and {len(rows) - ERRORS_SHOWN_MAX} more")
    return Failure("\nError: ".join(lines))
