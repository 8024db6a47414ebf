"""``agent-gate approvals watch``: asks as they come, and answers from the keyboard."""

from __future__ import annotations

import math
import sys
import time
from typing import Literal

import anyio
import msgspec

from agentgate_cli.answering import Given, Question
from agentgate_cli.editing import by_hand
from agentgate_cli.prompt import describe, ended, settled
from agentgate_cli.style import bad, bold, dim, say, warn
from agentgate_cli.terminal import SETTLE_S, SWAPPED_S, Terminal
from agentgate_cli.text import args_line, away, clock, duration, parse_time, printable, short_id
from agentgate_client import (
    AgentGateError,
    ApprovalsClient,
    ApprovalView,
    ClientState,
    EditTerms,
    ErrorCode,
    StateChanged,
)
from agentgate_proto.limits import CODE_CHARS_MAX

GATHER_S = 0.05
"""Pause before a question: asks that came together are counted together."""

RINGS_EACH_S = 5.0
"""The bell rings no more often: an agent may ask a hundred times a minute."""

BACK_PART = 0.5
"""Of its time that is left, after which what was skipped comes back: asked again and again, each
time sooner, but never so often that it is in the way."""

BACK_S_MIN = 30.0


async def print_changes(client: ApprovalsClient, *, as_json: bool) -> None:
    """Without a terminal: print a line for each change, for ever."""
    async for view in client.watch():
        if as_json:
            sys.stdout.buffer.write(msgspec.json.encode(view) + b"\n")
            sys.stdout.buffer.flush()
        else:
            say(line_of(view))


def line_of(view: ApprovalView) -> str:
    """One change in one line."""
    args = args_line(msgspec.json.decode(view.args), view.shortened)
    what = f"{view.id}  {printable(view.tool)} {args}"
    if view.status == "waiting":
        return (
            f"waiting   {what}  agent {printable(view.asker)}, rule {printable(view.rule)}, "
            f"until {clock(view.expires_at)}"
        )
    end = f", {ended(view)}" if view.outcome else ""
    return f"{view.status:<9} {what}  {settled(view)}{end}"


async def whole(client: ApprovalsClient, view: ApprovalView) -> ApprovalView:
    """Return all of an approval, or what is known of it if it does not wait any more."""
    if not view.shortened:
        return view
    try:
        return await client.get(view.id)
    except AgentGateError as error:
        if error.code not in (ErrorCode.NOT_FOUND, ErrorCode.LIMIT_EXCEEDED):
            raise
        return view


