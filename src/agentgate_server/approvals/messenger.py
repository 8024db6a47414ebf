"""The messenger of the configuration, as a channel; its library is loaded only if there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentgate_server.approvals.clock import Clock
from agentgate_server.config import Config
from agentgate_server.documents import DocumentError

if TYPE_CHECKING:
    from agentgate_server.approvals.telegram.channel import TelegramChannel
    from agentgate_server.gate.gate import Gate


def open_messenger(gate: Gate, config: Config, clock: Clock) -> TelegramChannel | None:
    """Make the channel that the configuration names, and put it among the desk's.

    Call it before the gate runs, and run the channel as a task after.

    Raises:
        DocumentError: the extra is not installed, or the event loop is not asyncio's.
    """
    if config.messenger is None:
        return None
    try:
        from agentgate_server.approvals.telegram.channel import TelegramChannel
    except ModuleNotFoundError as error:
        if error.name != "telegram":
            raise
        text = "needs an extra: pip install 'agent-gate[telegram]'"
        raise DocumentError(config.name, text, path="messenger") from None
    try:
        channel = TelegramChannel(gate, config.messenger.telegram, clock)
    except RuntimeError as error:
        raise DocumentError(config.name, str(error), path="messenger") from None
    gate.desk.channels.append(channel)
    return channel
