"""The runner: run one call of one tool, and say how it ended, whatever happens.

An outcome comes back for everything that a tool can do: return, raise, hang, return too much or
what JSON can't say. The rule for ``write`` tools: what may have taken effect is never reported as
if it had not. A call that certainly did not start is ``failed``, and its text says so.

Being cancelled from outside is the one thing that is passed on. The caller of ``run`` cancels when
it withdraws a request or shuts down, so it must settle the request itself: ``stopped`` is the
outcome to record.
"""

from __future__ import annotations

import inspect
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import Any, Final, Protocol

import anyio
import msgspec
from anyio import get_current_task
from anyio.lowlevel import checkpoint_if_cancelled
from msgspec.structs import replace

from agentgate_proto.records.outcome import Outcome, executed, failed, unknown, with_words
from agentgate_proto.records.request import Effects
from agentgate_server.errors import (
    ArgumentError,
    EffectUnknown,
    EndedElsewhere,
    NotStarted,
    ToolFailed,
    WithWords,
)
from agentgate_server.secrets.masking import CallInProgress, Masker
from agentgate_server.tools.bulkheads import Bulkhead, Bulkheads
from agentgate_server.tools.threads import ABANDONED_MAX, THREADS_MAX, Job, Threads, nothing
from agentgate_server.tools.tool import TIMEOUT_S, AsyncTool, SyncTool, Tool

OUTPUT_BYTES_MAX: Final = 8_388_608
"""Bytes of one result, as JSON: half of what our SDK takes in one message, and of what a connection
may queue."""

ERROR_CHARS_MAX: Final = 2_000
"""Characters of a tool's error text that reach the agent: enough to act on, and no second way
around ``OUTPUT_BYTES_MAX``."""

ERROR_CHARS_MASKED: Final = 100_000
"""Characters of an error's text that are searched for secrets; what is behind them is cut off."""

ERRORS_SHOWN_MAX: Final = 5
"""Errors told of an exception group."""

OWN_ERRORS: Final = (ArgumentError, EffectUnknown, EndedElsewhere, NotStarted, ToolFailed)
"""Exceptions whose text is a sentence for the agent, without the name of their type."""

encode = msgspec.json.Encoder().encode
log = logging.getLogger(__name__)


class Room(Protocol):
    """Where what tools bring is kept."""

    async def enter(self, owner: str, tool: str) -> Callable[[], None]:
        """Wait until there is room for what a tool brings an owner; returns what to call when it
        is over."""
        ...


