"""Who is due comes first and once, and who waits no more is not kept for ever."""

from __future__ import annotations

from agentgate_proto.client.patience import Patience


def test_who_is_due_first_comes_first_and_once() -> None:
    patience = Patience()
    for at, handle in ((3.0, 1), (1.0, 2), (2.0, 3)):
        patience.add(at, handle)
    assert patience.next_deadline() == 1.0
    assert patience.take(0.9) is None
    assert [patience.take(2.0), patience.take(2.0), patience.take(2.0)] == [2, 3, None]
    assert patience.next_deadline() == 3.0
    assert patience.take(9.0) == 1
    assert patience.next_deadline() is None
    assert patience.take(9.0) is None


def test_those_that_are_over_are_forgotten_once_they_are_the_most() -> None:
    patience = Patience()
    for handle in range(6):
        patience.add(9.0 - handle, handle)
    patience.prune({0, 1, 2}, 3)
    assert len(patience) == 6
    patience.prune({0, 5}, 2)
    assert len(patience) == 2
    assert [patience.take(9.0), patience.take(9.0)] == [5, 0]
