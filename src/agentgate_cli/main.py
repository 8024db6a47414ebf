"""``agent-gate``: the commands, each loaded only when it is used, and how a run ends."""

from __future__ import annotations

import errno
import os
import sys
from io import TextIOWrapper
from typing import Any

import click
from click.shell_completion import CompletionItem

from agentgate_cli.exits import Exit, Failure
from agentgate_cli.lazy import LazyGroup
from agentgate_cli.style import drop_output, note

SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "A gateway": {
        "serve": ("agentgate_cli.serve:serve", "Run the gateway (what agent-gate alone does)."),
        "health": ("agentgate_cli.health:health", "Ask a gateway whether it is well."),
        "init": ("agentgate_cli.init:init", "Write a first configuration, ready to serve."),
        "check": ("agentgate_cli.check:check", "Find mistakes in configuration and policy."),
        "doctor": ("agentgate_cli.doctor.command:doctor", "Try all of it, and say what to do."),
        "schema": ("agentgate_cli.schema:schema", "Print what editors need to know of a file."),
        "explain": ("agentgate_cli.explain:explain", "Say what the policy decides, and why."),
        "replay": ("agentgate_cli.replay:replay", "Show what a new policy would change."),
        "reload": ("agentgate_cli.reload:reload", "Let a gateway read its policy anew."),
        "upstreams": ("agentgate_cli.upstreams:upstreams", "Show the gateways behind a gateway."),
        "demo": ("agentgate_cli.demo.command:demo", "Show all of it, in a make-believe house."),
        "audit": ("agentgate_cli.audit:audit", "Look back, and see that nothing was changed."),
        "backup": ("agentgate_cli.backup:backup", "Copy a gateway's memory while it runs."),
        "restore": ("agentgate_cli.backup:restore", "Put a backup in its place."),
        "conformance": (
            "agentgate_cli.conformance.command:conformance",
            "Test a gateway or a client by the protocol.",
        ),
        "token": ("agentgate_cli.token:token", "Make, list and revoke tokens."),
        "agents": ("agentgate_cli.agents:agents", "List named agents, and hash their passwords."),
    },
    "As a person": {
        "approvals": ("agentgate_cli.approvals:approvals", "See and answer what waits for you."),
        "grants": ("agentgate_cli.grants:grants", "See and end approvals that cover more."),
    },
    "With a model": {
        "chat": ("agentgate_cli.chat.command:chat", "Talk to a model; its tools go through."),
        "sessions": ("agentgate_cli.sessions:sessions", "See and end conversations."),
        "acp": ("agentgate_cli.acp.command:acp", "Be an agent for an editor (ACP)."),
        "inspect": ("agentgate_cli.inspect:inspect", "Show what a model would be sent."),
        "usage": ("agentgate_cli.usage:usage", "Show what models took, and what is left."),
    },
    "As an agent": {
        "call": ("agentgate_cli.call:call", "Ask for a tool, and print its result."),
        "tools": ("agentgate_cli.tools:tools", "List what may be asked for."),
        "pending": ("agentgate_cli.pending:pending", "List requests that are not over yet."),
        "edge": ("agentgate_cli.edge.command:edge", "Connect a small device to its agent."),
        "mcp": ("agentgate_cli.mcp.command:mcp", "Be an MCP server in front of a gateway."),
    },
}
"""Where each command is, and its line in the help. Importing a command's module costs time, and
``serve`` must listen at once."""

COMMANDS = {name: row for section in SECTIONS.values() for name, row in section.items()}

OUTPUT_ERRORS = frozenset({errno.ENOSPC, errno.EIO, errno.EDQUOT})
"""What happens to output besides a closed pipe, which click sees to."""

NOT_SERVE = frozenset({"--help", "-h", "--version", "-V"})
"""Options of ``agent-gate`` itself; any other makes it ``agent-gate serve``."""

WORDS = {"help": "--help", "version": "--version"}
"""What other programs have as commands."""


class Program(LazyGroup):
    """The group of all commands."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the command line; without a command it is ``serve``'s."""
        if args and args[0] in WORDS:
            args = [*args[1:], WORDS[args[0]]]
        elif is_for_serve(args) and (args or not ctx.resilient_parsing):
            args = ["serve", *args]  # while it is being typed, the first word may become any
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the first word: a command, or an option, which may be one of ``serve``'s."""
        items = super().shell_complete(ctx, incomplete)
        if incomplete.startswith("-"):
            serve = self.get_command(ctx, "serve")
            assert serve is not None
            with serve.make_context("serve", [], parent=ctx, resilient_parsing=True) as inner:
                items += serve.shell_complete(inner, incomplete)
        return list({item.value: item for item in items}.values())


def is_for_serve(args: list[str]) -> bool:
    """Whether a command line begins with no command."""
    return not args or (args[0].startswith("-") and args[0] not in NOT_SERVE)


def print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    """Print the version and end."""
    if wanted and not ctx.resilient_parsing:
        from agentgate_server.version import VERSION

        click.echo(f"agent-gate {VERSION}")
        ctx.exit()


@click.group(
    cls=Program,
    sections=SECTIONS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 denied or failed, 2 expired, 3 no gateway, 4 usage, 5 tool "
    "failed. 'agent-gate COMMAND --help' says more.",
)
@click.option(
    "-V",
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=print_version,
    help="Print the version.",
)
def cli() -> None:
    """A gate between agents and the world: policy, people, and tools that run once.

    Without a command it serves: 'agent-gate --config config.yaml'.
    """


def run(args: list[str] | None = None) -> int:
    """Run a command line; return the exit code. Errors are one line on standard error."""
    try:
        code: Any = cli.main(args, prog_name="agent-gate", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        return Exit.USAGE
    except Failure as error:
        error.show()
        return error.code
    except OSError as error:
        if error.errno not in OUTPUT_ERRORS:
            raise
        drop_output()
        note(f"Error: the output can't be written: {error.strerror}")
        return Exit.DENIED
    except click.Abort:  # what click makes of KeyboardInterrupt and of the end of input
        return Exit.INTERRUPTED
    return code if isinstance(code, int) else Exit.OK


def fill_standard_descriptors() -> None:
    """Open /dev/null for standard input, output or error that were closed: else the next file or
    socket takes their number, and whoever writes to standard error writes into it."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDONLY if mode == "r" else os.O_WRONLY)
            if opened != number:  # a lower one was closed by somebody else meanwhile
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def main() -> None:
    """Run this process's command line, and end it."""
    fill_standard_descriptors()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal that can't show a letter must not end us
            stream.reconfigure(errors="backslashreplace")
    try:
        code = run()
    except KeyboardInterrupt:
        code = Exit.INTERRUPTED
    sys.exit(int(code))