class Runner:
    """Runs tools on one event loop (asyncio or trio). Close it when the gateway stops.

    Attributes:
        room: for what tools bring that take their time; None: there is always enough.
    """

    def __init__(
        self,
        *,
        timeout_s: float = TIMEOUT_S,
        output_bytes_max: int = OUTPUT_BYTES_MAX,
        threads_max: int = THREADS_MAX,
        abandoned_max: int = ABANDONED_MAX,
        masker: Masker | None = None,
    ) -> None:
        """Take the caps; nothing is started before the first call.

        Args:
            timeout_s: how long a call may take whose tool does not say, in seconds.
            output_bytes_max: a larger result fails.
            threads_max: calls of blocking tools that run at once.
            abandoned_max: threads that may outlive their call.
            masker: hides secrets in what tools return and in what they raise.
        """
        self.masker = masker or Masker()
        self.timeout_s = timeout_s
        self.output_bytes_max = output_bytes_max
        self.threads = Threads(threads_max=threads_max, abandoned_max=abandoned_max)
        self.bulkheads = Bulkheads(threads_max)
        self.say_null: set[str] = set()
        self.room: Room | None = None

    async def run(self, tool: Tool, args: dict[str, Any]) -> Outcome:
        """Run a tool.

        Args:
            tool: any tool of the catalogue.
            args: decoded JSON; ``tool.check`` has seen it before.

        Returns:
            How it ended. Never raises what the tool raised.

        Raises:
            the event loop's cancellation: the caller's own scope was cancelled. A thread that
                runs the tool is abandoned. Record ``stopped(tool)``. (A tool that finished all
                the same returns its outcome even then.)
        """
        if tool.inline:
            return self.run_inline(tool, args)
        return await self.run_call(Call(self, tool, args))

    async def run_call(self, call: Call) -> Outcome:
        """Do as ``run`` does, with a call that the caller holds: it tells if it can be stopped."""
        tool = call.tool
        timeout_s = self.timeout_s if tool.timeout_s is msgspec.UNSET else tool.timeout_s
        if timeout_s is None:
            return await call.run()
        with anyio.move_on_after(timeout_s):
            return await call.run()
        return call.timed_out(timeout_s)

    def run_inline(self, tool: Tool, args: dict[str, Any]) -> Outcome:
        """Run a tool with ``tool.inline`` at once: no task, no thread, no scope. Never raises."""
        assert isinstance(tool, SyncTool), f"{tool.name} is not inline"
        with CallInProgress(tool.name, args):
            try:
                value = tool.call(args)
            except BaseException as error:  # one that calls sys.exit() ends itself, not the gateway
                return self.explain(tool, error)
            return self.encoded(tool, value)

    def close(self) -> None:
        """Let idle threads end; those that still run a tool do not keep the process alive."""
        self.threads.close()

    def encoded(self, tool: Tool, value: Any) -> Outcome:
        """Turn what a tool returned into its outcome."""
        if inspect.iscoroutine(value):
            value.close()
            why = "it returned a coroutine, which did not run; declare the tool with async def"
            log.warning("tool %s: %s", tool.name, why)
            return unknown(why) if tool.effects is Effects.WRITE else failed(why)
        if isinstance(value, WithWords):
            return self.told(self.encoded(tool, value.data), value.word, value.edited)
        try:
            data = encode(value)
        except BaseException as error:  # an object's own conversion may raise anything
            why = self.words(error)
            log.warning("tool %s returned what JSON can't say: %s", tool.name, why)
            return without_result(tool, f"its result can't be sent as JSON: {why}")
        if len(data) > self.output_bytes_max:
            return without_result(
                tool,
                f"its result is too large: {len(data):,} bytes, and at most "
                f"{self.output_bytes_max:,} are passed on",
            )
        if b"null" in data and tool.name not in self.say_null and has_no_json(value):
            self.say_null.add(tool.name)
            log.warning(
                "tool %s returned NaN or an infinite number; JSON has none, so null is passed on",
                tool.name,
            )
        return executed(self.masker.result(data))

    def told(
        self, outcome: Outcome, word: str = "", edited: dict[str, Any] | None = None
    ) -> Outcome:
        """An outcome with what people elsewhere have said and changed, without our secrets."""
        outcome = with_words(outcome, word, None if edited is None else msgspec.Raw(encode(edited)))
        if outcome.word:
            outcome = replace(outcome, word=self.masker.told(outcome.word))
        if outcome.edited is not msgspec.UNSET:
            shown = msgspec.Raw(self.masker.result(bytes(outcome.edited)))
            outcome = replace(outcome, edited=shown)
        return outcome

    def explain(self, tool: Tool, error: BaseException) -> Outcome:
        """Turn what a tool raised into its outcome: text to the agent, traceback to the log.

        The log gets no values: a traceback names files and lines, and the error's own text.
        """
        text = self.words(error)
        if isinstance(error, EndedElsewhere):
            return self.told(replace(error.outcome, message=text))
        if isinstance(error, ArgumentError | NotStarted):
            return failed(f"it was not started: {text}")
        if isinstance(error, ToolFailed):
            return failed(text, self.said(error.data))
        log.warning("tool %s raised %s", tool.name, type(error).__name__, exc_info=error)
        if isinstance(error, EffectUnknown) and tool.effects is Effects.WRITE:
            return unknown(text)
        return failed(text)

    def said(self, data: bytes) -> bytes:
        """Return what a tool has said of its failure besides the words; nothing, if it is too
        much: the words are there."""
        return self.masker.result(data) if len(data) <= self.output_bytes_max else b"null"

    def words(self, error: BaseException) -> str:
        """Say an exception in words that can be sent, without secrets."""
        text = self.masker.told(describe(error)[:ERROR_CHARS_MASKED])
        return text if len(text) <= ERROR_CHARS_MAX else text[: ERROR_CHARS_MAX - 3] + "..."


