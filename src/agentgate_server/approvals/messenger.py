"""The messenger of the configuration, as a channel; its library is loaded only if there is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from agentgate_server.approvals.clock import Clock
from agentgate_server.approvals.desk import Desk
from agentgate_server.config import Config
from agentgate_server.documents import DocumentError
from agentgate_server.extras import how_to_install
from agentgate_server.observing import Observers
from agentgate_server.store.writer import StoreWriter

if TYPE_CHECKING:
    from agentgate_server.approvals.telegram.channel import TelegramChannel


def open_messenger(
    config: Config,
    clock: Clock,
    *,
    desk: Desk,
    writer: StoreWriter,
    drain: Callable[[], None],
    observers: Observers,
) -> TelegramChannel | None:
    """Make the channel that the configuration names, and put it among the desk's.

    Call it before the gate runs, and run the channel as a task after.

    Args:
        config: of the gateway.
        clock: what the channel waits on.
        desk: whose approvals are asked.
        writer: asks the store for what a former life of the channel has noted.
        drain: does what the ledger wants done; called after each decision.
        observers: hear what was brought to people, and whose asks are held back.

    Raises:
        DocumentError: the extra is not installed, or the event loop is not asyncio's.
    """
    if config.messenger is None:
        return None
    channel_type = import_telegram(config)
    try:
        channel = channel_type(
            config.messenger, clock, desk=desk, writer=writer, drain=drain, observers=observers
        )
    except RuntimeError as error:
        raise DocumentError(config.name, str(error), path="messenger") from None
    desk.channels.append(channel)
    return channel


def import_telegram(config: Config) -> type[TelegramChannel]:
    """Load the channel's library.

    Raises:
        DocumentError: the extra is not installed.
    """
    try:
        from agentgate_server.approvals.telegram.channel import TelegramChannel
    except ModuleNotFoundError as error:
        if error.name != "telegram":
            raise
        text = f"needs a package that is not installed: {how_to_install('telegram')}"
        raise DocumentError(config.name, text, path="messenger") from None
    return TelegramChannel
