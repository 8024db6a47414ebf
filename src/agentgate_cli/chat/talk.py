"""Talking: one message, or one after the other until the person leaves."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from anyio.from_thread import start_blocking_portal

from agentgate_cli.chat.place import Place, StateLines, connections, served
from agentgate_cli.chat.repl import Repl
from agentgate_cli.chat.talker import Talker, Wish
from agentgate_cli.exits import Exit, Failure
from agentgate_cli.remote import failure_of
from agentgate_client import AgentGateError

LOCKED = "locked by another gateway"
"""How the store says that a gateway serves this database already."""


class Leave(BaseException):
    """The system wants this process to end."""


def talk(place: Place, wish: Wish) -> int:
    """Talk; return the exit code.

    Raises:
        Failure: no gateway can be reached, or started, or it does not do what is wanted.
    """
    # What the SDK logs about connections is said in the conversation, and by the error at the end.
    logging.getLogger("agentgate_client").setLevel(logging.CRITICAL)
    try:
        return converse(place, wish)
    except AgentGateError as error:
        raise failure_of(error) from None
    except Leave:
        return Exit.INTERRUPTED
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except Exception as error:
        failure = not_started(error)
    if (other := served(place)) is None or not is_served(failure):
        raise failure
    return talk(other, wish)


def converse(place: Place, wish: Wish) -> int:
    """Connect, or start a gateway, and talk."""
    state = StateLines()
    with (
        ending_in_order(),
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(connections(place, state)) as connected,
    ):
        talker = Talker(portal, connected, place, wish, state)
        return talker.once(wish.prompt) if wish.prompt else Repl(talker).run()


def is_served(failure: Failure) -> bool:
    """Whether the configuration is another process's, which can be talked to."""
    return LOCKED in failure.message


def not_started(error: Exception) -> Failure:
    """Say why there is no gateway in this process; re-raise what is a bug of ours."""
    from agentgate_cli.serve import start_failure

    failure = start_failure(error)
    if is_served(failure):
        text = f"{failure.message}; or talk to it, with --gateway-url and --token"
        return Failure(text, Exit.DENIED)
    return failure


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Let SIGTERM, and a terminal that goes away, end us as Ctrl-C does, with all that is open."""

    def leave(_: int, frame: FrameType | None) -> None:
        raise Leave

    numbers = [signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, leave) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
