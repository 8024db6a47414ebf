"""Small plausible bugs, each of which must be found: by the simulator, or by the unit tests named.

A mutation is an exact text of a source file and what stands there instead. If the text is not in
the file any more the mutation has to be written anew: a list that goes stale proves nothing.
"""

from __future__ import annotations

from tests.sim.mutations.mutation import LIFECYCLE, Mutation
from tests.sim.mutations.of_crowds import OF_CROWDS
from tests.sim.mutations.of_edge import OF_EDGE
from tests.sim.mutations.of_houses import OF_HOUSES
from tests.sim.mutations.of_pressure import OF_PRESSURE
from tests.sim.mutations.of_promises import OF_PROMISES
from tests.sim.mutations.of_providing import OF_PROVIDING
from tests.sim.mutations.of_relays import OF_RELAYS
from tests.sim.mutations.of_requests import OF_REQUESTS
from tests.sim.mutations.of_sessions import OF_SESSIONS
from tests.sim.mutations.of_surroundings import OF_SURROUNDINGS

NONE = Mutation("no bug at all", LIFECYCLE, "import", "import", seeds=600, relays=60, crowds=30)
"""The sources as they are, in which nothing may be found; otherwise no trial proves anything."""

MUTATIONS = (
    *OF_REQUESTS,
    *OF_SURROUNDINGS,
    *OF_PROMISES,
    *OF_SESSIONS,
    *OF_PROVIDING,
    *OF_EDGE,
    *OF_RELAYS,
    *OF_CROWDS,
    *OF_PRESSURE,
    *OF_HOUSES,
)
