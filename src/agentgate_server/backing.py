"""Backing: the MCP servers behind the gate, with what is accepted of them and their logins."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from agentgate_server.config import Config
from agentgate_server.documents import DocumentError
from agentgate_server.documents.errors import raise_first
from agentgate_server.gate.gate import Gate
from agentgate_server.secrets.masking import Masker
from agentgate_server.store.private_file import PrivateFileError
from agentgate_server.tools.catalogue import Catalogue
from agentgate_server.tools.dialogue import Dialogues
from agentgate_server.tools.mcp.login_file import LoginFile
from agentgate_server.tools.mcp.pins import Pins
from agentgate_server.tools.mcp.pins_file import Accepted, PinsFile, PinsFileError
from agentgate_server.tools.mcp.servers import McpServers

if TYPE_CHECKING:
    from agentgate_server.tools.mcp.form import McpServerConfig
    from agentgate_server.tools.mcp.oauth import OAuthLogin

REMEDY = "chmod o-w"


class McpBacking:
    """See the module. Join it to the catalogue, and let ``run`` run while the gateway serves.

    Args:
        config: of the gateway; it has servers.
        masker: hides secrets, and learns the tokens of logins.

    Attributes:
        servers: all of them.
        pins: what is accepted of them.
        dialogues: finds who can be asked in the midst of a call; the gate says how.

    Raises:
        DocumentError: the pins can't be used, or somebody else may say what is started.
    """

    def __init__(self, config: Config, masker: Masker) -> None:
        raise_first([DocumentError(config.name, text) for text in dangers_of(config)])
        configs = config.tools.mcp
        database = config.storage.path
        rules = {str(alias): server.pins for alias, server in configs.items()}
        self.pins = Pins(PinsFile.beside(database), rules)
        try:
            self.pins.load()
        except PinsFileError as error:
            raise DocumentError(config.name, str(error), path="tools.mcp") from None
        self.logins = {
            str(alias): login_at(str(alias), server, database, masker)
            for alias, server in configs.items()
            if server.oauth
        }
        self.dialogues = Dialogues()
        self.servers = McpServers(
            configs,
            pins=self.pins,
            masker=masker,
            dialogues=self.dialogues,
            output_bytes_max=config.tools.output_bytes_max,
            authorizers=self.logins,
        )
        self.pins.changed = self.servers.look_again

    def join(self, catalogue: Catalogue) -> Catalogue:
        """Return the catalogue with the tools of the servers."""
        self.servers.is_taken = catalogue.is_taken
        self.servers.remember({alias: self.pins.known(alias) for alias in self.servers.servers})
        return catalogue.with_live(self.servers)

    async def run(self, gate: Gate) -> None:
        """Keep the servers running, and what is accepted of them in force, until cancelled.

        Args:
            gate: what was asked of a tool ends there when that is another one, and its audit says
                who accepted which.
        """

        def told(alias: str, tool: str, now: Accepted | None) -> None:
            if now is not None:
                gate.audit.tool_accepted(alias, tool, now.hash, now.by, now.at)
            else:
                gate.audit.tool_dropped(alias, tool)

        def void() -> None:
            gate.ledger.void(self.servers.current(), gate.utc())
            gate.drain()

        self.servers.looks.append(void)
        self.pins.told = told
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.pins.run)
            tasks.start_soon(self.servers.run)

    def health(self) -> dict[str, Any]:
        """How they are, for ``/health``: without names."""
        waiting = sum(self.pins.waiting(alias) for alias in self.servers.servers)
        logins = sum(bool(each.problem) for each in self.logins.values())
        told = {"waiting_for_review": waiting, "waiting_for_login": logins}
        problem = {"pins": self.pins.problem} if self.pins.problem else {}
        return {**self.servers.health(), **{k: n for k, n in told.items() if n}, **problem}


def backing_of(config: Config, masker: Masker) -> McpBacking | None:
    """Make what stands behind a gateway; None: nothing does."""
    return McpBacking(config, masker) if config.tools.mcp else None


def login_at(alias: str, server: McpServerConfig, database: Path, masker: Masker) -> OAuthLogin:
    """Return the login at a server. Imports an HTTP client, which others may not need."""
    from agentgate_server.tools.mcp.oauth import OAuthLogin

    return OAuthLogin(alias, server, LoginFile.beside(database), masker.learn)


def commands_of(config: Config) -> Iterator[str]:
    """Say of each server exactly what is started, or where it is reached."""
    for alias, server in config.tools.mcp.items():
        if server.url is not None:
            yield f"tools.mcp.{alias} reaches {server.url.place}"
            continue
        env = f", with {', '.join(server.env)}" if server.env else ""
        yield f"tools.mcp.{alias} starts {list(server.command)} in {server.cwd}{env}"


def problems_of(config: Config) -> Iterator[str]:
    """Say what keeps servers from being started, as far as that is seen without starting one."""
    for alias, server in config.tools.mcp.items():
        place = f"tools.mcp.{alias}"
        if server.command and shutil.which(server.command[0]) is None:
            yield f"{place}.command: there is no program {server.command[0]} that can be run"
        if server.cwd is not None and not server.cwd.is_dir():
            yield f"{place}.cwd: there is no folder {server.cwd}"
    for file in (PinsFile.beside(config.storage.path), LoginFile.beside(config.storage.path)):
        try:
            if config.tools.mcp:
                file.contents()
        except PrivateFileError as error:
            yield str(error)


def todo_of(config: Config) -> Iterator[str]:
    """Say what a person has to do before all that servers offer can be used; nothing of files that
    can't be used."""
    with suppress(PrivateFileError):
        contents = PinsFile.beside(config.storage.path).contents()
        for alias, server in config.tools.mcp.items():
            found = contents.of(alias).differences()
            if waiting := sum(server.offers(each.name) for each in found):
                text = f"'agent-gate mcp review {alias}' shows what waits to be accepted"
                yield f"tools.mcp.{alias}: {text}: {waiting}"
    with suppress(PrivateFileError):
        file = LoginFile.beside(config.storage.path)
        for alias, server in config.tools.mcp.items():
            if server.oauth and file.get(alias) is None:
                yield f"tools.mcp.{alias} needs login: 'agent-gate mcp login {alias}'"


def dangers_of(config: Config) -> Iterator[str]:
    """Say why nothing may be started: somebody else may say what."""
    if not config.tools.mcp:
        return
    file = Path(config.name)
    if file.is_file() and (writable := writable_by_all(file)):
        yield f"tools.mcp: anybody can write {writable}, and so say what is started: {REMEDY}"
    for alias, server in config.tools.mcp.items():
        found = shutil.which(server.command[0]) if server.command else None
        if found and (writable := writable_by_all(Path(found))):
            yield f"tools.mcp.{alias}.command: anybody can write {writable}: {REMEDY}"


def writable_by_all(path: Path) -> Path | None:
    """Return the file, or the folder that it is in, that anybody can change; None: there is none.
    In a folder with the sticky bit nobody can replace what is not theirs."""
    real = path.resolve()
    for each in (real, real.parent):
        mode = each.stat().st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            return each
    return None
