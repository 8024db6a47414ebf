"""Sessions without a server: a gateway in this process, and our own client to it (seed 003).

Theory of operation. The gateway is the real one: policy, ledger, store, audit. It listens on a port
of the loopback interface that nobody knows, and takes one token, which is made for this occasion
and never leaves the process. It lives in a task of the event loop itself, since it may be started
in one task of the user's and closed in another.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import secrets
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import msgspec

from agentgate_client import AgentGateClient
from agentgate_client.background import spawn
from agentgate_client.options import ClientOptions
from agentgate_client.session_gateway import (
    ClientSessions,
    RemoteSessions,
    SessionGateway,
)
from agentgate_proto.principal import Principal, Role
from agentgate_server.config import Config, FacesConfig, config_from_dict, load_config
from agentgate_server.config.texts import Host
from agentgate_server.gateway import Gateway
from agentgate_server.identity.tokens import Identity, hash_token
from agentgate_server.policy import Policy
from agentgate_server.tools.tool import Tool

AGENT = "local"
"""The principal whose the sessions are, where the configuration names no agent."""

POLICY = "defaults: [{pattern: '*', action: ask}]"
"""Without a configuration: nothing that nobody has allowed."""

TOKEN_BYTES = 32

log = logging.getLogger(__name__)

Tools = Iterable[Tool | Callable[..., Any]]


class LocalSessions(ClientSessions):
    """Sessions of a gateway in this process.

    Args:
        config: a ``config.yaml``, or a configuration; its models, tools, policy and store are used,
            its principals, faces and listener are not. None: the model ``rehearsal``, and a store
            that is gone afterwards.
        tools: tools given in code, besides.
        policy: instead of the configuration's.
        approver: the name of a person of this process, who may answer approvals with
            ``approver_token``; "": there is none.

    Attributes:
        url: where the gateway listens, once it has started.
        token, approver_token: secrets of the agent and of the person, good only there.

    What can't be used, the configuration, the store or a tool, is raised when it starts, as
    :class:`agentgate_server.gateway.Gateway` does.
    """

    def __init__(
        self,
        config: Config | Path | str | None = None,
        *,
        tools: Tools = (),
        policy: Policy | None = None,
        approver: str = "",
    ) -> None:
        self.url = ""
        self.token = secrets.token_urlsafe(TOKEN_BYTES)
        self.approver_token = secrets.token_urlsafe(TOKEN_BYTES) if approver else ""
        self._config = config
        self._tools = tuple(tools)
        self._policy = policy
        self._approver = approver
        self._client: AgentGateClient | None = None
        self._opening = anyio.Lock()
        self._life: Life | None = None

    async def ready(self) -> AgentGateClient:
        """See :class:`ClientSessions`: start the gateway, unless that is done."""
        async with self._opening:
            if self._client is None:
                self._life = life = Life(self._gateway_in)
                try:
                    self.url = await life.begin()
                    client = AgentGateClient(self.url, self.token)
                    await client.connect()
                except BaseException:
                    await life.end()
                    raise
                self._client = client
        return self._client

    async def close(self) -> None:
        """Stop the gateway: runs that are under way are interrupted, and can be read later."""
        async with self._opening:
            client, self._client = self._client, None
            if client is not None:
                await client.close()
            if self._life is not None:
                await self._life.end()
                self._life = None

    def _gateway_in(self, folder: Path) -> Gateway:
        """Make the gateway; ``folder`` is its own, and empty."""
        config, policy = self._config, self._policy
        if config is None:
            data = {"storage": {"path": "gate.db"}, "agent": {"token": self.token}}
            config = config_from_dict(data, folder=folder, name="in process")
            policy = policy or Policy.parse(POLICY, name="in process")
        elif not isinstance(config, Config):
            config = load_config(Path(config), environment=os.environ)
        agents = [e.principal.name for e in config.identities if e.principal.role is Role.AGENT]
        name = agents[0] if agents and self._config is not None else AGENT
        identities = [Identity(Principal(name=name, role=Role.AGENT), hash_token(self.token))]
        if self._approver:
            person = Principal(name=self._approver, role=Role.APPROVER)
            identities.append(Identity(person, hash_token(self.approver_token)))
        listener = msgspec.structs.replace(
            config.gateway, host=Host("127.0.0.1"), port=0, tls=None, insecure=False
        )
        config = dataclasses.replace(
            config,
            gateway=listener,
            identities=tuple(identities),
            totp={},
            tokens=folder / "tokens.json",
            faces=FacesConfig(),
        )
        return Gateway(config, tools=self._tools, policy=policy)


class Life:
    """The time for which the gateway runs, in a task of its own.

    Args:
        make: makes the gateway, for a folder that is gone afterwards.
    """

    def __init__(self, make: Callable[[Path], Gateway]) -> None:
        self._make = make
        self._begun = anyio.Event()
        self._ending = anyio.Event()
        self._over = anyio.Event()
        self._url = ""
        self._error: Exception | None = None
        self._spawned = False

    async def begin(self) -> str:
        """Start the gateway; return where it listens. Raises what starting it raises."""
        self._spawned = True
        spawn(self._run, "agentgate in process")
        await self._begun.wait()
        if self._error is not None:
            raise self._error
        return self._url

    async def end(self) -> None:
        """Stop it; return when nothing is left."""
        self._ending.set()
        if self._spawned:
            with anyio.CancelScope(shield=True):
                await self._over.wait()

    async def _run(self) -> None:
        try:
            folder = await anyio.to_thread.run_sync(tempfile.TemporaryDirectory)
            try:
                async with self._make(Path(folder.name)) as gateway:
                    self._url = gateway.url
                    self._begun.set()
                    await self._ending.wait()
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(folder.cleanup)
        except Exception as error:
            if self._begun.is_set():
                log.exception("the gateway in this process failed")
            self._error = error
        finally:
            self._begun.set()
            self._over.set()


def session_gateway(
    url: str = "",
    token: str = "",
    *,
    config: Config | Path | str | None = None,
    tools: Tools = (),
    **options: Any,
) -> SessionGateway:
    """Return the gateway at ``url``, or, if there is none, one in this process.

    Args:
        url, token: of a gateway; see :class:`RemoteSessions`, which also takes ``options``.
        config, tools: without a ``url``; see :class:`LocalSessions`.
    """
    if url:
        remote: ClientOptions = {**options}  # type: ignore[typeddict-item]
        return RemoteSessions(url, token, **remote)
    return LocalSessions(config, tools=tools)
