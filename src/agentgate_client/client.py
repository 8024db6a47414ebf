"""The SDK of an agent: ask for tools through the gateway (seed 001, FR1 to FR7)."""

from __future__ import annotations

import enum
import ssl
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Literal
from uuid import uuid4

import msgspec

from agentgate_client.agents import Agents
from agentgate_client.checks import check_join_s, check_name, check_timeout, check_why
from agentgate_client.driver import OnAnswer
from agentgate_client.endpoint import make_endpoint
from agentgate_client.lifecycle import Client, OnState, call_back, check_callback, make_backoff
from agentgate_client.offering import Providing
from agentgate_client.options import OnWaiting
from agentgate_client.outcomes import CallResult, result_of
from agentgate_client.providing import Tool, as_tools
from agentgate_client.rows import row_of, rows_in
from agentgate_client.sessions import Sessions
from agentgate_client.tls import FilePath
from agentgate_client.waiting import until_there_is_room
from agentgate_proto.client.backoff import Backoff
from agentgate_proto.client.events import ClientState, Settled, StateChanged
from agentgate_proto.errors import ErrorCode, exception_for
from agentgate_proto.limits import CLIENT_LIMITS, Limits
from agentgate_proto.rpc.messages import (
    GetPendingResults,
    ListRequests,
    ListTools,
    RequestWaiting,
)
from agentgate_proto.rpc.session_methods import SessionEvents


class Unset(enum.Enum):
    """Says that an argument was left out, where None means something."""

    DEFAULT = "the client's default"


DEFAULT: Final = Unset.DEFAULT

TimeoutS = float | None | Literal[Unset.DEFAULT]


class OutgoingRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``ToolRequest`` as seed 001 writes it: always with ``args``, and with nothing else that was
    not given."""

    tool: str
    args: dict[str, Any]
    idempotency_key: str = ""
    join_s: float = 0.0
    why: str = ""


class AgentGateClient(Client):
    """An agent's connection to its gateway.

    Use it as ``async with AgentGateClient(url, token) as gw``, or with ``connect()`` and
    ``close()``. It works on asyncio and on trio, in the event loop where it was connected; any
    number of tasks may make calls at the same time. A connection that breaks is made again, calls
    wait meanwhile, and each call ends exactly once: with the tool's result or with an error.

    Args:
        url: ``ws://host:port`` or ``wss://host:port``.
        token: the agent's secret.
        max_retries: how often to try again, in a row, before giving up; None: without end.
        client_id: a stable name, if outcomes are to be found again after this process has ended.
            One client with this name can be connected at a time. Without it each instance gets a
            fresh random one.
        timeout_s: how long a call waits unless it says otherwise; None: as long as it takes. It
            should be longer than people need to decide.
        ca_file: PEM file with the authorities to trust instead of the system's.
        cert_file: PEM file with a client certificate.
        key_file: PEM file with its key, if that is not in ``cert_file``.
        ssl_context: instead of the three files.
        headers: further headers for the opening request, for a proxy on the way.
        proxy: the URL of an HTTP proxy that makes tunnels (``CONNECT``), as in
            ``http://user:password@proxy.example:3128``; "": none, whatever the environment says;
            None: ``HTTPS_PROXY`` for ``wss://``, ``HTTP_PROXY`` for ``ws://``, ``ALL_PROXY``, but
            for hosts in ``NO_PROXY`` and for this machine.
        insecure: with ``ws://`` the token may go to another machine in clear text; None: if
            ``AGENT_GATE_INSECURE`` is 1.
        on_state: called with each :class:`StateChanged`.
        on_waiting: called with a :class:`RequestWaiting` when a person is asked about a call.
        jitter: draw each pause between attempts at random from 0 to its full length, so that many
            clients do not come back at once.
        backoff: another schedule; then without ``max_retries`` and ``jitter``.
        wait_for_limits: a call that the gateway refuses for now (-32006 with a time) is made again
            when it says, as long as the call's ``timeout_s`` allows; else it raises RateLimited.
        limits: caps and times of a connection.

    Callbacks are plain functions, called in the event loop; they must not wait. What they raise is
    logged.

    Raises:
        ValueError: the URL, a file, a header or another argument can't be right.
    """

    def __init__(
        self,
        url: str,
        token: str,
        max_retries: int | None = None,
        *,
        client_id: str | None = None,
        timeout_s: float | None = None,
        ca_file: FilePath | None = None,
        cert_file: FilePath | None = None,
        key_file: FilePath | None = None,
        ssl_context: ssl.SSLContext | None = None,
        headers: Mapping[str, str] | None = None,
        proxy: str | None = None,
        insecure: bool | None = None,
        on_state: OnState | None = None,
        on_waiting: OnWaiting | None = None,
        jitter: bool = False,
        backoff: Backoff | None = None,
        wait_for_limits: bool = False,
        limits: Limits = CLIENT_LIMITS,
    ) -> None:
        check_callback("on_waiting", on_waiting)
        endpoint = make_endpoint(
            url=url,
            token=token,
            client_id=str(uuid4()) if client_id is None else client_id,
            progress=on_waiting is not None,
            ca_file=ca_file,
            cert_file=cert_file,
            key_file=key_file,
            ssl_context=ssl_context,
            headers=headers,
            limits=limits,
            proxy=proxy,
            insecure=insecure,
        )
        super().__init__(endpoint, make_backoff(max_retries, jitter, backoff), on_state)
        self._timeout_s = check_timeout(timeout_s)
        self._on_waiting = on_waiting
        self._wait_for_limits = wait_for_limits
        self._sessions: Sessions | None = None
        self._agents: Agents | None = None
        self._providing = Providing(self._driver)

    @property
    def sessions(self) -> Sessions:
        """Conversations with a model."""
        if self._sessions is None:
            self._sessions = Sessions(self._driver)
        return self._sessions

    @property
    def agents(self) -> Agents:
        """Named agents, for tokens of role ``console`` or ``relay``."""
        if self._agents is None:
            self._agents = Agents(self._driver, self.sessions)
        return self._agents

    @property
    def client_id(self) -> str:
        """The name under which the gateway knows this client's requests."""
        return self._driver.endpoint.auth.client_id

    async def tool_request(self, tool: str, /, **args: Any) -> Any:
        """Ask for a tool and return its result; ``call`` with the arguments written out.

        Every keyword is an argument of the tool.
        """
        return await self.call(tool, args)

    async def call(
        self,
        tool: str,
        args: Mapping[str, Any] | None = None,
        *,
        timeout_s: TimeoutS = DEFAULT,
        idempotency_key: str = "",
        join_s: float = 0.0,
        why: str = "",
    ) -> Any:
        """Ask for a tool and return its result. ``ask`` returns what a person said with it, too.

        While the client is not connected the call waits, and goes out afterwards. If the caller's
        task is cancelled, the request is withdrawn at the gateway: a waiting approval disappears,
        and a tool that has not started yet will not run.

        Args:
            tool: name of the tool.
            args: its arguments: what JSON can say. They are encoded at once, and may be changed
                afterwards.
            timeout_s: how long to wait; None: as long as it takes. Afterwards the request is
                withdrawn, and the error says what became of it.
            idempotency_key: your own name for this very act: a second call with the same key and
                content gets the first one's outcome, and runs nothing.
            join_s: this may be a repeat: an identical call of this agent, by whatever client, that
                is under way or ended at most so many seconds ago is this one. What was executed and
                writes is not run again then, and nobody is asked again for what they have denied.
                0 to 3,600; it says nothing beside a key.
            why: why you ask, for the person who may be asked about it: a sentence or two, shown as
                your own words. No rule looks at it.

        Returns:
            The tool's result, as decoded JSON.

        Raises:
            AgentGateDenied: a rule (DeniedByPolicy) or a person (DeniedByPerson) said no; the tool
                did not run.
            AgentGateTimeout: nobody decided in time (ApprovalExpired), or ``timeout_s`` passed
                (RequestCancelled).
            ToolFailed: the tool failed, in its own words; UnknownTool: there is none of that name.
            OutcomeUnknown: the tool may or may not have run.
            InvalidArguments: they don't fit the tool, or are no JSON.
            LimitExceeded: there is no room (RateLimited: for now), or it is TooLarge.
            AgentGateConnectionError: the client is not connected, was closed, or has given up.
            AgentGateError: anything else; it is the base of all these, and its ``word`` is what a
                person said.
            TypeError, ValueError: an argument of this method can't be right.
        """
        result = await self.ask(
            tool,
            args,
            timeout_s=timeout_s,
            idempotency_key=idempotency_key,
            join_s=join_s,
            why=why,
        )
        return result.data

    async def ask(
        self,
        tool: str,
        args: Mapping[str, Any] | None = None,
        *,
        timeout_s: TimeoutS = DEFAULT,
        idempotency_key: str = "",
        join_s: float = 0.0,
        why: str = "",
    ) -> CallResult:
        """Ask for a tool as ``call`` does, and return its result with what people made of it.

        Whoever is asked may say a word with their answer, and may let the tool run with other
        arguments than these: an agent that goes on from the result should know both.

        Raises:
            AgentGateError, TypeError, ValueError: as ``call``.
        """
        request = OutgoingRequest(
            tool=check_name("tool", tool),
            args={} if args is None else dict(args),
            idempotency_key=check_name("idempotency_key", idempotency_key, optional=True),
            join_s=check_join_s(join_s),
            why=check_why(why),
        )
        return result_of(await self._settled("tool_request", request, self._patience(timeout_s)))

    async def get_pending_results(self) -> list[dict[str, Any]]:
        """Collect the outcomes that reached no waiting call: of calls that were cancelled or timed
        out, and, with a stable ``client_id``, of an earlier process.

        Calls that still wait get theirs by themselves; reconnecting sees to that.

        Returns:
            Rows ``{"request_id", "tool", "status", "resolved_at"}`` with ``"data"`` if the status
            is "executed", else with ``"error": {"code", "message"}``; and ``"joined": True`` where
            nothing was run, because an identical request had ended so at that time (``join_s``);
            with ``"word"`` and ``"edited"`` where people said or changed something.
        """
        rows = await self._ask("get_pending_results", GetPendingResults(), self._timeout_s)
        return [row_of(row) for row in rows]

    async def list_tools(self) -> list[dict[str, Any]]:
        """List the tools that this agent may ask for.

        Returns:
            Rows ``{"name", "description", "effects", "args", "decision"}``: the arguments as a
            JSON Schema, and the decision to expect: "allow", "ask", or "depends" (on the arguments,
            the hour or the rate).
        """
        result = await self._ask("list_tools", ListTools(), self._timeout_s)
        return rows_in(result, "tools")

    async def list_requests(
        self, open_only: bool = False, limit: int = 100
    ) -> list[dict[str, Any]]:
        """List this agent's requests as the gateway has them, newest first. Changes nothing.

        What is long in a row is not whole: ``row["shortened"]`` names it then, and
        ``get_request`` has it. Long lists take several calls.

        Args:
            open_only: only those that are not done, or whose outcome was not collected.
            limit: how many at most, 1 to 1000.
        """
        rows: list[dict[str, Any]] = []
        more = True
        while more and len(rows) < limit:
            before = str(rows[-1]["id"]) if rows else ""
            params = ListRequests(open_only=open_only, limit=limit - len(rows), before=before)
            result = await self._ask("list_requests", params, self._timeout_s)
            page = rows_in(result, "requests")
            rows += page
            more = bool(page) and bool(result.get("more"))
        return rows

    async def get_request(self, request: str) -> dict[str, Any]:
        """Return one of this agent's requests as the gateway has it, whole.

        Args:
            request: the ``"id"`` of its row in ``list_requests``.

        Raises:
            NotFound: there is no such request.
            LimitExceeded: it is too large for one answer.
        """
        params = ListRequests(id=request)
        result = await self._ask("list_requests", params, self._timeout_s)
        rows = rows_in(result, "requests")
        if [row.get("id") for row in rows] != [request]:
            text = "odd answer: not the request that was asked for"
            raise exception_for(ErrorCode.INTERNAL_ERROR, text)
        return rows[0]

    async def provide(self, *tools: Tool | Callable[..., Any]) -> list[str]:
        """Offer tools of this program to others, in place of those offered before.

        They are offered again on every connection, until the client is closed; without arguments
        they are withdrawn. While the client is not connected they are not to be had. Whoever may
        ask for them is what the gateway's policy says; it must know this client by a stable
        ``client_id``, if another process of it is to take its tools over.

        Args:
            tools: what to offer; of a function, ``Tool.of`` makes a tool that may write.

        Returns:
            Their names at the gateway, in the order given.

        Raises:
            AgentGateError: the gateway does not take them: it does not understand a schema
                (-32602), there are too many (-32006), or another client of the same principal
                offers one of them (-32009). Those offered before are still offered.
            ValueError: one of them can't be right.
        """
        return await self._providing.provide(as_tools(tools))

    def stand(self, method: str, params: msgspec.Struct, on_answer: OnAnswer) -> int:
        """Make a call of the protocol on every connection, before all others; return its handle.

        What is built on the client uses it for what holds for one connection alone: a login, an
        offer of tools. See :meth:`agentgate_client.driver.Driver.stand`.
        """
        return self._driver.stand(method, params, on_answer)

    def unstand(self, handle: int) -> None:
        """Make it no more, and tell no answer to it; twice is harmless."""
        self._driver.unstand(handle)

    def state_changed(self, change: StateChanged) -> None:
        """See :class:`agentgate_client.driver.Listener`."""
        super().state_changed(change)
        if self._sessions is not None:
            if change.state is ClientState.CONNECTED:
                self._sessions.reconnected()
            elif change.state is ClientState.CLOSED:
                self._sessions.closed(change.error)

    def pushed(self, params: msgspec.Struct) -> None:
        """See :class:`agentgate_client.driver.Listener`."""
        if isinstance(params, RequestWaiting):
            call_back("on_waiting", self._on_waiting, params)
        elif isinstance(params, SessionEvents) and self._sessions is not None:
            self._sessions.take(params)

    async def _ask(self, method: str, params: msgspec.Struct, timeout_s: float | None) -> Any:
        """Make a call and return its result."""
        return (await self._settled(method, params, timeout_s)).result

    async def _settled(
        self, method: str, params: msgspec.Struct, timeout_s: float | None
    ) -> Settled:
        """Make a call and return its end; see ``wait_for_limits``."""
        if not self._wait_for_limits:
            return await self._driver.settled(method, params, timeout_s)
        call = partial(self._driver.settled, method, params)
        return await until_there_is_room(call, timeout_s, self._driver.pause)

    def _patience(self, timeout_s: TimeoutS) -> float | None:
        return self._timeout_s if timeout_s is DEFAULT else check_timeout(timeout_s)
