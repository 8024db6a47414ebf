"""The desk of a gateway behind: shared logins, and on whose behalf things are said."""

from __future__ import annotations

from collections.abc import Callable

from tests.server.faces.memory_link import MemoryLink

from agentgate_proto.errors import AgentGateError, ErrorCode, exception_for
from agentgate_proto.principal import Principal, Role
from agentgate_proto.rpc.agent_methods import AgentLogin
from agentgate_proto.rpc.behalf import OnBehalf
from agentgate_proto.rpc.session_methods import SendMessage
from agentgate_server.faces.link_desk import (
    LOGINS_MAX,
    WRONG_OF_ALL_PER_MINUTE,
    WRONG_PER_MINUTE,
    LinkDesk,
    SharedLogins,
)
from agentgate_server.relay.link import LoginDone

ANNA = Principal(name="anna", role=Role.CONSOLE)
BOB = Principal(name="bob", role=Role.CONSOLE)


def shared(link: MemoryLink, clock: Callable[[], float] = float) -> SharedLogins:
    return SharedLogins(link, clock)


class Ends:
    """Keeps the ends of logins."""

    def __init__(self) -> None:
        self.logins: list[AgentLogin] = []
        self.errors: list[AgentGateError] = []

    def __call__(self, login: AgentLogin | None, error: AgentGateError | None) -> None:
        if login is not None:
            self.logins.append(login)
        if error is not None:
            self.errors.append(error)


def test_consoles_share_a_login_and_the_last_one_ends_it() -> None:
    link = MemoryLink()
    logins, ends = shared(link), Ends()
    one, two = LinkDesk(link, logins, ANNA), LinkDesk(link, logins, ANNA)
    one.log_in("a1", None, ends)
    two.log_in("a1", "s1", ends)
    two.log_in("a1", "wrong", ends)
    assert len(ends.logins) == 2
    assert ends.errors[0].code == ErrorCode.LOGIN_FAILED
    one.log_out("a1")
    one.log_out("a1")
    assert link.logged_in == ["a1"]
    two.log_out("a1")
    assert link.logged_in == []
    two.log_out("a9")


def test_a_login_that_is_refused_ends_none_of_another() -> None:
    link = MemoryLink()
    logins, ends = shared(link), Ends()
    one, two = LinkDesk(link, logins, ANNA), LinkDesk(link, logins, ANNA)
    one.log_in("a2", "s2", ends)
    two.log_in("a2", "x", ends)
    assert link.logged_in == ["a2"]


def test_what_is_said_names_who_says_it() -> None:
    link = MemoryLink()
    desk, ends = LinkDesk(link, shared(link), ANNA), Ends()
    desk.log_in("a1", None, ends)
    results: list[object] = []
    params = SendMessage(session="agent:a1", text="Hi", message_id="m", queue=True)
    desk.say(params, lambda result, error: results.append(error))
    assert results == [None]
    assert link.said == [("m", OnBehalf(principal="anna", hops=("here",)))]


def test_the_same_login_is_made_once_for_all_who_want_it_meanwhile() -> None:
    link = MemoryLink()
    link.is_held = True
    logins, ends = shared(link), Ends()
    desks = [LinkDesk(link, logins, ANNA) for _ in range(1_000)]
    for desk in desks:
        desk.log_in("a1", "s1", ends)
    assert len(link.held) == 1
    desks[0].log_in("a1", "another", ends)
    assert len(link.held) == 2
    link.release()
    assert len(ends.logins) == 1_000
    assert len(ends.errors) == 1
    for desk in desks:
        assert link.logged_in == ["a1"]
        desk.log_out("a1")
    assert link.logged_in == []


def test_who_tries_many_agents_takes_no_login_from_others() -> None:
    link = MemoryLink()
    link.is_held = True
    logins, ends = shared(link), Ends()
    anna, bob = LinkDesk(link, logins, ANNA), LinkDesk(link, logins, BOB)
    for number in range(LOGINS_MAX + 1):
        anna.log_in(f"a1{number}", "x", ends)
    assert [error.code for error in ends.errors] == [ErrorCode.LIMIT_EXCEEDED]
    bob.log_in("a1", "s1", ends)
    link.release()
    assert link.logged_in == ["a1"]
    anna.log_in("a1", None, ends)
    assert len(ends.logins) == 2


def test_who_guesses_has_to_wait_and_others_have_not() -> None:
    link, now = MemoryLink(), [0.0]
    logins, ends = shared(link, lambda: now[0]), Ends()
    anna, bob = LinkDesk(link, logins, ANNA), LinkDesk(link, logins, BOB)
    for _ in range(WRONG_PER_MINUTE):
        anna.log_in("a1", "wrong", ends)
        anna.log_in("a2", "s2", ends)  # right ones do not count
    assert {error.data for error in ends.errors} == {None}
    anna.log_in("a1", "s1", ends)
    assert ends.errors[-1].code == ErrorCode.LOGIN_FAILED
    assert ends.errors[-1].data == {"retry_after_s": 60 / WRONG_PER_MINUTE}
    anna.log_in("a1", None, ends)  # the stored one is no guess
    bob.log_in("a1", "s1", ends)
    now[0] = 60 / WRONG_PER_MINUTE
    anna.log_in("a1", "s1", ends)
    assert [login.agent for login in ends.logins] == ["a2"] * WRONG_PER_MINUTE + ["a1"] * 3


def test_who_guesses_has_to_wait_also_where_no_name_comes_twice() -> None:
    link = MemoryLink()
    logins, ends = shared(link), Ends()
    anna, bob = LinkDesk(link, logins, ANNA), LinkDesk(link, logins, BOB)
    for number in range(WRONG_OF_ALL_PER_MINUTE):
        anna.log_in("a2", "s2", ends)  # right ones do not count
        anna.log_in(f"none{number}", "wrong", ends)
    assert [error.data for error in ends.errors] == [None] * WRONG_OF_ALL_PER_MINUTE
    anna.log_in("none", "wrong", ends)
    assert ends.errors[-1].data == {"retry_after_s": 60 / WRONG_OF_ALL_PER_MINUTE}
    bob.log_in("a1", "s1", ends)
    assert ends.logins[-1].agent == "a1"


def test_a_login_that_nobody_could_look_at_is_no_guess() -> None:
    class Closed(MemoryLink):
        def login(self, agent: str, password: str | None, done: LoginDone) -> None:
            done(None, exception_for(ErrorCode.CONNECTION_LOST, "closed"))

    link = Closed()
    desk, ends = LinkDesk(link, shared(link), ANNA), Ends()
    for _ in range(2 * WRONG_PER_MINUTE):
        desk.log_in("a1", "s1", ends)
    assert {error.code for error in ends.errors} == {ErrorCode.CONNECTION_LOST}
