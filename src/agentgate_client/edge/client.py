"""The edge client: a device's line to its agent, which may break at any moment (seed 000)."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import anyio
from anyio.abc import TaskGroup

from agentgate_client.client import AgentGateClient
from agentgate_client.edge.asked import Asked, Follow
from agentgate_client.edge.asking import CLIENT_ID_CHARS_MAX, Asking
from agentgate_client.edge.channels import CHANNEL_BYTES_MAX, CHANNEL_S, Channel, Channels, Source
from agentgate_client.edge.handlers import HANDLER_S, Handler, HandlerFailed, Handlers, Kind
from agentgate_client.edge.health import Answered, AnswerEvent, EdgeHealth
from agentgate_client.edge.keeping import Keeper
from agentgate_client.providing import Tool, as_tools
from agentgate_client.tls import FilePath
from agentgate_proto.client.events import ClientState, Refusal, StateChanged
from agentgate_proto.client.prompts import (
    PROMPTS_BYTES_MAX,
    PROMPTS_MAX,
    Answer,
    Finished,
    Prompt,
    WhenFull,
)
from agentgate_proto.client.session_feed import Event
from agentgate_proto.connection.base import NO_LIFE, TAKEN_OVER
from agentgate_proto.errors import (
    AgentGateConnectionError,
    AgentGateError,
    ErrorCode,
    exception_for,
)
from agentgate_proto.quotas.news import News

log = logging.getLogger("agentgate_client")

RETRY_S = 60.0
"""From one attempt to the next where the gateway has refused us: a wrong token may be set right at
the other end, and nobody stands beside the device to start it again."""


class EdgeClient:
    """A device: it asks, acts on answers, and provides its data.

    ``async with EdgeClient(url, token, spool="prompts.spool") as edge:`` returns at once, connected
    or not; the connection comes and goes by itself. Works on asyncio and on trio.

    Args:
        url: ``wss://host:port``, or ``ws://``.
        token: an agent's secret; each device has its own.
        spool: a file in which prompts are kept until they are answered and the answers acted on;
            None: they end with this process.
        client_id: the device's name at its gateway; "": that of the spool, or a fresh one.
        when_full: what to do with a prompt for which there is no room.
        prompts_max: how many are kept.
        bytes_max: how long these are, all together.
        model: for the conversation; "": the gateway's own choice.
        handler_timeout_s: how long a handler may take.
        ca_file: PEM file with the authorities to trust instead of the system's.
        options: further ones of :class:`AgentGateClient`.

    Raises:
        ValueError: an argument can't be right.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        spool: str | os.PathLike[str] | None = None,
        client_id: str = "",
        when_full: WhenFull | str = WhenFull.REFUSE,
        prompts_max: int = PROMPTS_MAX,
        bytes_max: int = PROMPTS_BYTES_MAX,
        model: str = "",
        handler_timeout_s: float = HANDLER_S,
        ca_file: FilePath | None = None,
        **options: Any,
    ) -> None:
        self._url, self._token = url, token
        self._options = {"jitter": "backoff" not in options, "ca_file": ca_file, **options}
        self._model = model
        if len(client_id) > CLIENT_ID_CHARS_MAX:
            raise ValueError(f"client_id has more than {CLIENT_ID_CHARS_MAX} characters")
        name = client_id or ("" if spool is not None else f"edge-{uuid4()}")
        self._keeper = Keeper(spool, name, WhenFull(when_full), prompts_max, bytes_max)
        self._keeper.dropped = self._dropped
        self._handlers = Handlers(handler_timeout_s)
        self._channels = Channels()
        self._provided: list[Tool] = []
        self._asked: dict[str, list[Asked]] = {}
        self._made = self._make(name or "edge")  # a wrong argument is to be told here
        self._asking: Asking | None = None
        self._tasks: TaskGroup | None = None
        self._stack = AsyncExitStack()
        self._ended = anyio.Event()  # the connection, until it is made anew
        self._connected = anyio.Event()
        self._missed_pings = 0
        self._refusal: AgentGateError | None = None
        self._not_provided: tuple[Refusal, ...] = ()  # what was refused at first

    # What the device says

    def prompt(self, text: str, *, prompt_id: str = "") -> Asked:
        """Ask something: ``async for event in edge.prompt("hi")``, or ``await …text()``.

        Args:
            text: what to ask.
            prompt_id: your own name for this prompt; the same again is the same prompt. A fresh one
                by default.
        """
        return Asked(prompt_id or str(uuid4()), lambda asked: self._keep(asked, text))

    async def send(self, text: str, *, prompt_id: str = "") -> str:
        """Ask something whose answer is for the handlers; return the prompt's id.

        Either the prompt is kept when this returns, on the disk if there is a spool, or it raises.

        Raises:
            AgentGateError: as :meth:`Asked.kept`.
        """
        return (await self.prompt(text, prompt_id=prompt_id).kept()).id

    async def cancel(self, prompt: str) -> bool:
        """Withdraw a prompt; False: it is answered, or there is none.

        Raises:
            AgentGateError: the gateway could not be asked.
        """
        kept = self._keeper.book.get(prompt)
        if kept is None or kept.answer is not None:
            return False
        run = self._asking.run_of.get(prompt) if self._asking is not None else None
        if run is not None and run.id:
            await run.cancel()
        elif not kept.session:
            error = "withdrawn before it was sent"
            code = int(ErrorCode.CANCELLED)
            answer = Answer(id=prompt, status="cancelled", error=error, code=code)
            await self._keeper.note(answer)
            self._settled(answer)
        else:
            text = "it may be under way, and the gateway can't be asked at present"
            raise exception_for(ErrorCode.CONNECTION_LOST, text)
        return True

    # What the device does

    def on(self, kind: Kind, handler: Handler) -> None:
        """Call a function, plain or async, at each local event of a kind.

        - "answer": an :class:`Answered`, when a prompt is over, well or not; once. Answers have
          their order. Only what dies in the midst of it is called again, by the next process, with
          ``again``.
        - "event": an :class:`AnswerEvent`, as the answer streams.
        - "state": a :class:`StateChanged` of the connection.
        - "error": a :class:`HandlerFailed`. What a handler raises is logged, and harms nothing
          else.
        """
        self._handlers.add(kind, handler)

    def channel(
        self,
        name: str,
        source: Source,
        *,
        timeout_s: float = CHANNEL_S,
        bytes_max: int = CHANNEL_BYTES_MAX,
    ) -> None:
        """Offer data: ``source`` returns any JSON, whenever somebody asks. A plain function is
        called in a thread."""
        self._channels.add(name, Channel(source=source, timeout_s=timeout_s, bytes_max=bytes_max))
        self._offer_soon()

    def provide(self, *tools: Tool | Callable[..., Any]) -> None:
        """Offer tools of this device, besides its channels, in place of those offered before. The
        gateway hears of them whenever there is a connection; handlers of "error" do, if it does
        not take them.

        Raises:
            ValueError: one of them can't be right.
        """
        self._provided = as_tools(tools)
        self._offer_soon()

    async def data_snapshot(self, channels: list[str] | None = None) -> dict[str, Any]:
        """Return the device's data as they are now, of some channels or of all."""
        return await self._channels.snapshot(channels or ())

    # How it stands

    @property
    def client(self) -> AgentGateClient:
        """The connection, to ask for tools and the like. Do not close it."""
        return self._made

    @property
    def client_id(self) -> str:
        """The device's name at its gateway."""
        return self._keeper.client_id

    @property
    def health(self) -> EdgeHealth:
        """How it stands with the gateway, and what waits. Never waits itself."""
        line, book = self._made.health, self._keeper.book
        return EdgeHealth(
            state=line.state,
            latency_s=line.latency_s,
            last_seen_s=line.last_seen_s,
            missed_pings=self._missed_pings,
            attempt=line.attempt,
            retry_in_s=line.retry_in_s,
            last_error=line.last_error or self._refusal,
            refused=line.refused or self._not_provided,
            prompts_waiting=book.waiting,
            answers_waiting=len(book) - book.waiting,
        )

    async def connected(self) -> None:
        """Wait until there is a connection.

        Raises:
            AgentGateError: the gateway has refused us, as with a wrong token.
        """
        while self._made.state is not ClientState.CONNECTED:
            if self._refusal is not None:
                raise self._refusal
            await self._connected.wait()

    async def _until_connected(self) -> None:
        while self._made.state is not ClientState.CONNECTED:
            await self._connected.wait()

    async def idle(self) -> None:
        """Wait until every prompt is answered, and every answer acted on."""
        while len(self._keeper.book):
            await self._keeper.changed()

    # Its life

    async def __aenter__(self) -> Self:
        """Begin.

        Raises:
            SpoolError: the spool can't be used.
        """
        await self._keeper.open()
        self._made = self._make(self._keeper.client_id)
        self._asking = Asking(
            self._keeper,
            self._made,
            self._model,
            self._started,
            self._event,
            self._settled,
            self._until_connected,
        )
        self._stack.push_async_callback(self._keeper.close)
        try:
            self._tasks = await self._stack.enter_async_context(anyio.create_task_group())
            self._tasks.start_soon(self._stay_connected)
            self._tasks.start_soon(self._asking.run)
            self._tasks.start_soon(self._hand_over)
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End: what is kept in a spool goes on with the next process."""
        tasks, self._tasks = self._tasks, None
        assert tasks is not None, "it was entered"
        tasks.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await self._made.close()
        if exc_type is not None and issubclass(exc_type, anyio.get_cancelled_exc_class()):
            await self._stack.__aexit__(exc_type, exc, traceback)
        else:  # what the caller's block has raised is no concern of our tasks
            await self._stack.__aexit__(None, None, None)

    def _make(self, client_id: str) -> AgentGateClient:
        return AgentGateClient(
            self._url,
            self._token,
            client_id=client_id,
            on_state=self._state_changed,
            **self._options,
        )

    async def _stay_connected(self) -> None:
        news = News()
        while True:
            self._ended = anyio.Event()
            try:
                await self._made.connect()
                self._offer_soon()
                if (after := news.well(anyio.current_time())) is not None:
                    log.warning("the gateway takes this device again%s", after)
                await self._ended.wait()
                error = self._made.health.last_error
            except AgentGateError as refused:
                error = refused
            self._refusal = error
            self._connected.set()
            self._connected = anyio.Event()
            if error is not None and f"({TAKEN_OVER})" in error.message:
                log.error("another device has this one's name: %s", error.message)
                return
            text = error.message if error is not None else "the connection is closed"
            if (more := news.failed(text, anyio.current_time())) is not None:
                text = f"the gateway refuses this device: {text}"
                log.error("%s; again every %g s%s", text, RETRY_S, more)
            await anyio.sleep(RETRY_S)

    def _offer_soon(self) -> None:
        is_connected = self._made.state is ClientState.CONNECTED
        if self._tasks is not None and is_connected and (self._provided or self._channels.names):
            self._tasks.start_soon(self._offer)

    async def _offer(self) -> None:
        """Tell the gateway what this device provides; the client tells each further connection."""
        snapshot = [self._channels.tool()] if self._channels.names else []
        try:
            await self._made.provide(*snapshot, *self._provided)
            self._not_provided = ()
        except AgentGateConnectionError:
            return  # the client was closed: there is another time
        except AgentGateError as error:
            self._not_provided = (Refusal("tools.provide", error),)
            log.error("the gateway does not take what this device provides: %s", error.message)
            await self._handlers.tell("error", HandlerFailed("provide", error))

    async def _hand_over(self) -> None:
        """Let the handlers act on answers, one after the other."""
        while True:
            prompt = self._keeper.book.answered()
            if prompt is None:
                await self._keeper.changed()
                continue
            assert prompt.answer is not None, "it was looked for by that"
            answered = Answered(prompt.text, prompt.answer, prompt.at, prompt.again)
            await self._handlers.tell("answer", answered)
            await self._keeper.note(Finished(id=prompt.id))

    # What others tell

    async def _keep(self, asked: Asked, text: str) -> None:
        """Keep a prompt; whoever asks for one that is there already waits for the same answer."""
        waiting = self._asked.setdefault(asked.id, [])
        waiting.append(asked)
        try:
            is_new = await self._keeper.put(asked.id, text)
        except BaseException:
            waiting.remove(asked)
            raise
        kept = self._keeper.book.get(asked.id)
        if kept is None and not is_new:
            over = "this prompt was answered before, and the answer acted on"
            asked.settled(Answer(id=asked.id, status="unknown", error=over))
        elif kept is not None and kept.answer is not None:
            asked.settled(kept.answer)

    def _started(self, prompt: str, follow: Follow) -> None:
        for asked in self._asked.get(prompt, ()):
            asked.started(follow)

    def _settled(self, answer: Answer) -> None:
        for asked in self._asked.pop(answer.id, ()):
            asked.settled(answer)

    def _dropped(self, prompt: Prompt, answer: Answer) -> None:
        self._settled(answer)
        if self._tasks is not None:
            answered = Answered(prompt.text, answer, prompt.at, again=False)
            self._tasks.start_soon(self._handlers.tell, "answer", answered)

    async def _event(self, prompt: str, event: Event) -> None:
        if self._handlers.has("event"):
            await self._handlers.tell("event", AnswerEvent(prompt, event))

    def _state_changed(self, change: StateChanged) -> None:
        if change.error is not None and NO_LIFE in change.error.message:
            self._missed_pings += 1
        if change.state is ClientState.CONNECTED:
            self._missed_pings, self._refusal = 0, None
            self._connected.set()
            self._connected = anyio.Event()
        elif change.state is ClientState.CLOSED:
            self._ended.set()
        if self._tasks is not None and self._handlers.has("state"):
            self._tasks.start_soon(self._handlers.tell, "state", change)