class Call:
    """One call on its way, for an owner."""

    def __init__(self, runner: Runner, tool: Tool, args: dict[str, Any], owner: str = "") -> None:
        self.runner = runner
        self.tool = tool
        self.args = args
        self.owner = owner
        self.started = False
        self.job: Job | None = None

    @property
    def can_be_stopped(self) -> bool:
        """Whether to stop it now changes what happens: a thread that has begun goes on."""
        return self.job is None or not self.job.started

    async def run(self) -> Outcome:
        """Wait for a place in the tool's bulkhead, if it has one, and run it in its own way."""
        tool, bulkhead = self.tool, self.runner.bulkheads.of(self.tool)
        try:
            if isinstance(tool, SyncTool):
                assert bulkhead is not None, "what blocks has a bulkhead"
                return await self.run_in_thread(tool, bulkhead)
            assert isinstance(tool, AsyncTool), "a backend is one or the other"
            if bulkhead is None:
                return await self.run_on_loop(tool)
            leave = await bulkhead.enter(self.owner)
        except NotStarted as error:
            return self.runner.explain(tool, error)
        try:
            return await self.run_on_loop(tool)
        finally:
            leave()

    async def enter_room(self) -> Callable[[], None]:
        """Wait until there is room for what comes of it; returns what to call when it is over."""
        room = self.runner.room
        return await room.enter(self.owner, self.tool.name) if room is not None else nothing

    async def run_on_loop(self, tool: AsyncTool) -> Outcome:
        """Run an async tool."""
        leave = await self.enter_room()
        try:
            return await self.run_now(tool)
        finally:
            leave()

    async def run_now(self, tool: AsyncTool) -> Outcome:
        """Run an async tool, and tell its errors from our own cancellation."""
        self.started = True
        task = get_current_task().id
        with CallInProgress(tool.name, self.args):
            try:
                value = await tool.run(self.args)
            except BaseException as error:  # see run_inline
                if is_cancellation(error) or is_our_end(error, task):
                    raise
                outcome = self.runner.explain(tool, error)
                # What a tool raises because it is being stopped is not how it failed.
                await checkpoint_if_cancelled()
                return outcome
            return self.runner.encoded(tool, value)

    async def run_in_thread(self, tool: SyncTool, bulkhead: Bulkhead) -> Outcome:
        """Run a blocking tool. An abandoned one keeps its tool's place until it really ends."""
        work = partial(copy_context().run, self.runner.run_inline, tool, self.args)
        threads = self.runner.threads
        job = self.job = Job(tool.name, work, lane=bulkhead.name, owner=self.owner)
        self.see_that_it_is_open(bulkhead)
        job.release = await bulkhead.enter(self.owner)
        try:
            self.see_that_it_is_open(bulkhead)  # it has waited for its place
            leave = await self.enter_room()
        except BaseException:
            job.release()
            raise
        try:
            outcome = await threads.run(job)
        except RuntimeError as error:
            return failed(f"it was not started: {error}")
        finally:
            leave()
        return outcome or failed(
            f"it was not started: {threads.abandoned} calls of tools that ran out of "
            "time still run; the gateway's operator can see in its log which ones"
        )

    def see_that_it_is_open(self, bulkhead: Bulkhead) -> None:
        """Ask nothing of what has let its calls hang.

        Raises:
            NotStarted: half of its places are taken by calls that nobody waits for any more.
        """
        lanes = self.runner.threads.lanes
        hanging = lanes.closed_by(bulkhead.name, self.owner, bulkhead.running_max)
        if hanging:
            calls = f"{hanging} calls" if hanging > 1 else "a call"
            raise NotStarted(
                f"{calls} of {bulkhead.name} that ran out of time still "
                f"{'run' if hanging > 1 else 'runs'}; nothing more is asked of it until "
                f"{'one of them' if hanging > 1 else 'it'} ends"
            )

    def timed_out(self, timeout_s: float) -> Outcome:
        """Say what a time-out after so many seconds means for this call."""
        job = self.job
        if job is not None and job.outcome is not None:
            return job.outcome  # it ended in the same moment
        if not (self.started or (job is not None and job.started)):
            return failed(f"it was not started: no free slot within {timeout_s:g} s")
        log.warning("tool %s timed out after %g s", self.tool.name, timeout_s)
        return stopped(self.tool, f"timed out after {timeout_s:g} s")


