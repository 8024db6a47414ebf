"""Collecting: what a client that is back is told of what it missed (``get_pending_results``).

Our SDK takes the rows of the reply. To an old client a row is no answer: its call ends with an
ordinary response under the original id, which follows the reply wherever the row is the process's
own, and so does what still waits, when it ends. What had no room in the one reply that an old
client asks for follows its receipts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from operator import attrgetter

from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.delivery import Delivery
from agentgate_proto.ledger.effects import (
    Answer,
    AnswerPending,
    Effect,
    Purpose,
    Question,
    Refusal,
    Token,
)
from agentgate_proto.ledger.links import Link
from agentgate_proto.limits import PENDING_BYTES_MAX, PENDING_READ_BYTES_MAX, PENDING_ROWS_MAX
from agentgate_proto.records.request import Record
from agentgate_proto.records.storage import Undelivered, record_bytes


class Collecting:
    """Answers those who ask for what they missed. Emits effects into the ledger's queue.

    Args:
        delivery: knows the connections, and what is on its way to them.
        effects: the ledger's output queue.
    """

    def __init__(self, delivery: Delivery, effects: deque[Effect]) -> None:
        self._delivery = delivery
        self._effects = effects

    def received(self, number: int, rids: Sequence[str]) -> tuple[str, ...]:
        """As :meth:`Delivery.received`; what had no room in a reply follows."""
        mine = self._delivery.received(number, rids)
        link = self._delivery.links.get(number)
        if link is not None and link.has_more and not link.sent:
            link.has_more = False
            self._list_undelivered(link, Purpose.LATE, None)
        return mine

    def collect(self, number: int, call_id: int | str | None) -> None:
        """A client asks for what it missed; ``AnswerPending`` follows."""
        link = self._delivery.links.get(number)
        if link is None:
            return
        link.replies_due += 1
        link.passed_over.clear()
        self._list_undelivered(link, Purpose.COLLECT, call_id)

    def _list_undelivered(self, link: Link, why: Purpose, call_id: int | str | None) -> None:
        siblings = self._delivery.links.of_old_clients(link.principal) if link.is_old else [link]
        limit = PENDING_ROWS_MAX + 1 + len(link.requests)  # rows of ids in use here are left out
        query = Undelivered(
            link.principal,
            link.client_id,
            limit,
            newest_first=link.is_old,
            besides=(*link.passed_over, *(rid for sibling in siblings for rid in sibling.sent)),
            bytes_max=PENDING_READ_BYTES_MAX,
        )
        token = Token(why, link=link.number, call_id=call_id, limit=limit)
        self._effects.append(Question(query, token))

    def collected(self, token: Token, rows: Sequence[Record]) -> None:
        """The store has listed what was not delivered."""
        link = self._delivery.links.get(token.link)
        if link is None:
            return
        if link.is_old:  # the newest first: of two rows with one id that is its own
            rows = sorted(rows, key=attrgetter("created_at"), reverse=True)
            self._adopt_orphans(link, token.call_id, rows)
        eligible = self._eligible(link, rows)
        records = first_page(eligible)
        if not records and is_cut(rows, token.limit):
            self._look_further(link, token, rows)
            return
        for record in records:
            self._delivery.note_sent(link, record.rid, record.request_id, record.created_at)
        more = len(records) < len(eligible) or is_cut(rows, token.limit)
        link.has_more |= more and link.is_old
        more = more and bool(records)  # who asks again gets something
        pending = self._pending(link)
        reply = AnswerPending(link.number, token.call_id, records, pending, more)
        self._delivery.reply(link, reply)
        if link.is_old:
            for record in self._awaited(link, rows, records):
                self._send_row(link, record)
        for rid in list(self._delivery.links.requests_at(link).values()):
            live = self._delivery.live[rid]
            if live.public:
                self._delivery.answer(live, rid)

    def collect_failed(self, token: Token, text: str) -> None:
        """The store could not list what was not delivered; the client may ask again."""
        link = self._delivery.links.get(token.link)
        if link is not None:
            code = ErrorCode.INTERNAL_ERROR
            self._delivery.reply(link, Refusal(link.number, token.call_id, code, text, 1.0))

    def late(self, row: Record) -> None:
        """The store has what a dead link of an old client left without a receipt."""
        heir = self._delivery.links.heir(row.principal, row.request_id)
        if heir is None or row.rid in self._delivery.sent or row.delivered:
            return
        if self._awaited(heir, [row], [row]):
            self._send_row(heir, row)

    def go_on(self, token: Token, rows: Sequence[Record]) -> None:
        """What an old client's one reply had no room for follows, as far as it waits for it."""
        link = self._delivery.links.get(token.link)
        if link is None:
            return
        page = first_page(self._awaited(link, rows, self._eligible(link, rows)))
        if not page and is_cut(rows, token.limit):
            self._look_further(link, token, rows)
            return
        for row in page:
            self._send_row(link, row)
        link.has_more = bool(page)

    def _look_further(self, link: Link, token: Token, rows: Sequence[Record]) -> None:
        """None of these is for this client now, and there may be others."""
        link.passed_over.update((row.rid, None) for row in rows)
        self._list_undelivered(link, token.purpose, token.call_id)

    def _send_row(self, link: Link, row: Record) -> None:
        assert row.outcome is not None, "what is undelivered is done"
        answer = Answer(link.number, row.request_id, row.outcome, row.rid, row.joined_at)
        self._delivery.send(link, answer, row.created_at)

    def _awaited(self, link: Link, rows: Sequence[Record], among: Sequence[Record]) -> list[Record]:
        """What the calls of an old client's process wait for: to it a row is no answer.

        Of several requests with one id, only the newest can be this process's. It may still be
        under way on a connection that is dead and not known to be.

        Args:
            link: where the client is now.
            rows: what the store has.
            among: those of them that may be answered here.
        """
        newest = self._last_asked(link, rows, under_way=True)
        return [
            row
            for row in among
            if link.continues(row.request_id) and row.created_at >= newest[row.request_id]
        ]

    def _last_asked(
        self, link: Link, rows: Sequence[Record] = (), *, under_way: bool = False
    ) -> dict[int | str, float]:
        """When ids of a principal's old clients were last used.

        Args:
            link: one of these clients.
            rows: outcomes that nobody has; those that are on their way count besides.
            under_way: what waits on other connections counts, too.
        """
        used = [(row.request_id, row.created_at) for row in rows]
        for sibling in self._delivery.links.of_old_clients(link.principal):
            used += sibling.sent.values()
            if under_way and sibling is not link:
                for request_id, rid in sibling.requests.items():
                    live = self._delivery.live[rid]
                    caller = self._delivery.caller_of(live, sibling, request_id)
                    used.append((request_id, (caller.record or live.record).created_at))
        last: dict[int | str, float] = {}
        for request_id, asked_at in used:
            last[request_id] = max(asked_at, last.get(request_id, asked_at))
        return last

    def _eligible(self, link: Link, rows: Sequence[Record]) -> list[Record]:
        """Leave out what is on its way to somebody.

        And what has an id that an old client uses for a request of its own on this very connection:
        it would take the row for that one's.
        """
        taken = held_ids(link).keys() | link.requests.keys()
        return [a for a in rows if a.rid not in self._delivery.sent and a.request_id not in taken]

    def _adopt_orphans(self, link: Link, call_id: int | str | None, rows: Sequence[Record]) -> None:
        """Give an old client what it still waits for: of each id the newest, done or not."""
        link.collects_as(call_id)
        done = self._last_asked(link, rows)
        orphans = self._delivery.orphans.get(link.principal, {})
        for caller, live in reversed(list(orphans.items())):
            asked_at = (caller.record or live.record).created_at
            is_newest = asked_at >= done.get(caller.request_id, 0.0)
            if is_newest and link.continues(caller.request_id):
                del orphans[caller]
                self._delivery.hand_over(live, caller, link)
        if not orphans:
            self._delivery.orphans.pop(link.principal, None)

    def _pending(self, link: Link) -> list[int | str]:
        """The ids that are known and not answered, as this client may know them.

        What is held for this very reply is answered right after it: a client that was not told so
        would send it again, and then take that answer for the end of what it has sent.
        """
        ids = list(self._delivery.links.requests_at(link) | held_ids(link))
        if link.is_old:
            ids.extend(
                caller.request_id for caller in self._delivery.orphans.get(link.principal, {})
            )
        return ids


def held_ids(link: Link) -> dict[int | str, str]:
    """The ids of requests that are answered as soon as nothing may be overtaken any more."""
    held = (effect for effect in link.held if isinstance(effect, Answer | Refusal))
    return {effect.request_id: "" for effect in held if effect.request_id is not None}


def first_page(rows: Sequence[Record]) -> list[Record]:
    """As many rows as one reply may hold; at least one, if there is one."""
    page: list[Record] = []
    size = 0
    for row in rows[:PENDING_ROWS_MAX]:
        size += len(bytes(row.outcome.data)) + len(row.outcome.message) if row.outcome else 0
        if page and size > PENDING_BYTES_MAX:
            break
        page.append(row)
    return page


def is_cut(rows: Sequence[Record], limit: int) -> bool:
    """Whether the store may have more than these."""
    return len(rows) >= limit or sum(map(record_bytes, rows)) > PENDING_READ_BYTES_MAX
