"""Approvals within a conversation: asked where one talks, if one may answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Literal

import anyio

from agentgate_cli.chat import words
from agentgate_cli.chat.output import Output
from agentgate_cli.prompt import describe, settled
from agentgate_cli.style import bad, dim, say, warn
from agentgate_cli.terminal import SETTLE_S, SWAPPED_S, Terminal
from agentgate_cli.text import printable
from agentgate_cli.watch import whole
from agentgate_client import (
    AgentGateClient,
    AgentGateError,
    ApprovalsClient,
    ApprovalView,
    ErrorCode,
    Event,
)
from agentgate_proto.limits import CODE_CHARS_MAX
from agentgate_proto.records.session import EventKind

Answer = Literal["approve", "deny"]

QUESTION = "  approve? [y]es, [N]o: "
ANSWERS: dict[str, Answer] = {
    "y": "approve",
    "yes": "approve",
    "n": "deny",
    "no": "deny",
    "": "deny",
}

FATE_S = 2.0
"""How long it may take to hear who has answered; it is only told."""


class Bystander:
    """Tells who may answer, and who has, where the one who talks may not.

    Args:
        client: the agent's.
        output: where it is said.
        hint: how approvals are answered here, in words; ``{id}`` stands for its id.
    """

    def __init__(self, client: AgentGateClient, output: Output, hint: str) -> None:
        self.client = client
        self.output = output
        self.hint = hint
        self._open: dict[str, str] = {}

    async def take(self, event: Event) -> None:
        """An event was shown."""
        data = event.data
        if event.kind == EventKind.APPROVAL:
            rid = words.text_in(data, "approval")
            self._open[words.text_in(data, "call")] = rid
            self.output.note(dim("  " + self.hint.format(id=printable(rid))))
        elif event.kind == EventKind.TOOL_RESULT:
            rid = self._open.pop(words.text_in(data, "call"), "")
            if rid:
                await self._tell_who(rid)

    async def work(self) -> None:
        """Nothing is to be done meanwhile."""

    async def _tell_who(self, rid: str) -> None:
        with anyio.move_on_after(FATE_S):
            try:
                row = await self.client.get_request(rid)
            except AgentGateError:
                return
            if row.get("decided_by"):
                who, channel = printable(str(row["decided_by"])), printable(str(row["channel"]))
                self.output.note(dim(f"  answered by {who} ({channel})"))


class Asker:
    """Asks the person who talks, one question at a time, and takes it back if it is void.

    Args:
        approvals: the person's own connection.
        output: is paused while a question is open.
        terminal: where the person is.
    """

    def __init__(self, approvals: ApprovalsClient, output: Output, terminal: Terminal) -> None:
        self.approvals = approvals
        self.output = output
        self.terminal = terminal
        self._todo: deque[str] = deque()
        self._calls: dict[str, str] = {}
        self._known: set[str] = set()
        self._gone: dict[str, ApprovalView | None] = {}
        self._came = anyio.Event()
        self._news = anyio.Event()
        self._asked = ""
        self._was_void = False
        self._asking: anyio.CancelScope | None = None

    async def take(self, event: Event) -> None:
        """An event was shown, or is held back."""
        data = event.data
        if event.kind == EventKind.APPROVAL:
            rid = words.text_in(data, "approval")
            self._calls[words.text_in(data, "call")] = rid
            self._known.add(rid)
            self._todo.append(rid)
            self._came.set()
        elif event.kind == EventKind.TOOL_RESULT:
            rid = self._calls.pop(words.text_in(data, "call"), "")
            if rid:
                self._void(rid, None)
        elif event.kind == EventKind.RUN_ENDED:
            for rid in self._calls.values():
                self._void(rid, None)

    async def work(self) -> None:
        """Ask what there is to ask, for ever."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._follow)
            while True:
                while self._todo:
                    await self._ask(self._todo.popleft())
                self._came = anyio.Event()
                await self._came.wait()

    async def _follow(self) -> None:
        """Hear what others answer."""
        try:
            async for view in self.approvals.watch():
                if view.status != "waiting" and view.id in self._known:
                    self._void(view.id, view)
        except AgentGateError as error:
            self.output.note(f"{bad('approvals are not to be had')}: {printable(error.message)}")

    def _void(self, rid: str, view: ApprovalView | None) -> None:
        if self._gone.get(rid) is None:
            self._gone[rid] = view
            self._news.set()
        if rid == self._asked and self._asking is not None:
            self._asking.cancel()

    async def _ask(self, rid: str) -> None:
        view = await self._look(rid)
        if view is None:
            return
        self.output.pause()
        for line in describe(view, self.terminal.width):
            say(line)
        if self._was_void:
            say(warn("  this is another request"))
        self._asked, code = rid, ""
        with anyio.CancelScope() as self._asking:
            quiet_s = SWAPPED_S if self._was_void else SETTLE_S
            answer = await self.terminal.choice(QUESTION, ANSWERS, quiet_s)
            if answer == "approve" and view.needs_code:
                code = await self.terminal.code()
        self._was_void = self._asking.cancelled_caught
        self._asking, self._asked = None, ""
        if self._was_void:
            say()
            gone = await self._fate(rid)
            say(f"  {settled(gone) if gone is not None else warn('no answer is needed any more')}")
            await self.terminal.quiet(SETTLE_S)
        elif answer is None:
            say(dim(f"  left open; later: agent-gate approvals approve {printable(rid)}"))
        else:
            await self._decide(view, answer, code)
        self.output.resume()

    async def _fate(self, rid: str) -> ApprovalView | None:
        """Return how an approval was settled, whose tool may have ended before we heard of it."""
        with anyio.move_on_after(FATE_S):
            while self._gone.get(rid) is None:
                self._news = anyio.Event()
                await self._news.wait()
        return self._gone.get(rid)

    async def _look(self, rid: str) -> ApprovalView | None:
        """Return an approval, if it still waits and one may say something to it."""
        if rid in self._gone:
            return None
        try:
            return await self.approvals.get(rid)
        except AgentGateError as error:
            if error.code == ErrorCode.LIMIT_EXCEEDED:
                views = [view for view in await self.approvals.list() if view.id == rid]
                return await whole(self.approvals, views[0]) if views else None
            if error.code != ErrorCode.NOT_FOUND:
                self.output.note(f"{bad('it can not be asked here')}: {printable(error.message)}")
            return None

    async def _decide(self, view: ApprovalView, answer: Answer, code: str) -> None:
        try:
            now = await self.approvals.decide(view.id, answer, code=code[:CODE_CHARS_MAX])
        except AgentGateError as error:
            if error.code == ErrorCode.CODE_NEEDED:
                say(f"  {bad('not taken')}: {printable(error.message)}")
                self._todo.appendleft(view.id)
            elif error.code == ErrorCode.ALREADY_SETTLED:
                say(f"  {warn('too late')}: {printable(error.message)}")
            else:
                say(f"  {bad('not taken')}: {printable(error.message)}")
        else:
            say(f"  {settled(now)}")


Attendant = Asker | Bystander
"""Whoever looks after the approvals of a conversation."""

MakeAttendant = Callable[[AgentGateClient, Output], Attendant]