def without_result(tool: Tool, why: str) -> Outcome:
    """The outcome of a tool that returned what can't be passed on. A write ran all the same: called
    failed, it would be done again."""
    if tool.effects is Effects.WRITE:
        return executed(encode({"note": f"it ran, but {why}"}))
    return failed(why)


def stopped(tool: Tool, why: str = "stopped while it ran") -> Outcome:
    """The outcome of a tool that had started and was not waited for."""
    if not tool.may_have_run:
        return failed(f"{tool.name} {why}; it was not started")
    if tool.effects is Effects.WRITE:
        return unknown(f"{tool.name} {why}; it may have taken effect")
    return failed(f"{tool.name} {why}")


def describe(error: BaseException) -> str:
    """Say an exception in words that can be sent: ``ValueError: text``. Never raises."""
    if isinstance(error, BaseExceptionGroup):
        leaves = list(leaves_of(error))
        texts = [describe(leaf) for leaf in leaves[:ERRORS_SHOWN_MAX]]
        if len(leaves) > ERRORS_SHOWN_MAX:
            texts.append(f"and {len(leaves) - ERRORS_SHOWN_MAX} more")
        text = "; ".join(texts)
    else:
        text = words_of(error)
    return text.encode("utf-8", "replace").decode()


def words_of(error: BaseException) -> str:
    """Return an exception's type and text; our own exceptions are texts already."""
    try:
        text = str(error).strip()
    except BaseException:
        text = "its own text can't be made"
    if text and isinstance(error, OWN_ERRORS):
        return text
    name = type(error).__name__
    return f"{name}: {text}" if text else name


def has_no_json(value: Any) -> bool:
    """Whether a number that JSON does not know is in what a tool returned."""
    stack = []
    with suppress(Exception):
        stack.append(msgspec.to_builtins(value))
    while stack:
        value = stack.pop()
        if isinstance(value, float) and not math.isfinite(value):
            return True
        if isinstance(value, dict):
            stack.extend(value.values())
        elif isinstance(value, list | tuple):
            stack.extend(value)
    return False


def leaves_of(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    """Return the exceptions of a group that are no groups themselves."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from leaves_of(error)
        else:
            yield error


def is_our_end(error: BaseException, task: int) -> bool:
    """Whether it is Python that drops our coroutine, and not the tool that raised what it raises
    for that: then no task runs, or another one.

    Args:
        error: what came out of the tool.
        task: the id of the task that awaits it.
    """
    if not isinstance(error, GeneratorExit):
        return False
    try:
        return get_current_task().id != task
    except Exception:  # no event loop runs any more
        return True


def is_cancellation(error: BaseException) -> bool:
    """Whether it is the event loop that stops us, and not the tool that failed.

    On asyncio a tool can raise ``CancelledError`` by itself, for instance by waiting for a task
    that somebody cancelled. Passed on, that would end the gateway's task without an answer. We are
    stopped if a scope around us is cancelled, or if somebody cancelled our task by asyncio's means.
    """
    if not isinstance(error, anyio.get_cancelled_exc_class()):
        return False
    if anyio.current_effective_deadline() == -math.inf:
        return True
    import asyncio

    task = asyncio.current_task() if isinstance(error, asyncio.CancelledError) else None
    return task is not None and task.cancelling() > 0
