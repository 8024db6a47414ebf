"""What may have run is remembered until somebody who knew has had it run again."""

import pytest
from msgspec.structs import replace
from tests.proto.ledger_records import record

from agentgate_proto.ledger.unknowns import MAY_HAVE_RUN, Unknowns
from agentgate_proto.records.outcome import Outcome, executed, failed, unknown


@pytest.mark.parametrize("outcome", [executed(b"1"), failed("no")])
def test_an_end_that_is_known_settles_it_if_whoever_decided_was_warned(outcome: Outcome) -> None:
    unknowns, request = Unknowns(2), record()
    unknowns.ended(request, unknown("gone"))
    unknowns.ended(request, outcome)
    assert unknowns.repeats(request), "nobody knew"
    unknowns.ended(replace(request, warning=MAY_HAVE_RUN), outcome)
    assert not unknowns.repeats(request)


def test_beyond_the_cap_the_oldest_is_forgotten() -> None:
    unknowns, requests = Unknowns(2), [record(digest=str(n)) for n in range(3)]
    for request in requests:
        unknowns.mark(request)
    assert [unknowns.repeats(request) for request in requests] == [False, True, True]
