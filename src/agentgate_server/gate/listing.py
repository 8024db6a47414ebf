"""Listing: requests, as the store has them, a page at a time, without secrets; and tools."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio.lowlevel

from agentgate_proto.errors import ErrorCode
from agentgate_proto.limits import LIST_READ_BYTES_MAX
from agentgate_proto.records.request import Record
from agentgate_proto.records.storage import Answer, FindRid, Query, record_bytes
from agentgate_proto.records.storage import ListRequests as ListRequestsQuery
from agentgate_proto.rpc.listing import Page, request_row, short_row
from agentgate_proto.rpc.messages import ListRequests
from agentgate_proto.rpc.results import Expectation, RequestList, RequestRow, ToolRow
from agentgate_proto.sessions.runs import EXCEED_BUDGET
from agentgate_server.gate.judge import Judge
from agentgate_server.secrets.masking import Masker
from agentgate_server.sockets.replies import Reply
from agentgate_server.tools.catalogue import Catalogue

Task = Callable[[], Awaitable[None]]

CHEAPER = 4
"""A byte that is listed costs so much less than one of a new request."""

NO_REQUEST = "There is no request with this id"


class Listing:
    """One call of ``list_requests``: what to ask the store, and what to make of the answer.

    Args:
        params: of the call.
        whose: the principal whose requests may be seen; None: everybody's.
        reply: where the answer goes.
        masker: hides secrets.
        owe: hears for whom there was how much work, as bytes of requests, if they see only their
            own: all that is read is looked through for secrets, megabytes in a tenth of a second.
        spawn: runs a task. A list is made there, with a pause after each row in which everybody
            else is served.
        charged: makes a task the work of whoever has a turn now: when the store answers it is
            nobody's.
        over: called when the answer is made, or can't be.
    """

    def __init__(
        self,
        params: ListRequests,
        whose: str | None,
        reply: Reply,
        masker: Masker,
        owe: Callable[[str, int], None],
        spawn: Callable[[Task], None],
        charged: Callable[[Task], Task],
        over: Callable[[], None],
    ) -> None:
        self.owe = owe
        self.params = params
        self.whose = whose
        self.reply = reply
        self.masker = masker
        self._spawn = spawn
        self._over = over
        self._tell_charged = charged(self._tell)
        self._answer: tuple[Answer, str] = None, ""

    @property
    def query(self) -> Query:
        """What to ask the store: of a list, one row more than the caller wants."""
        params = self.params
        if params.id:
            return FindRid(params.id)
        return ListRequestsQuery(
            self.whose, params.limit + 1, params.open_only, params.before, LIST_READ_BYTES_MAX
        )

    def __call__(self, answer: Answer, problem: str) -> None:
        """Take the answer, or why there is none."""
        self._answer = answer, problem
        self._spawn(self._tell_charged)

    async def _tell(self) -> None:
        try:
            await self._make()
        finally:
            self._over()

    async def _make(self) -> None:
        answer, problem = self._answer
        self._answer = None, ""  # it goes when it has been made into rows
        if problem:
            self.reply.error(ErrorCode.INTERNAL_ERROR, problem, None)
            return
        match answer:
            case Record() if self.whose in (None, answer.principal):
                row = request_row(self._shown(answer))
                self.reply.result(RequestList([row]))
            case list():
                size = sum(map(record_bytes, answer))
                if self.whose is not None:
                    self.owe(self.whose, size // CHEAPER)
                page: Page[RequestRow] = Page(self.params.limit)
                for record in answer:
                    if not page.take(short_row(request_row(self._shown(record)))):
                        break
                    await anyio.lowlevel.checkpoint()
                more = page.more or size > LIST_READ_BYTES_MAX
                self.reply.result(RequestList(page.rows, more))
            case _:
                self.reply.error(ErrorCode.NOT_FOUND, NO_REQUEST, None)

    def _shown(self, record: Record) -> Record:
        return self.masker.record(record, to_asker=self.whose is not None)


def tool_rows(
    catalogue: Catalogue, judge: Judge, agent: str, *, listed_only: bool = False
) -> list[ToolRow]:
    """What an agent may ask for, with the decision to expect; what is denied is left out.

    Args:
        catalogue: the tools.
        judge: says what to expect.
        agent: its name.
        listed_only: leave out what has a method of its own in MCP.
    """
    rows = []
    for tool in catalogue:
        expected = judge.expect(agent, tool)
        if expected == "deny" or tool.name == EXCEED_BUDGET:
            continue
        if listed_only and not tool.listed:
            continue
        rows.append(
            ToolRow(
                name=tool.name,
                description=tool.description,
                effects=tool.effects,
                args=tool.schema,
                decision=Expectation(expected or "depends"),
                title=tool.title,
                returns=tool.returns,
                form=tool.form,
            )
        )
    return rows
