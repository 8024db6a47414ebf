"""The desk of a gateway behind: shared logins, and on whose behalf things are said."""

from __future__ import annotations

from tests.server.faces.memory_link import MemoryLink

from agentgate_proto.errors import AgentGateError, ErrorCode
from agentgate_proto.principal import Principal, Role
from agentgate_proto.rpc.agent_methods import AgentLogin
from agentgate_proto.rpc.behalf import OnBehalf
from agentgate_proto.rpc.session_methods import SendMessage
from agentgate_server.faces.link_desk import LOGINS_MAX, LinkDesk, SharedLogins

ANNA = Principal(name="anna", role=Role.CONSOLE)
BOB = Principal(name="bob", role=Role.CONSOLE)


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
    logins, ends = SharedLogins(link), Ends()
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
    logins, ends = SharedLogins(link), Ends()
    one, two = LinkDesk(link, logins, ANNA), LinkDesk(link, logins, ANNA)
    one.log_in("a2", "s2", ends)
    two.log_in("a2", "x", ends)
    assert link.logged_in == ["a2"]


def test_what_is_said_names_who_says_it() -> None:
    link = MemoryLink()
    desk, ends = LinkDesk(link, SharedLogins(link), ANNA), Ends()
    desk.log_in("a1", None, ends)
    results: list[object] = []
    params = SendMessage(session="agent:a1", text="Hi", message_id="m", queue=True)
    desk.say(params, lambda result, error: results.append(error))
    assert results == [None]
    assert link.said == [("m", OnBehalf(principal="anna", hops=("here",)))]


def test_the_same_login_is_made_once_for_all_who_want_it_meanwhile() -> None:
    link = MemoryLink()
    link.is_held = True
    logins, ends = SharedLogins(link), Ends()
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


def test_nobody_is_logged_out_of_what_another_is_about_to_log_in_to() -> None:
    link = MemoryLink()
    logins, ends = SharedLogins(link), Ends()
    one, two = LinkDesk(link, logins, ANNA), LinkDesk(link, logins, ANNA)
    one.log_in("a1", None, ends)
    link.is_held = True
    two.log_in("a1", "s1", ends)
    one.log_out("a1")
    assert link.logged_in == ["a1"]  # else the logout might come there after the login
    link.release()
    two.log_out("a1")
    assert link.logged_in == []


def test_who_tries_many_agents_takes_no_login_from_others() -> None:
    link = MemoryLink()
    link.is_held = True
    logins, ends = SharedLogins(link), Ends()
    anna, bob = LinkDesk(link, logins, ANNA), LinkDesk(link, logins, BOB)
    for number in range(LOGINS_MAX + 1):
        anna.log_in(f"a1{number}", "x", ends)
    assert [error.code for error in ends.errors] == [ErrorCode.LIMIT_EXCEEDED]
    bob.log_in("a1", "s1", ends)
    link.release()
    assert link.logged_in == ["a1"]
    anna.log_in("a1", None, ends)
    assert len(ends.logins) == 2


def test_the_gateway_there_is_told_whose_guess_a_password_is() -> None:
    link = MemoryLink()
    logins, ends = SharedLogins(link), Ends()
    anna, bob = LinkDesk(link, logins, ANNA), LinkDesk(link, logins, BOB)
    anna.log_in("a1", "wrong", ends)
    bob.log_in("a1", None, ends)  # the stored one is nobody's guess
    assert link.tried == [("a1", OnBehalf(principal="anna", hops=("here",))), ("a1", None)]


def test_the_same_guess_of_two_is_made_for_each() -> None:
    link = MemoryLink()
    link.is_held = True
    logins, ends = SharedLogins(link), Ends()
    for who in (ANNA, BOB):
        LinkDesk(link, logins, who).log_in("a1", "wrong", ends)
        LinkDesk(link, logins, who).log_in("a1", None, ends)
    assert [by.principal if by else "" for _, by in link.tried] == ["anna", "", "bob"]
    link.release()
    assert (len(ends.logins), len(ends.errors)) == (2, 2)
