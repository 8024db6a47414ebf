"""``agent-gate explain``: what the policy decides about a request, which rule does, and why."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from agentgate_cli.arguments import read_args
from agentgate_cli.beside import PERSON
from agentgate_cli.exits import Exit
from agentgate_cli.offline import config_option, load_or_fail, permissions_option
from agentgate_cli.remote import Remote, connected, insecure_option, remote_of, run_remote
from agentgate_cli.serve import DEFAULT_CONFIG, document_failure, start_failure
from agentgate_cli.style import bad, bold, good, note, say, say_json, warn
from agentgate_cli.text import printable

if TYPE_CHECKING:
    from agentgate_proto.records.request import Effects
    from agentgate_server.policy import Policy
    from agentgate_server.policy.explaining import Explanation
    from agentgate_server.policy.meanings import Meaning
    from agentgate_server.secrets.masking import Masker
    from agentgate_server.tools.catalogue import Catalogue

STYLES = {"allow": good, "deny": bad, "ask": warn}

ONLY_AGENT = "agent"
"""Whom ``agent.token`` stands for."""


@click.command()
@click.argument("tool")
@click.argument("pairs", metavar="[KEY=VALUE]...", nargs=-1)
@click.option(
    "--args",
    "args_text",
    metavar="JSON",
    help="Arguments as one JSON object; - reads it from standard input.",
)
@click.option("--agent", metavar="NAME", help="Who asks.  [default: the first agent]")
@click.option(
    "--effects",
    type=click.Choice(["read", "write"]),
    help="What the tool does, if it is none of this gateway's.  [default: write]",
)
@config_option
@permissions_option
@click.option("--url", help="Ask the gateway that runs there, as an approver or operator.")
@click.option("--token", envvar="AGENT_GATE_TOKEN", help="Your token, with --url.")
@click.option("--ca-file", type=click.Path(path_type=Path), help="As for 'agent-gate call'.")
@insecure_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def explain(
    tool: str,
    pairs: tuple[str, ...],
    args_text: str | None,
    agent: str | None,
    effects: str | None,
    config_file: Path,
    permissions: Path | None,
    url: str | None,
    token: str | None,
    ca_file: Path | None,
    insecure: bool | None,
    as_json: bool,
) -> int:
    """Say what the policy decides if an agent asks for TOOL, and why the other rules do not.

    Nothing runs and nothing is counted. A VALUE is read as 'agent-gate call' reads it. With --url
    the gateway that runs there is asked, which knows the house and what MCP servers offer; without
    it files are read, and Home Assistant is not asked.

    \b
    Examples:
      agent-gate explain ha_call_service domain=lock service=unlock entity_id=lock.front
      agent-gate explain pay to=baker amount=12 --agent garden --permissions new.yaml
    """
    args = read_args(args_text, pairs)
    if url is not None:
        given = {"url": url, "token": token, "ca_file": ca_file, "insecure": insecure}
        remote = remote_of(given | {"retries": 0}, PERSON)
        return run_remote(partial(ask_gateway, remote, tool, args, agent or "", as_json=as_json))
    files = read_files(config_file, permissions)
    found = files.policy.explain(
        agent=agent or files.agent,
        tool=tool,
        effects=files.effects_of(tool, effects),
        args=args,
        now=time.time(),
        meaning=files.meaning_of(tool, args),
        display=files.display,
    )
    if as_json:
        say_json(document_of(found, files.file))
    else:
        show(found, files.file)
        if found.decision.why and files.policy.asks_nobody:
            say("  Home Assistant was not asked: --url asks a gateway that knows the house")
    return Exit.OK


async def ask_gateway(
    remote: Remote, tool: str, args: dict[str, Any], agent: str, *, as_json: bool
) -> int:
    """Let the gateway that runs explain it."""
    from agentgate_client import ApprovalsClient

    async with connected(ApprovalsClient, remote) as client:
        found = await client.explain(tool, args, agent=agent)
    if as_json:
        say_json(found)
        return Exit.OK
    word = bold(STYLES[found.decision](found.decision))
    said = f": {printable(found.description)}" if found.description else ""
    say(f"{word}  {printable(found.rule)}{said}  (for {printable(found.agent)})")
    show_more(found.doubts, found.approvers, found.rule, found.clock, found.gets, code=found.code)
    for reason in found.reasons:
        say(f"  {printable(reason)}")
    return Exit.OK


@dataclass(frozen=True, slots=True)
class Files:
    """What is needed to explain.

    Attributes:
        policy, file: the policy, and where it stands.
        catalogue: the tools, or None where only a policy was named.
        agent: who asks unless somebody is named.
        masker: hides the secrets of a request that is shown.
    """

    policy: Policy
    file: Path
    catalogue: Catalogue | None
    agent: str
    masker: Masker

    def display(self, tool: str, args: Mapping[str, Any]) -> str:
        """Show a request as people see it elsewhere, in a line."""
        from agentgate_server.policy import display_of

        # What a tool gets need not be JSON.
        shown = self.masker.shown(msgspec.json.encode(args, enc_hook=repr))
        return display_of(tool, msgspec.json.decode(shown))

    def effects_of(self, name: str, given: str | None) -> Effects:
        """Return what a tool does; say so if there is none of this name."""
        from agentgate_proto.records.request import Effects
        from agentgate_server.documents.errors import did_you_mean

        known = None if self.catalogue is None else self.catalogue.get(name)
        if known is not None and given is None:
            return known.effects
        if known is None and self.catalogue is not None:
            hint = did_you_mean(name, self.catalogue.names)
            note(warn(f"warning: this gateway has no tool {printable(name)}{hint}"))
        return Effects(given or Effects.WRITE)

    def meaning_of(self, name: str, args: dict[str, Any]) -> Meaning:
        """Return what says what a tool gets; say so if it would not take these arguments."""
        from agentgate_server.errors import ArgumentError
        from agentgate_server.policy.meanings import as_written

        if self.catalogue is None:
            return as_written
        known = self.catalogue.get(name)
        try:
            if known is not None:
                known.check(args)
        except ArgumentError as error:
            text = "the gateway refuses these arguments before it asks the policy"
            note(warn(f"warning: {text}: {printable(str(error))}"))
        return self.catalogue.lenient_meaning_of(name)


def read_files(config_file: Path, permissions: Path | None) -> Files:
    """Read the policy, and the tools and agents if there is a configuration.

    Raises:
        Failure: something can't be used.
    """
    from agentgate_proto.principal import Role
    from agentgate_server.assembly import catalogue_of, policy_of
    from agentgate_server.backing import backing_of
    from agentgate_server.documents import DocumentError
    from agentgate_server.policy import Policy
    from agentgate_server.secrets.masking import Masker

    if permissions is not None and config_file == DEFAULT_CONFIG and not config_file.exists():
        try:
            return Files(Policy.load(permissions), permissions, None, ONLY_AGENT, Masker())
        except DocumentError as error:
            raise document_failure(error) from None
    config = load_or_fail(config_file, permissions)
    try:
        policy, catalogue = policy_of(config), catalogue_of(config)
        backing = backing_of(config, Masker(config.secrets))
        if backing is not None:
            catalogue = backing.join(catalogue)  # what is accepted of them: none is started
    except Exception as error:
        raise start_failure(error) from None
    principals = (identity.principal for identity in config.identities)
    agents = [each.name for each in principals if each.role is Role.AGENT]
    agent = agents[0] if agents else ONLY_AGENT
    return Files(policy, config.permissions, catalogue, agent, Masker(config.secrets))


def document_of(found: Explanation, file: Path) -> dict[str, Any]:
    """Make the JSON."""
    return {
        "decision": found.decision.action,
        "rule": found.decision.rule,
        "file": str(file) if found.line else None,
        "line": found.line or None,
        "gets": found.gets or None,
        "doubts": list(found.decision.why),
        "approvers": found.decision.approvers,
        "code": found.decision.code,
        "clock": found.clock or None,
        "reasons": [str(reason) for reason in found.reasons],
    }


def show(found: Explanation, file: Path) -> None:
    """Print it for a person."""
    decision = found.decision
    word = bold(STYLES[decision.action](decision.action))
    place = f"{file}:{found.line}" if found.line else "no rule matches"
    said = f": {printable(decision.description)}" if found.line and decision.description else ""
    say(f"{word}  {place}{said}")
    demands = decision.approvers, decision.rule, found.clock, found.gets
    show_more(decision.why, *demands, code=decision.code)
    for reason in found.reasons:
        say(f"  {reason.rule} ({reason.action}) {printable(reason.text)}")


def show_more(
    doubts: Iterable[str], approvers: int, rule: str, clock: str, gets: str, *, code: bool
) -> None:
    """Print what there is to say of a decision besides its rule."""
    for doubt in doubts:
        say(f"  because {printable(doubt)}")
    if approvers > 1 or code:
        people = f"{approvers} people" if approvers > 1 else "one person"
        with_code = ", each with a one-time code" if code else ""
        say(f"  takes {people}{with_code} ({printable(rule)})")
    if clock:
        say(f"  its hours were judged at {printable(clock)}")
    if gets:
        say(f"  the tool gets {printable(gets)}")
