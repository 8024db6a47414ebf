"""Links: who is connected, who took over from whom, and who continues an old client's process."""

from agentgate_proto.ledger.links import Link, Links, Scope
from agentgate_proto.limits import ID_COUNTED_MAX


def link(number: int, principal: str = "agent", client_id: str = "") -> Link:
    return Link(number, principal, client_id, progress=False)


def links_with(*attached: Link) -> Links:
    links = Links()
    for each in attached:
        links.attach(each)
    return links


def collected(each: Link, upto: int) -> Link:
    each.collected_upto = upto
    return each


def test_ids_above_the_highest_are_new_once_the_store_was_asked_for_it() -> None:
    scope = Scope()
    assert not scope.take(1), "the store may know it"
    scope.known = True
    assert scope.take(2)
    assert not scope.take(2)
    assert not scope.take(1)
    assert scope.take(9)
    assert scope.highest_id == 9


def test_an_id_that_is_no_number_is_never_certainly_new() -> None:
    scope = Scope()
    scope.known = True
    assert not scope.take("a")
    assert scope.highest_id == 0


def test_ids_beyond_those_that_are_counted_are_never_certainly_new() -> None:
    scope = Scope()
    scope.known = True
    assert scope.take(ID_COUNTED_MAX - 1)
    assert not scope.take(ID_COUNTED_MAX + 1)
    assert not scope.take(2**63 - 1)
    assert scope.highest_id == ID_COUNTED_MAX - 1
    assert scope.take(ID_COUNTED_MAX)
    assert scope.highest_id == ID_COUNTED_MAX


def test_the_newer_connection_of_a_client_takes_over() -> None:
    first, second = link(1, client_id="c1"), link(2, client_id="c1")
    links = Links()
    assert links.attach(first) is None
    assert links.attach(second) is first
    assert links.get(1) is None
    assert links.of_client("agent", "c1", 0) is second


def test_another_principal_with_the_same_client_id_is_somebody_else() -> None:
    mine, other = link(1, "ann", "c1"), link(2, "bob", "c1")
    links = links_with(mine)
    assert links.attach(other) is None
    assert links.of_client("ann", "c1", 0) is mine
    assert links.of_client("bob", "c1", 0) is other


def test_an_old_client_may_have_many_connections() -> None:
    first, second = link(1), link(2)
    links = links_with(first, second)
    assert links.of_old_clients("agent") == [second, first]
    assert links.of_client("agent", "", 1) is first
    assert links.of_client("agent", "", 3) is None


def test_a_client_that_is_gone_is_nowhere() -> None:
    gone = link(1, client_id="c1")
    links = links_with(gone)
    links.detach(gone)
    assert links.get(1) is None
    assert links.of_client("agent", "c1", 0) is None
    assert links.of_client("agent", "never seen", 0) is None


def test_old_clients_leave_one_by_one() -> None:
    first, second = link(1), link(2)
    links = links_with(first, second)
    links.detach(first)
    assert links.of_old_clients("agent") == [second]
    links.detach(second)
    assert links.of_old_clients("agent") == []


def test_a_scope_is_forgotten_when_it_has_neither_a_link_nor_requests() -> None:
    only = link(1, client_id="c1")
    links = links_with(only)
    scope = links.scope(only.scope)
    links.forget_idle(only.scope)
    assert links.scope(only.scope) is scope, "its client is connected"
    scope.requests[1] = "r1"
    links.detach(only)
    links.forget_idle(only.scope)
    assert links.scope(only.scope) is scope, "a request is under way"
    scope.requests.clear()
    links.forget_idle(only.scope)
    assert links.scope(only.scope) is not scope
    links.forget_idle(("nobody", "c1"))


def test_an_old_client_continues_a_process_if_it_collects_above_its_ids() -> None:
    each = link(1)
    assert not each.continues(1), "it has not collected"
    each.collected_upto = 3
    assert each.continues(2)
    assert not each.continues(3)
    assert not each.continues("a")
    each.requests[2] = "r2"
    assert not each.continues(2), "it uses the id for another request"


def test_the_heir_is_the_newest_link_that_continues_the_process() -> None:
    first, second, third = collected(link(1), 9), collected(link(2), 9), link(3)
    links = links_with(first, second, third)
    assert links.heir("agent", 1) is second
    assert links.heir("agent", 9) is None
    assert links.heir("somebody else", 1) is None


def test_requests_belong_to_the_client_or_to_the_old_connection() -> None:
    named, old = link(1, client_id="c1"), link(2)
    links = links_with(named, old)
    links.scope(named.scope).requests[1] = "a"
    old.requests[1] = "b"
    assert links.requests_at(named) == {1: "a"}
    assert links.requests_at(old) == {1: "b"}
