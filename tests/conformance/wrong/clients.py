"""Wrong clients: mistakes that somebody might make who has only the specification.

Each is made in our own client and must be found by the cases that it names
(``agent-gate conformance --listen``).
"""

from __future__ import annotations

from tests.conformance.wrong.clients_offers import OF_OFFERS
from tests.conformance.wrong.clients_outcomes import OF_OUTCOMES
from tests.conformance.wrong.clients_runs import OF_RUNS
from tests.conformance.wrong.mutation import Mutation

WRONG_CLIENTS: tuple[Mutation, ...] = (*OF_RUNS, *OF_OFFERS, *OF_OUTCOMES)
