"""The life of one connection: one table, the same for both ends.

Anything that is not in ``TRANSITIONS`` is an error of ours and raises LocalProtocolError, except
that a connection may be cut at any time. Roles differ only in who takes which step first.
"""

from __future__ import annotations

from enum import Enum, auto

from agentgate_proto.errors import LocalProtocolError


class State(Enum):
    """Where a connection is in its life."""

    OPENING = auto()
    """The HTTP upgrade is under way; on a server also: plain HTTP requests are served."""
    AUTHENTICATING = auto()
    """WebSocket frames flow; nothing but ``auth`` is accepted."""
    OPEN = auto()
    """The principal is known; calls flow."""
    FACE = auto()
    """WebSocket messages of a face flow; what they mean, it alone knows."""
    CLOSING = auto()
    """We sent a close frame and wait for the peer's."""
    CLOSED = auto()
    """Over. What is still queued for output may be flushed, then the socket is closed."""


class Step(Enum):
    """What moves a connection on."""

    UPGRADED = auto()
    """The opening handshake is complete (RFC 6455 section 4)."""
    FACE_UPGRADED = auto()
    """The same, on a path of a face, which has accepted it."""
    AUTHENTICATED = auto()
    """The ``auth`` request was answered with a result."""
    CLOSE_SENT = auto()
    """We sent a close frame (RFC 6455 section 5.5.1)."""
    CLOSE_RECEIVED = auto()
    """The peer's close frame came; ours has been sent, or is being sent with this step."""
    CUT = auto()
    """The end without a handshake: end of file, a deadline, a failed send, plain HTTP done."""


TRANSITIONS: dict[State, dict[Step, State]] = {
    State.OPENING: {
        Step.UPGRADED: State.AUTHENTICATING,
        Step.FACE_UPGRADED: State.FACE,
        Step.CUT: State.CLOSED,
    },
    State.AUTHENTICATING: {
        Step.AUTHENTICATED: State.OPEN,
        Step.CLOSE_SENT: State.CLOSING,
        Step.CLOSE_RECEIVED: State.CLOSED,
        Step.CUT: State.CLOSED,
    },
    State.OPEN: {
        Step.CLOSE_SENT: State.CLOSING,
        Step.CLOSE_RECEIVED: State.CLOSED,
        Step.CUT: State.CLOSED,
    },
    State.FACE: {
        Step.CLOSE_SENT: State.CLOSING,
        Step.CLOSE_RECEIVED: State.CLOSED,
        Step.CUT: State.CLOSED,
    },
    State.CLOSING: {
        Step.CLOSE_RECEIVED: State.CLOSED,
        Step.CUT: State.CLOSED,
    },
    State.CLOSED: {},
}


FRAMED = frozenset({State.AUTHENTICATING, State.OPEN, State.FACE})
"""States in which a closing handshake can begin."""


def advance(state: State, step: Step) -> State:
    """Return the state after a step.

    Raises:
        LocalProtocolError: the table has no such transition.
    """
    try:
        return TRANSITIONS[state][step]
    except KeyError:
        raise LocalProtocolError(f"no step {step.name} from state {state.name}") from None
