"""Named deadlines, against a plain dictionary."""

from enum import Enum, auto

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.chance import examples

from agentgate_proto.connection.timers import Deadline, Timers


class Alarm(Enum):
    TEA = auto()
    BREAD = auto()
    SLEEP = auto()


MOMENTS = st.integers(0, 9).map(float)
ALARMS = st.sampled_from(Alarm)


class TimersAgainstADictionary(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.timers: Timers[Alarm] = Timers()
        self.model: dict[Alarm, float] = {}

    @rule(name=ALARMS, at=MOMENTS)
    def set(self, name: Alarm, at: float) -> None:
        self.timers.set(name, at)
        self.model[name] = at

    @rule(name=ALARMS)
    def cancel(self, name: Alarm) -> None:
        self.timers.cancel(name)
        self.model.pop(name, None)

    @rule()
    def clear(self) -> None:
        self.timers.clear()
        self.model.clear()

    @rule(now=MOMENTS)
    def take_all_that_is_due(self, now: float) -> None:
        due = []
        while (name := self.timers.pop_due(now)) is not None:
            due.append(self.model.pop(name))
        assert due == sorted(due)
        assert all(at <= now for at in due)
        assert all(at > now for at in self.model.values())

    @invariant()
    def the_next_deadline_is_the_earliest_and_asking_changes_nothing(self) -> None:
        deadline = self.timers.next_deadline()
        assert deadline == self.timers.next_deadline()
        if deadline is None:
            assert not self.model
        else:
            assert deadline.at == min(self.model.values())
            assert self.model[deadline.reason] == deadline.at


TimersAgainstADictionary.TestCase.settings = settings(
    max_examples=examples(50), stateful_step_count=25
)
TestTimersAgainstADictionary = TimersAgainstADictionary.TestCase


def test_a_timer_is_due_at_its_moment_and_not_before() -> None:
    timers: Timers[Alarm] = Timers()
    timers.set(Alarm.TEA, 3.0)
    assert timers.pop_due(2.999) is None
    assert timers.pop_due(3.0) is Alarm.TEA
    assert timers.pop_due(3.0) is None


def test_a_deadline_tells_its_reason() -> None:
    timers: Timers[Alarm] = Timers()
    timers.set(Alarm.SLEEP, 9.0)
    timers.set(Alarm.TEA, 3.0)
    assert timers.next_deadline() == Deadline(3.0, Alarm.TEA)


def test_setting_a_timer_again_replaces_its_moment() -> None:
    timers: Timers[Alarm] = Timers()
    timers.set(Alarm.TEA, 3.0)
    timers.set(Alarm.TEA, 5.0)
    assert timers.next_deadline() == Deadline(5.0, Alarm.TEA)
