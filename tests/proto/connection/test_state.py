"""The life of a connection, every state with every step."""

import pytest

from agentgate_proto.connection.state import TRANSITIONS, State, Step, advance
from agentgate_proto.errors import LocalProtocolError

EXPECTED = {
    (State.OPENING, Step.UPGRADED): State.AUTHENTICATING,
    (State.OPENING, Step.CUT): State.CLOSED,
    (State.AUTHENTICATING, Step.AUTHENTICATED): State.OPEN,
    (State.AUTHENTICATING, Step.CLOSE_SENT): State.CLOSING,
    (State.AUTHENTICATING, Step.CLOSE_RECEIVED): State.CLOSED,
    (State.AUTHENTICATING, Step.CUT): State.CLOSED,
    (State.OPEN, Step.CLOSE_SENT): State.CLOSING,
    (State.OPEN, Step.CLOSE_RECEIVED): State.CLOSED,
    (State.OPEN, Step.CUT): State.CLOSED,
    (State.OPENING, Step.FACE_UPGRADED): State.FACE,
    (State.FACE, Step.CLOSE_SENT): State.CLOSING,
    (State.FACE, Step.CLOSE_RECEIVED): State.CLOSED,
    (State.FACE, Step.CUT): State.CLOSED,
    (State.CLOSING, Step.CLOSE_RECEIVED): State.CLOSED,
    (State.CLOSING, Step.CUT): State.CLOSED,
}


@pytest.mark.parametrize("step", Step)
@pytest.mark.parametrize("state", State)
def test_a_step_leads_where_the_table_says_and_any_other_is_our_own_error(
    state: State, step: Step
) -> None:
    if (state, step) in EXPECTED:
        assert advance(state, step) is EXPECTED[state, step]
    else:
        with pytest.raises(LocalProtocolError, match=f"{step.name} from state {state.name}"):
            advance(state, step)


def test_every_state_has_a_row() -> None:
    assert set(TRANSITIONS) == set(State)


@pytest.mark.parametrize("state", set(State) - {State.CLOSED})
def test_every_connection_may_be_cut_at_any_time(state: State) -> None:
    assert advance(state, Step.CUT) is State.CLOSED


def test_nothing_leads_out_of_closed() -> None:
    assert TRANSITIONS[State.CLOSED] == {}


def test_no_call_can_flow_before_authentication() -> None:
    into_open = [(state, step) for (state, step), end in EXPECTED.items() if end is State.OPEN]
    assert into_open == [(State.AUTHENTICATING, Step.AUTHENTICATED)]


def test_a_connection_only_ever_moves_on() -> None:
    order = list(State)
    for state, steps in TRANSITIONS.items():
        assert all(order.index(end) > order.index(state) for end in steps.values())
