"""Which statement lists what a query asks for."""

from __future__ import annotations

import msgspec

from agentgate_proto.records.storage import ListRequests, Undelivered
from agentgate_server.store import statements
from agentgate_server.store.statements import Statement


def undelivered(query: Undelivered) -> Statement:
    """The statement for outcomes that nobody has for certain."""
    sql = statements.UNDELIVERED_NEWEST if query.newest_first else statements.UNDELIVERED
    besides = msgspec.json.encode(query.besides).decode()
    return sql, (query.principal, query.client_id, besides, query.limit)


def requests(query: ListRequests, place: int) -> Statement:
    """The statement for requests that were first put before this place."""
    if query.principal is None:
        sql = statements.LIST_OPEN if query.open_only else statements.LIST_ALL
        return sql, (place, query.limit)
    sql = statements.LIST_OPEN_PRINCIPAL if query.open_only else statements.LIST_PRINCIPAL
    return sql, (query.principal, place, query.limit)
