"""Responses: what the ledger wants a connection told, said in the connection's own verbs."""

from __future__ import annotations

import logging
from collections.abc import Callable

from agentgate_proto.connection.base import TAKEN_OVER
from agentgate_proto.errors import ConnectionClosedError
from agentgate_proto.ledger.effects import (
    Answer,
    AnswerCancel,
    AnswerPending,
    Attached,
    Effect,
    Refusal,
    TakenOver,
    TurnedAway,
    Waiting,
)
from agentgate_proto.records.request import Record, rfc3339
from agentgate_proto.rpc.messages import RequestWaiting
from agentgate_proto.rpc.results import CancelResult, CancelStatus
from agentgate_server.observing import Observers
from agentgate_server.sockets.peer import Peer

log = logging.getLogger(__name__)


class Responder:
    """Does what concerns one connection.

    Args:
        observers: hears what was sent and refused.
        accept: tells a connection that it is authenticated, and the highest id that is known.
    """

    def __init__(self, observers: Observers, accept: Callable[[Peer, int], None]) -> None:
        self.observers = observers
        self.accept = accept

    def respond(self, peer: Peer, effect: Effect) -> None:
        """Tell a connection what an effect is about."""
        connection = peer.connection
        match effect:
            case Answer(_, request_id, outcome, rid, joined_at):
                connection.send_outcome(request_id, outcome, rid, joined_at)
                self.observers.sent(rid)
            case Refusal(_, request_id, code, message, retry_after_s):
                self.observers.refused(peer.name, "", code)
                data = None if retry_after_s is None else {"retry_after_s": retry_after_s}
                connection.send_error(request_id, code, message, data)
            case AnswerPending(_, call_id, records, pending, more):
                connection.send_pending_results(call_id, records, pending, more=more)
            case AnswerCancel(_, call_id, status):
                connection.send_result(call_id, CancelResult(CancelStatus(status)))
            case Attached(_, highest_id):
                self.accept(peer, highest_id)
            case TakenOver():
                connection.close(TAKEN_OVER, "a newer connection of this client took over")
            case TurnedAway(_, reason):
                connection.turn_away(reason, 1.0)
            case Waiting(_, record):
                tell_waiting(peer, record)
            case _:
                raise AssertionError(f"not for a connection: {effect!r}")


def tell_waiting(peer: Peer, record: Record) -> None:
    """Tell a client that a person is asked."""
    notice = RequestWaiting(
        request_id=record.request_id,
        expires_at=rfc3339(record.expires_at),
        rule=record.description or record.rule,
    )
    try:
        peer.connection.send_notification("request_waiting", notice)
    except ConnectionClosedError:
        log.debug("connection %d closed before it heard of a waiting request", peer.number)
