"""Wrong gateways: mistakes that somebody might make who has only the specification.

Each is made in our own gateway and must be found by the vectors that it names, over real sockets
(``agent-gate conformance URL --serve …``).
"""

from __future__ import annotations

from tests.conformance.wrong.gateways_connections import OF_CONNECTIONS
from tests.conformance.wrong.gateways_messages import OF_MESSAGES
from tests.conformance.wrong.gateways_outcomes import OF_OUTCOMES
from tests.conformance.wrong.gateways_people import OF_PEOPLE
from tests.conformance.wrong.gateways_requests import OF_REQUESTS
from tests.conformance.wrong.gateways_sessions import OF_SESSIONS
from tests.conformance.wrong.gateways_words import OF_WORDS
from tests.conformance.wrong.mutation import Mutation

WRONG_GATEWAYS: tuple[Mutation, ...] = (
    *OF_CONNECTIONS,
    *OF_MESSAGES,
    *OF_OUTCOMES,
    *OF_REQUESTS,
    *OF_PEOPLE,
    *OF_WORDS,
    *OF_SESSIONS,
)
