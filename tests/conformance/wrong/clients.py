"""Wrong clients: mistakes that somebody might make who has only the specification.

Each is made in our own client and must be found by the cases that it names
(``agent-gate conformance --listen``).
"""

from __future__ import annotations

from tests.conformance.wrong.clients_allowed import ALLOWED
from tests.conformance.wrong.clients_back_off import OF_BACK_OFF
from tests.conformance.wrong.clients_calls import OF_CALLS
from tests.conformance.wrong.clients_kept_rows import OF_KEPT_ROWS
from tests.conformance.wrong.clients_messages import OF_MESSAGES
from tests.conformance.wrong.clients_offers import OF_OFFERS
from tests.conformance.wrong.clients_outcomes import OF_OUTCOMES
from tests.conformance.wrong.clients_patience import OF_PATIENCE
from tests.conformance.wrong.clients_providing import OF_PROVIDING
from tests.conformance.wrong.clients_reconnect import OF_RECONNECT
from tests.conformance.wrong.clients_runs import OF_RUNS
from tests.conformance.wrong.clients_sessions import OF_SESSIONS
from tests.conformance.wrong.clients_words import OF_WORDS
from tests.conformance.wrong.mutation import Mutation

WRONG_CLIENTS: tuple[Mutation, ...] = (
    *OF_MESSAGES,
    *OF_CALLS,
    *OF_RECONNECT,
    *OF_BACK_OFF,
    *OF_PATIENCE,
    *OF_KEPT_ROWS,
    *OF_OUTCOMES,
    *OF_WORDS,
    *OF_SESSIONS,
    *OF_RUNS,
    *OF_PROVIDING,
    *OF_OFFERS,
    *ALLOWED,
)
"""Level by level; at the end those that are unlike ours and right."""
