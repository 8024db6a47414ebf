"""Running: one task for each tool call that waits, none for one that returns at once; and tasks of
those who serve connections."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import anyio
import msgspec
from anyio.abc import TaskGroup

from agentgate_proto.ledger.abandoning import CHANGED
from agentgate_proto.ledger.effects import Run
from agentgate_proto.records.outcome import Outcome, failed
from agentgate_proto.records.request import Record
from agentgate_server.observing.context import current_rid
from agentgate_server.tools.catalogue import Catalogue
from agentgate_server.tools.runner import Call, Runner, stopped
from agentgate_server.tools.tool import Tool

log = logging.getLogger(__name__)

Finished = Callable[[str, Outcome], None]


class Running:
    """The tools that run now.

    Args:
        catalogue: the tools there are.
        runner: runs one call.
        finished: is told each outcome, by rid, on the event loop.

    Attributes:
        tasks: where tools run that take their time; set it before the first ``start``.
        closed: nothing is started any more.
    """

    def __init__(self, catalogue: Catalogue, runner: Runner, finished: Finished) -> None:
        self.catalogue = catalogue
        self.runner = runner
        self.finished = finished
        self.tasks: TaskGroup | None = None
        self.closed = False
        self._calls: dict[str, tuple[Call, anyio.CancelScope]] = {}
        self._changed = anyio.Event()

    @property
    def count(self) -> int:
        """How many tools run in a task."""
        return len(self._calls)

    def changed(self, records: Iterable[Record]) -> frozenset[str]:
        """Return the rids of requests of a former process whose tools would get something else now
        than what people saw: the module has other defaults since. What lives elsewhere says so by
        its definition."""
        return frozenset(record.rid for record in records if self._is_changed(record))

    def _is_changed(self, record: Record) -> bool:
        tool = self.catalogue.tools.get(record.tool)
        record = record.as_approved
        if tool is None or record.filled is None:
            return False
        return not tool.binds_to(msgspec.json.decode(record.args))

    def start(self, run: Run) -> None:
        """Start a tool; ``finished`` is called before this returns if it is ``inline``."""
        tool = self.catalogue.to_run(run.tool, run.effects, run.rid)
        if tool is None:
            self.finished(run.rid, failed(f"Unknown tool: {run.tool}; it did not run"))
            return
        tool = tool.as_asked(run.definition)
        if tool is None:
            self.finished(run.rid, CHANGED)
            return
        if self.closed:
            self.finished(run.rid, failed("it was not started: the gateway is shutting down"))
            return
        args = msgspec.json.decode(run.args)
        if tool.inline:
            before = current_rid.set(run.rid)
            outcome = self.runner.run_inline(tool, args)
            current_rid.reset(before)
            self.finished(run.rid, outcome)
        else:
            self.start_task(run, tool, args)

    def start_task(self, run: Run, tool: Tool, args: dict[str, object]) -> None:
        """Start a tool that takes its time."""
        assert self.tasks is not None, "tools run while the gate runs"
        call = Call(self.runner, tool, args, run.principal)
        self._calls[run.rid] = call, anyio.CancelScope()
        self.tasks.start_soon(self._run, run.rid)

    def stop(self, rid: str) -> None:
        """Stop a tool if it runs in a task and can be stopped; its outcome follows.

        A thread can't: whoever wanted it stopped is told what it really came to, when it has ended
        or run out of time.
        """
        call, scope = self._calls.get(rid, (None, None))
        if call is not None and scope is not None and call.can_be_stopped:
            scope.cancel()

    def close(self) -> None:
        """Stop every tool and start no other; their outcomes follow."""
        self.closed = True
        for _, scope in list(self._calls.values()):
            scope.cancel()

    def spawn(self, function: Callable[..., Awaitable[Any]], *args: Any) -> None:
        """Start an async function with its arguments, in a task that lasts at most as long as the
        gate runs."""
        assert self.tasks is not None, "faces are asked while the gate runs"
        self.tasks.start_soon(guarded, function, *args)

    async def wait_idle(self) -> None:
        """Wait until no tool runs in a task."""
        while self._calls:
            self._changed = anyio.Event()
            await self._changed.wait()

    async def _run(self, rid: str) -> None:
        current_rid.set(rid)
        call, scope = self._calls[rid]
        outcome = None
        with scope:
            outcome = await self.runner.run_call(call)
        del self._calls[rid]
        self._changed.set()
        self.finished(rid, outcome or stopped(call.tool))


async def guarded(function: Callable[..., Awaitable[Any]], *args: Any) -> None:
    """Run a task of a face, or a reload: a bug in it must not cost the gateway."""
    try:
        await function(*args)
    except Exception:
        log.exception("a task of a face failed: %s", function)
