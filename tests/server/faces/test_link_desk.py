"""The desk of a gateway behind: shared logins, and on whose behalf things are said."""

from __future__ import annotations

from tests.server.faces.memory_link import MemoryLink

from agentgate_proto.errors import AgentGateError, ErrorCode
from agentgate_proto.principal import Principal, Role
from agentgate_proto.rpc.agent_methods import AgentLogin
from agentgate_proto.rpc.behalf import OnBehalf
from agentgate_proto.rpc.session_methods import SendMessage
from agentgate_server.faces.link_desk import LinkDesk, SharedLogins

ANNA = Principal(name="anna", role=Role.CONSOLE)


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
