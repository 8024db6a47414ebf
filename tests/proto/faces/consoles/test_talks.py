"""What a console has to do with agents: logins, histories, messages, and what may wait."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.faces.consoles.screen import (
    NOW,
    Event,
    Screen,
    answered,
    login_of,
    manager,
    reading,
    said,
    with_agent,
)

from agentgate_proto.errors import ERRORS, ErrorCode
from agentgate_proto.faces.consoles.effects import LogIn, LogOut, Read, Say, StopReading
from agentgate_proto.faces.consoles.talks import (
    AGENTS_MAX,
    ANEW,
    FULL,
    HELD_MAX,
    HELD_S,
    INVALID,
    LOGINS_MAX,
    NOT_LOGGED_IN,
    TOO_MANY_AGENTS,
    WHICH,
)
from agentgate_proto.faces.consoles.waiting import BYTES_MAX, MESSAGES_MAX, Waiting
from agentgate_proto.rpc.session_methods import SendMessage


def two_agents() -> tuple[Screen, int, int]:
    screen, first = with_agent()
    screen.emit("login", {"agentId": "a2", "password": "s"}).log_in(login_of("a2", "Bob"))
    return screen, first, reading(screen)


def params_of(screen: Screen) -> SendMessage:
    return screen.next(Say).params


# Logins


@pytest.mark.parametrize("words", ["", "no agent of that name"])
def test_a_refused_login_says_nothing_of_whether_there_is_such_an_agent(words: str) -> None:
    screen = manager().emit("login", {"agentId": "a1", "password": "x"}, ack=3)
    screen.refuse(ErrorCode.LOGIN_FAILED, words)
    problem = {"message": "Invalid credentials", "agentId": "a1"}
    assert screen.told == [("loginError", problem)]
    assert screen.acks[3] == {"error": problem}
    assert not screen.todo


def test_who_guesses_is_told_to_wait() -> None:
    screen = manager().emit("login", {"agentId": "a1", "password": "x"})
    screen.refuse(ErrorCode.LOGIN_FAILED, "", {"retry_after_s": 4.2})
    assert screen.told[0][1]["message"] == "Too many attempts: try again in 5 s"


@pytest.mark.parametrize("words", ["", "the link is closed"])
def test_another_reason_is_said(words: str) -> None:
    screen = manager().emit("login", {"agentId": "a1", "password": "x"})
    screen.refuse(ErrorCode.CONNECTION_LOST, words)
    assert screen.told[0][1]["message"] == words or ERRORS[ErrorCode.CONNECTION_LOST].message


def test_logging_in_again_shows_the_whole_history_again_and_nothing_of_the_former_reading() -> None:
    screen, former = with_agent()
    screen.emit("login", {"agentId": "Ada", "password": "s"})
    screen.read(former, said("live"))
    assert len(screen.fresh()) == 1
    screen.log_in()
    assert screen.todo[0] == StopReading(former)
    assert isinstance(screen.todo[1], Read)
    screen.read(former, said("live"))
    assert [event for event, _ in screen.told] == ["loginSuccess"]


def test_a_login_that_nobody_waits_for_any_more_is_undone() -> None:
    screen = manager().emit("login", {"agentId": "a1", "password": "s"})
    screen.emit("login", {"agentId": "a2", "password": "s"})
    screen.console.close()
    screen.log_in()
    screen.refuse()
    assert screen.todo == [LogOut("a1")]
    assert not screen.told


def test_a_login_that_comes_late_undoes_none_that_was_made_since() -> None:
    screen = manager().emit("login", {"agentId": "a1", "password": "s"})
    late = screen.next(LogIn)
    screen.console.close()
    screen.emit("login", {"agentId": "a1", "password": "s"}).log_in()
    reading(screen)
    screen.console.talks.logged_in(late.number, login_of(), NOW)
    assert not screen.look().todo
    assert not screen.told


def test_a_console_talks_to_so_many_agents() -> None:
    screen = manager()
    for number in range(AGENTS_MAX):
        screen.emit("login", {"agentId": f"a{number}", "password": "s"})
        if number % 2:
            screen.log_in(login_of(f"a{number}"))
        screen.todo.clear()
    screen.clear().emit("login", {"agentId": "more", "password": "s"}, ack=1)
    assert screen.told == [("error", {"message": TOO_MANY_AGENTS, "agentId": "more"})]
    assert screen.acks[1]["error"]["message"] == TOO_MANY_AGENTS
    screen.clear().emit("login", {"agentId": "a0", "password": "s"})
    assert isinstance(screen.todo[0], LogIn)  # to one of those, again


def test_so_many_logins_are_under_way_at_once() -> None:
    screen = manager()
    for _ in range(LOGINS_MAX + 1):
        screen.emit("login", {"agentId": "a1", "password": "s"})
    assert len(screen.todo) == LOGINS_MAX
    assert len(screen.told) == 1


# Logouts


@pytest.mark.parametrize("wanted", ["a2", "Bob", ""])
def test_one_can_only_leave_where_one_is(wanted: str) -> None:
    screen, _ = with_agent()
    if not wanted:
        screen.emit("logout")
        screen.clear()
    screen.emit("logout", {"agentId": wanted})
    assert screen.told[0][1]["message"] == NOT_LOGGED_IN


def test_of_several_one_is_to_be_named() -> None:
    screen, first, _ = two_agents()
    screen.emit("logout", {}).emit("chat", {"message": "Hi"}, ack=1)
    assert [payload["message"] for _, payload in screen.told] == [WHICH, WHICH]
    assert "error" in screen.acks[1]
    screen.clear().emit("logout", {"agent": "Ada"})
    assert screen.todo == [StopReading(first), LogOut("a1")]
    screen.clear().emit("chat", {"message": "Hi"})
    assert params_of(screen).session == "agent:a2"


# Messages


def test_several_agents_never_mix() -> None:
    screen, first, second = two_agents()
    screen.emit("chat", {"message": "to Ada", "agentId": "a1"})
    screen.emit("chat", {"message": "to Bob", "agentId": "Bob"})
    assert [params_of(screen).session, params_of(screen).session] == ["agent:a1", "agent:a2"]
    screen.read(second, said("to Bob")).read(first, said("to Ada"), answered("I am Ada"))
    assert [payload["agentId"] for _, payload in screen.told] == ["a2", "a1", "a1"]


def test_a_message_that_comes_again_has_the_same_name_and_others_have_others() -> None:
    names = []
    for principal, agent, message, correlation in [
        ("anna", "a1", "Hi", "c1"),
        ("anna", "a1", "Hi", "c1"),
        ("bob", "a1", "Hi", "c1"),
        ("anna", "a2", "Hi", "c1"),
        ("anna", "a1", "Ho", "c1"),
        ("anna", "a1", "Hi", "c2"),
    ]:
        screen = manager(principal=principal).emit("login", {"agentId": agent, "password": "s"})
        screen.log_in(login_of(agent))
        reading(screen)
        screen.emit("chat", {"message": message, "correlationId": correlation})
        names.append(params_of(screen).message_id)
    assert names[0] == names[1]
    assert len(set(names)) == 5
    assert all(name.startswith("c:") for name in names)


def test_messages_without_a_name_get_one_each() -> None:
    screen, _ = with_agent()
    screen.emit("chat", {"message": "Hi"}).emit("chat", {"message": "Hi"})
    one, two = params_of(screen).message_id, params_of(screen).message_id
    assert one != two
    assert one.startswith("p-")


@pytest.mark.parametrize("words", ["", "the queue is full"])
def test_a_message_that_is_refused_says_why(words: str) -> None:
    screen, _ = with_agent()
    screen.emit("chat", {"message": "Hi", "agentId": "a1", "correlationId": "c"}, ack=1)
    screen.refuse(ErrorCode.LIMIT_EXCEEDED, words)
    shown = words or ERRORS[ErrorCode.LIMIT_EXCEEDED].message
    problem = {"message": shown, "agentId": "a1", "correlationId": "c"}
    assert screen.told == [("error", problem)]
    assert screen.acks[1] == {"error": problem}


@pytest.mark.parametrize("code", [ErrorCode.SESSION_NOT_FOUND, ErrorCode.LOGIN_FAILED])
def test_if_the_login_is_gone_so_is_the_talk(code: ErrorCode) -> None:
    screen, number = with_agent()
    screen.emit("chat", {"message": "Hi"}).emit("chat", {"message": "Ho"})
    screen.refuse(code)
    assert screen.told == [("error", {"message": NOT_LOGGED_IN})]
    screen.refuse(code)
    assert screen.todo == [StopReading(number), LogOut("a1")]
    assert len(screen.told) == 2


# What waits for a login


def test_what_was_kept_offline_comes_before_the_login_and_goes_after_it_in_order() -> None:
    screen = manager()
    screen.emit("chat", {"message": "one", "agentId": "a1"})
    screen.emit("chat", {"message": "two", "agentId": "Ada"})
    screen.emit("chat", {"message": "three"})
    screen.emit("chat", {"message": "to Bob", "agentId": "a2"})
    assert not screen.todo
    screen.emit("login", {"agentId": "Ada", "password": "s"}).log_in()
    assert isinstance(screen.todo.pop(0), Read)
    assert [params_of(screen).text for _ in range(3)] == ["one", "two", "three"]
    assert not screen.todo
    assert screen.console.next_deadline() == NOW + HELD_S
    screen.told.clear()
    screen.at(NOW + HELD_S)
    assert screen.told == [("error", {"message": NOT_LOGGED_IN, "agentId": "a2"})]
    assert screen.console.next_deadline() is None


@pytest.mark.parametrize("wanted", ["a1", ""])
def test_while_a_login_is_under_way_it_is_waited_for_as_long_as_it_takes(wanted: str) -> None:
    screen = manager().emit("login", {"agentId": "a1", "password": "s"})
    screen.emit("chat", {"message": "Hi", "agentId": wanted}, ack=1)
    assert screen.console.next_deadline() is None
    screen.at(NOW + 100 * HELD_S)
    assert not screen.told
    screen.log_in()
    assert isinstance(screen.todo.pop(0), Read)
    screen.taken()
    assert screen.acks[1]["received"]


def test_if_that_goes_wrong_so_does_the_message() -> None:
    screen = manager().emit("login", {"agentId": "a1", "password": "s"})
    screen.emit("login", {"agentId": "a1", "password": "t"})
    screen.emit("chat", {"message": "Hi", "agentId": "a1", "correlationId": "c"}, ack=1)
    screen.emit("chat", {"message": "Hi"}, ack=2)
    screen.refuse()
    assert [event for event, _ in screen.fresh()] == ["loginError"]  # the other may go well
    screen.refuse()
    assert screen.told[1] == (
        "error",
        {"message": INVALID, "agentId": "a1", "correlationId": "c"},
    )
    assert list(screen.acks) == [1]
    screen.at(NOW + HELD_S)
    assert screen.acks[2] == {"error": {"message": NOT_LOGGED_IN}}


def test_so_many_messages_wait_for_a_login() -> None:
    screen = manager()
    for _ in range(HELD_MAX + 1):
        screen.emit("chat", {"message": "Hi"})
    assert screen.told == [("error", {"message": FULL})]


def test_what_waits_is_counted_by_principal_until_it_is_settled_or_given_up() -> None:
    waiting = Waiting()

    def fill() -> None:
        assert all(waiting.take("anna", 0) for _ in range(MESSAGES_MAX))
        assert not waiting.take("anna", 0)
        for _ in range(MESSAGES_MAX):
            waiting.give_back("anna", 0)

    screen = manager(waiting).emit("login", {"agentId": "a1", "password": "s"}).log_in()
    reading(screen)
    other = manager(waiting)
    for _ in range(MESSAGES_MAX):
        screen.emit("chat", {"message": "Hi"})
    other.emit("chat", {"message": "Hi"}, ack=1)
    assert other.acks[1] == {"error": {"message": FULL}}
    screen.taken().refuse(ErrorCode.LIMIT_EXCEEDED)
    other.emit("chat", {"message": "Hi"}).emit("chat", {"message": "Hi"})
    other.emit("chat", {"message": "Hi"}, ack=2)
    assert 2 in other.acks
    other.console.close()
    screen.console.close()
    for _ in range(MESSAGES_MAX - 2):
        screen.taken()
    fill()


# Reading


def test_that_lines_are_missing_is_said_once() -> None:
    screen = manager().emit("login", {"agentId": "a1", "password": "s"}).log_in(login_of(oldest=9))
    assert screen.told[1][1]["response"]["type"] == "notice"
    number = screen.next(Read).number
    screen.read(number, Event("gap", {"reason": "retention"}, count=3), said())
    assert [event for event, _ in screen.told] == ["loginSuccess", "chatMessage", "chatMessage"]


def test_a_history_that_loses_its_beginning_later_says_so_in_its_place() -> None:
    screen, number = with_agent()
    screen.read(number, said(), Event("gap", {"reason": "retention"}), said(), Event("text", {}))
    assert [payload["from"] for _, payload in screen.told] == ["user", "agent", "user"]
    screen.read(number, Event("gap", {}, count=5))
    assert len(screen.told) == 3


@pytest.mark.parametrize("reason", ["epoch", "ahead"])
def test_a_history_that_is_not_the_one_that_was_shown_ends_the_talk(reason: str) -> None:
    screen, number = with_agent()
    screen.read(number, said("old"), Event("gap", {"reason": reason}), said("new"))
    assert [event for event, _ in screen.told] == ["chatMessage", "error"]
    assert screen.told[1][1] == {"message": ANEW, "agentId": "a1"}
    assert screen.todo == [StopReading(number), LogOut("a1")]


@pytest.mark.parametrize(
    ("code", "event", "words"),
    [
        (ErrorCode.LOGIN_FAILED, "loginError", "Invalid credentials"),
        (ErrorCode.SESSION_NOT_FOUND, "loginError", "Invalid credentials"),
        (ErrorCode.FORBIDDEN, "error", "Forbidden, I said: log in again"),
    ],
)
def test_a_reading_that_ends_is_told(code: ErrorCode, event: str, words: str) -> None:
    screen, number = with_agent()
    screen.console.talks.ended(number, code, "Forbidden, I said")
    screen.look()
    expected = {"message": words, "agentId": "a1"}
    assert screen.told == [(event, expected)]
    assert screen.todo == [LogOut("a1")]
    screen.console.talks.ended(number, code, "")
    assert not screen.clear().look().told


def test_a_gateway_that_stops_says_nothing_of_it() -> None:
    screen, number = with_agent()
    screen.console.talks.ended(number, None, "")
    assert not screen.look().told
    screen, number = with_agent()
    screen.console.talks.ended(number, ErrorCode.INTERNAL_ERROR, "")
    assert screen.look().told[0][1]["message"] == "Internal error: log in again"


ASKED = {
    "login": ("login", {"password": "s"}),
    "chat": ("chat", {"message": "Hi"}),
    "logout": ("logout", {}),
}


class Account:
    """Keeps account of what a console wanted done, and reports to it.

    Attributes:
        readings: those that are open.
        used: agents that it is logged in to.
        unsettled: what is to be reported.
    """

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.readings: set[int] = set()
        self.used: set[str] = set()
        self.unsettled: list[LogIn | Say] = []

    def look(self) -> None:
        for effect in self.screen.look().todo:
            match effect:
                case LogIn() | Say():
                    self.unsettled.append(effect)
                case Read(number):
                    self.readings.add(number)
                case StopReading(number):
                    self.readings.remove(number)
                case LogOut(agent):
                    self.used.remove(agent)
        self.screen.todo.clear()

    def settle(self, effect: LogIn | Say, *, goes_well: bool) -> None:
        talks, now = self.screen.console.talks, self.screen.now
        self.unsettled.remove(effect)
        match effect:
            case Say(number) if goes_well:
                talks.said(number)
            case Say(number):
                talks.not_said(number, ErrorCode.SESSION_NOT_FOUND, "")
            case LogIn(number, agent) if goes_well:
                self.used.add(agent)
                talks.logged_in(number, login_of(agent), now)
            case LogIn(number):
                talks.login_failed(number, ErrorCode.LOGIN_FAILED, "", None, now)
        self.look()

    def settle_all(self) -> None:
        while self.unsettled:
            self.settle(self.unsettled[0], goes_well=True)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([*ASKED, "late", "yes", "no"]),
            st.sampled_from(["a1", "a2", ""]),
            st.booleans(),
        ),
        max_size=40,
    )
)
def test_whatever_happens_each_event_is_acknowledged_once_and_all_is_left_in_the_end(
    steps: list[tuple[str, str, bool]],
) -> None:
    waiting = Waiting()
    screen = manager(waiting)
    account = Account(screen)
    asked: list[int] = []
    for step, agent, is_last in steps:
        if step == "late":
            screen.at(screen.now + HELD_S)
        elif step in ASKED:
            event, argument = ASKED[step]
            asked.append(len(asked))
            screen.emit(event, {**argument, "agentId": agent}, ack=asked[-1])
        elif account.unsettled:
            account.settle(account.unsettled[-1 if is_last else 0], goes_well=step == "yes")
        account.look()
    account.settle_all()
    screen.at(screen.now + 2 * HELD_S)
    account.look()
    account.settle_all()
    assert sorted(screen.acks) == asked
    assert len(account.readings) == len(account.used)
    screen.console.close()
    account.look()
    assert not account.readings
    assert not account.used
    assert waiting.take("anna", BYTES_MAX)
