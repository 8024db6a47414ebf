"""Logins at the console: how each ends, and what is left of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import pytest
from tests.server.store.harness import WAIT_S
from tests.server.store.model import MemoryEngine

from agentgate_proto.principal import Principal, Role
from agentgate_proto.records.audit_entry import AuditEntry
from agentgate_proto.records.console_row import ConsoleRow, RowKind
from agentgate_proto.records.console_session import LASTS_S, ConsoleSession
from agentgate_server.console import logins as module
from agentgate_server.console.logins import MARK, ConsoleLogins
from agentgate_server.store.console_book import CONSOLE, ConsoleBook
from agentgate_server.store.numbering import Numbering
from agentgate_server.store.writer import StoreWriter

pytestmark = pytest.mark.anyio

ANNA = Principal(name="anna", role=Role.APPROVER)
BERT = Principal(name="bert", role=Role.APPROVER)
OPS = Principal(name="ops", role=Role.OPERATOR)
IDLE_S = 3_600.0


@dataclass
class Stage:
    """Logins on a store of their own, with a clock that the test sets."""

    engine: MemoryEngine = field(default_factory=MemoryEngine)
    now: float = 1_000_000.0
    revoked: set[str] = field(default_factory=set)
    told: list[AuditEntry] = field(default_factory=list)
    ended: int = 0

    def __post_init__(self) -> None:
        self.numbering = Numbering()
        self.writer = StoreWriter(self.engine, self)
        self.book = ConsoleBook(self.writer, self.numbering)
        clock: Callable[[], float] = lambda: self.now  # noqa: E731
        self.logins = ConsoleLogins(
            self.book,
            vouches=lambda token_hash, _: token_hash not in self.revoked,
            tell=self.told.append,
            utc=clock,
            monotonic=clock,
        )
        self.logins.idle_s = IDLE_S
        self.logins.ended = self.count
        self.book.take_up(self.engine.restore().console)
        self.logins.take_up()

    def count(self) -> None:
        self.ended += 1

    def on_durable(self, upto: int) -> None:
        if (own := self.numbering.take(upto).get(CONSOLE)) is not None:
            self.book.on_durable(own)

    def on_write_failed(self, first: int, last: int, reason: str) -> None:
        raise AssertionError(reason)

    def on_answer(self, token: object, answer: object) -> None:
        raise AssertionError("nothing is asked")

    on_answer_failed = on_answer  # type: ignore[assignment]

    async def login(
        self, who: Principal = ANNA, token_hash: str = "h1"
    ) -> tuple[ConsoleSession, str]:
        return await self.logins.open(
            who, token_hash, by="token", address="10.0.0.7", browser="Firefox"
        )

    @property
    def stored(self) -> list[str]:
        return [row.id for row in self.engine.restore().console]


@asynccontextmanager
async def staged(
    engine: MemoryEngine | None = None, now: float = 1_000_000.0
) -> AsyncIterator[Stage]:
    stage = Stage(engine or MemoryEngine(), now)
    with anyio.fail_after(WAIT_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stage.writer.run)
            yield stage
            await stage.writer.flush()
            tasks.cancel_scope.cancel()


async def test_a_login_survives_a_restart_and_its_secret_is_nowhere() -> None:
    async with staged() as stage:
        session, secret = await stage.login()
        assert secret not in str(stage.engine.restore().console)
        assert secret not in str(stage.told)
    async with staged(stage.engine) as after:
        found = after.logins.find(secret)
        assert found is not None
        assert (found.id, found.who) == (session.id, ANNA)
        assert after.logins.find("another") is None
        assert after.logins.find("") is None


async def test_a_login_that_nobody_uses_ends_and_one_that_is_used_goes_on() -> None:
    async with staged() as stage:
        idle, idle_secret = await stage.login()
        used, used_secret = await stage.login()
        for _ in range(3):
            stage.now += IDLE_S / 2
            assert stage.logins.find(used_secret) is not None
        assert stage.logins.find(idle_secret) is None
        stage.logins.look()
        assert stage.ended == 1, "its connections are closed"
        assert [each.id for each in stage.logins.views(ANNA)] == [used.id]
        assert stage.told[-1].event == "console.logout"
        assert (stage.told[-1].name, "for long" in stage.told[-1].detail) == (idle.id, True)
        stage.logins.look()
        assert stage.ended == 1, "once"
    assert stage.stored == [used.id]
    async with staged(stage.engine, stage.now + IDLE_S / 2) as after:
        assert after.logins.find(used_secret) is not None, "the disk has heard of its use"


async def test_a_login_ends_when_it_is_old_however_much_it_is_used() -> None:
    async with staged() as stage:
        _, secret = await stage.login()
        until = stage.now + LASTS_S
        while stage.now + IDLE_S / 2 < until:
            stage.now += IDLE_S / 2
            assert stage.logins.find(secret) is not None
        stage.now = until
        assert stage.logins.find(secret) is None


async def test_a_login_ends_with_the_token_of_its_principal() -> None:
    async with staged() as stage:
        session, secret = await stage.login(ANNA, "h1")
        other, _ = await stage.login(BERT, "h2")
        ticket = stage.logins.make_ticket(session).ticket
        link = stage.logins.make_link(ANNA, "h1").ticket
        stage.revoked.add("h1")
        assert stage.logins.find(secret) is None
        assert not stage.logins.counts(f"{MARK}{session.id}", ANNA)
        assert stage.logins.take_ticket(ticket) is None
        assert stage.logins.take_link(link) is None
        stage.logins.look()
    assert stage.stored == [other.id]


async def test_a_mark_counts_for_whom_it_was_made() -> None:
    async with staged() as stage:
        session, _ = await stage.login()
        assert stage.logins.counts(f"{MARK}{session.id}", ANNA)
        assert not stage.logins.counts(f"{MARK}{session.id}", BERT)
        assert not stage.logins.counts(f"{MARK}none", ANNA)
        as_operator = Principal(name="anna", role=Role.OPERATOR)
        assert not stage.logins.counts(f"{MARK}{session.id}", as_operator)
        assert stage.logins.use("none") is None


async def test_everybody_ends_their_own_logins_and_operators_whichever() -> None:
    async with staged() as stage:
        annas, _ = await stage.login(ANNA)
        berts, _ = await stage.login(BERT)
        assert [each.id for each in stage.logins.views(BERT)] == [berts.id]
        assert await stage.logins.end(annas.id, BERT) is None
        assert len(stage.logins.views(OPS)) == 2
        assert await stage.logins.end(annas.id, OPS) == annas
        assert (stage.told[-1].principal, stage.told[-1].approver) == ("anna", "ops")
        assert await stage.logins.end(annas.id, OPS) is None
    assert stage.stored == [berts.id]


async def test_tickets_and_links_are_good_once_and_for_a_time() -> None:
    async with staged() as stage:
        session, _ = await stage.login()
        ticket = stage.logins.make_ticket(session).ticket
        assert stage.logins.take_ticket(ticket) == (ANNA, f"{MARK}{session.id}")
        assert stage.logins.take_ticket(ticket) is None
        late, link = stage.logins.make_ticket(session).ticket, stage.logins.make_link(ANNA, "h1")
        stage.now += 31.0
        assert stage.logins.take_ticket(late) is None
        assert stage.logins.take_link(link.ticket) == (ANNA, "h1")
        assert stage.logins.take_link(link.ticket) is None
        old = stage.logins.make_link(ANNA, "h1")
        stage.now += old.expires_in_s + 1.0
        assert stage.logins.take_link(old.ticket) is None


async def test_nobody_has_more_logins_than_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OF_ONE_MAX", 2)
    async with staged() as stage:
        kept = []
        for _ in range(3):
            stage.now += 1.0
            kept.append((await stage.login())[0].id)
        assert stage.ended == 1, "the connections of the oldest are closed"
        await stage.login(BERT)
        assert [each.id for each in stage.logins.views(ANNA)] == [kept[2], kept[1]]


async def test_a_row_that_nobody_wrote_so_is_forgotten() -> None:
    async with staged() as stage:
        odd = ConsoleRow(kind=RowKind.SESSION, id="odd", principal="anna", body=b"{}")
        await stage.book.put(odd)
    async with staged(stage.engine) as after:
        assert after.logins.views(OPS) == []
    assert after.stored == []