class Watch:
    """A person at a terminal, and the approvals that wait for them.

    One question is open at a time. News that come meanwhile are held back until it is answered,
    except what makes it void: somebody else answers, time runs out, the gateway goes away.

    What the person skips comes back: after all others, when they press Enter, or in good time
    before it lapses.

    Args:
        terminal: where the person is.
        bell: ring when something is asked.
    """

    def __init__(self, terminal: Terminal, *, bell: bool = False) -> None:
        self.terminal = terminal
        self.bell = bell
        self.name = ""
        self.waiting: dict[str, ApprovalView] = {}
        self.skipped: dict[str, float] = {}
        self.answered: set[str] = set()
        self.away = False
        self.news: list[str] = []
        self._failure: Exception | None = None
        self._changed = anyio.Event()
        self._asked = ""
        self._agent = ""
        self._void = ""
        self._asking: anyio.CancelScope | None = None
        self._is_editing = False
        self._is_void = False
        self._rang = 0.0

    async def run(self, client: ApprovalsClient) -> None:
        """Ask until the person closes the input.

        Raises:
            AgentGateError: the gateway won't show approvals, or is gone for good.
        """
        self.name = client.health.principal
        who = printable(self.name)
        say(f"watching as {bold(who)}; asks appear here. Ctrl-C ends.")
        say(dim("what follows y, n or e in a line is said to the agent: n not while they sleep"))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.follow, client, tasks.cancel_scope)
            try:
                while (view := await self.next_view()) and await self.ask_one(client, view):
                    pass
            except AgentGateError as error:
                self._failure = error
            tasks.cancel_scope.cancel()
        if self._failure is not None:
            raise self._failure

    # What happens meanwhile

    async def follow(self, client: ApprovalsClient, everything: anyio.CancelScope) -> None:
        """Take note of changes until the client is closed."""
        try:
            async for view in client.watch():
                self.changed(view)
        except AgentGateError as error:
            self._failure = error
        everything.cancel()

    def changed(self, view: ApprovalView) -> None:
        """An approval came or went."""
        if view.status == "waiting":
            self.still_waits(view)
        else:
            known = self.waiting.pop(view.id, None) is not None
            self.skipped.pop(view.id, None)
            name = printable(view.tool)
            if view.outcome and view.id in self.answered:
                self.answered.discard(view.id)
                self.tell(f"{name}: {ended(view)} {dim(short_id(view.id))}")
            elif known and view.id not in self.answered:
                self.tell(f"{name}: {settled(view)} {dim(short_id(view.id))}")
        if view.id == self._asked and view.status != "waiting":
            self.withdraw_question()
        self._changed.set()

    def still_waits(self, view: ApprovalView) -> None:
        """An approval came, or one of several people said yes to it."""
        known = self.waiting.get(view.id)
        if self.name in view.approved_by:
            self.waiting.pop(view.id, None)  # now it is for others to answer
            return
        self.waiting[view.id] = view
        if known is not None and known.approved_by != view.approved_by:
            self.tell(f"{printable(view.tool)}: {settled(view)}")

    def state_changed(self, change: StateChanged) -> None:
        """The connection broke, or stands again; see ``AgentGateClient(on_state=…)``."""
        if change.state is ClientState.RECONNECTING and change.error is not None:
            if not self.away:
                self.tell(dim(away(change.error.message)))
            self.away = True
            self.withdraw_question()
        elif change.state is ClientState.CONNECTED and self.away:
            self.away = False
            self.tell(dim("connected again"))
        self._changed.set()

    def tell(self, text: str) -> None:
        """Say it now, or as soon as no question is open."""
        self.news.append(text)
        if self._asking is None:
            self.tell_news()

    def tell_news(self) -> None:
        """Say what was held back."""
        for text in self.news:
            say(f"  {text}")
        self.news.clear()

    def withdraw_question(self) -> None:
        """The open question is void; whoever is in their editor hears of it when they close it."""
        self._is_void = True
        if self._asking is not None and not self._is_editing:
            self._asking.cancel()

    async def by_hand(self, view: ApprovalView) -> EditTerms:
        """Let the person change the arguments of what they are asked about.

        Raises:
            Failure: nothing was changed, or it can't be used.
            click.UsageError: there is no editor.
        """
        self._is_editing = True
        try:
            with self.terminal.lent():
                return await by_hand(view)
        finally:
            self._is_editing = False
            if self._is_void and self._asking is not None:
                say(dim("  what you have made of it is not used:"))
                self._asking.cancel()

    # Questions

    async def next_view(self) -> ApprovalView | None:
        """Wait for an approval that was not looked at yet, or that comes back; None: the person has
        closed the input."""
        while True:
            now = time.time()
            todo = [view for rid, view in self.waiting.items() if self.skipped.get(rid, 0.0) <= now]
            if todo and not self.away:
                return self._fairest(todo)
            back = [due for rid, due in self.skipped.items() if rid in self.waiting]
            if not await self.news_or_line(min(back, default=math.inf) - now):
                return None

    async def news_or_line(self, seconds: float) -> bool:
        """Wait for a change, for a line that brings back what was skipped, or for so long; return
        whether the input is still open."""
        self._changed = changed = anyio.Event()
        is_open = True

        async def listen(scope: anyio.CancelScope) -> None:
            nonlocal is_open
            is_open = await self.terminal.typed_meanwhile()
            if is_open:
                self.skipped.clear()
            scope.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen, tasks.cancel_scope)
            with anyio.move_on_after(seconds):
                await changed.wait()
                await anyio.sleep(GATHER_S)
            tasks.cancel_scope.cancel()
        return is_open

    def _fairest(self, todo: list[ApprovalView]) -> ApprovalView:
        """The oldest of the agent that was not asked for last: none holds up another's for long."""
        view = next((view for view in todo if view.agent != self._agent), todo[0])
        self._agent = view.agent
        return view

    async def ask_one(self, client: ApprovalsClient, view: ApprovalView) -> bool:
        """Ask about one approval; return whether to go on."""
        view = await whole(client, view)
        if view.id not in self.waiting:
            return True  # it was settled meanwhile
        self.ring()
        say()
        for line in describe(view, self.terminal.width):
            say(line)
        others = len(self.waiting) - len(self.skipped) - 1
        if others:
            say(dim(f"  {others} more wait{'s' if others == 1 else ''} behind it"))
        if self._void:
            what = "the same request again" if self._void == view.id else "this is another request"
            say(f"  {warn(what)}: an answer counts when no key was pressed for {SWAPPED_S:g} s")
        self._asked, self._is_void = view.id, False
        answer: Given | Literal["skip"] | None = None
        with anyio.CancelScope() as self._asking:
            quiet_s = SWAPPED_S if self._void else SETTLE_S
            question = Question(self.terminal, view, client, self.by_hand)
            answer = await question.ask(quiet_s)
        self._void = view.id if self._asking.cancelled_caught else ""
        self._asking, self._asked = None, ""
        if self._void:
            say()
            self.tell_news()
            return True
        self.tell_news()
        if answer == "skip":
            self.skip(view)
        elif answer is not None:
            await self.decide(client, view, answer)
            if self.skipped.keys() >= self.waiting.keys():
                self.skipped.clear()  # it was for the end, and this is it
        return answer is not None

    def ring(self) -> None:
        """Call the person, who may have looked away since the last question."""
        now = time.monotonic()
        if self.bell and now - self._rang >= RINGS_EACH_S:
            self._rang = now
            self.terminal.ring()

    def skip(self, view: ApprovalView) -> None:
        """Put one off."""
        left = parse_time(view.expires_at) - time.time()
        back_s = max(left * BACK_PART, BACK_S_MIN)
        self.skipped[view.id] = time.time() + back_s
        when = f"in {duration(back_s)}, or" if back_s < left else "only"
        say(
            dim(
                f"  skipped {short_id(view.id)}: it comes back after what else waits, {when} when "
                "you press Enter"
            )
        )

    async def decide(
        self,
        client: ApprovalsClient,
        view: ApprovalView,
        answer: Given,
    ) -> None:
        """Give the answer, and say what came of it."""
        self.answered.add(view.id)
        try:
            code = answer.code[:CODE_CHARS_MAX]
            now = await client.decide(
                view.id,
                answer.decision,
                code=code,
                grant=answer.grant,
                word=answer.word,
                edit=answer.edit,
            )
        except AgentGateError as error:
            self.answered.discard(view.id)
            if error.code == ErrorCode.ALREADY_SETTLED:
                say(f"  {warn('too late')}: {printable(error.message)}")
            elif error.code == ErrorCode.CONNECTION_LOST:
                raise
            elif error.code == ErrorCode.CODE_NEEDED:
                say(f"  {bad('not taken')}: {printable(error.message)}")
                return  # it is asked again
            else:
                say(f"  {bad('not taken')}: {printable(error.message)}")
        else:
            say(f"  {settled(now)}")
            if now.grant:
                say(dim(f"  grant {now.grant}; end it with: agent-gate grants revoke {now.grant}"))
        self.waiting.pop(view.id, None)
