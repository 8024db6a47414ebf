"""The channels of the configuration; what one needs is loaded only if there is one of its kind."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import anyio

from agentgate_server.approvals.channel import RunningChannel
from agentgate_server.approvals.needs import Needs
from agentgate_server.approvals.push.channel import PushChannel
from agentgate_server.config import (
    CompanionConfig,
    Config,
    MessengerConfig,
    NtfyConfig,
    TelegramConfig,
)
from agentgate_server.documents import DocumentError
from agentgate_server.extras import how_to_install

if TYPE_CHECKING:
    from agentgate_server.approvals.push.ntfy import NtfySender
    from agentgate_server.approvals.telegram.channel import TelegramChannel

log = logging.getLogger(__name__)


def open_channels(config: Config, needs: Needs) -> list[RunningChannel]:
    """Make the channels that the configuration names, and put them among the desk's.

    Call it before the gate runs, and run each channel as a task after.

    Args:
        config: of the gateway.
        needs: what they work with.

    Raises:
        DocumentError: an extra is not installed, or the event loop is not asyncio's.
    """
    if config.messenger is None:
        return []
    channels = [*made(config, config.messenger, needs)]
    needs.desk.channels += channels
    return channels


def check_channels(config: Config) -> None:
    """Make sure that the channels have what they need on this machine; nobody is called.

    Raises:
        DocumentError: an extra is not installed, or a file can't be used.
    """
    if config.messenger is None:
        return
    if config.messenger.telegram is not None:
        import_telegram(config)
    if config.messenger.ntfy is not None:
        ntfy_sender(config, config.messenger.ntfy)


def made(config: Config, messenger: MessengerConfig, needs: Needs) -> Iterator[RunningChannel]:
    """Make one after the other; a kind is added here."""
    if messenger.telegram is not None:
        yield telegram_of(config, messenger.telegram, messenger.asks_per_minute, needs)
    if messenger.ntfy is not None:
        yield ntfy_of(config, messenger.ntfy, messenger.asks_per_minute, needs)
    if messenger.companion is not None:
        yield companion_of(messenger.companion, messenger.asks_per_minute, needs)


async def ask_people(channels: Iterable[RunningChannel], scope: anyio.CancelScope) -> None:
    """Run the channels until the scope is cancelled; one that ends takes no other with it."""
    with scope:
        async with anyio.create_task_group() as tasks:
            for channel in channels:
                tasks.start_soon(run_alone, channel)


async def run_alone(channel: RunningChannel) -> None:
    """Run a channel; its mistakes are its own."""
    try:
        await channel.run()
    except Exception:
        log.exception("the channel %s has ended; people are asked elsewhere", channel.name)


def telegram_of(
    config: Config, telegram: TelegramConfig, asks_per_minute: int, needs: Needs
) -> TelegramChannel:
    """Make the channel in a Telegram chat."""
    channel_type = import_telegram(config)
    try:
        return channel_type(telegram, asks_per_minute, needs)
    except RuntimeError as error:
        raise DocumentError(config.name, str(error), path="messenger.telegram") from None


def ntfy_of(config: Config, ntfy: NtfyConfig, asks_per_minute: int, needs: Needs) -> RunningChannel:
    """Make the channel by an ntfy server."""
    sender = ntfy_sender(config, ntfy)
    people = [(str(each.topic), str(each.name)) for each in ntfy.people]
    return PushChannel(sender, people, asks_per_minute, needs)


def ntfy_sender(config: Config, ntfy: NtfyConfig) -> NtfySender:
    """Make what calls the server.

    Raises:
        DocumentError: its authority can't be used.
    """
    from agentgate_server.approvals.push.ntfy import NtfySender

    assert config.gateway.public_url is not None, "it was checked"
    try:
        return NtfySender(ntfy, config.gateway.public_url)
    except OSError as error:
        text = f"{ntfy.ca} can't be used: {error}"
        raise DocumentError(config.name, text, path="messenger.ntfy.ca") from None


def companion_of(companion: CompanionConfig, asks_per_minute: int, needs: Needs) -> RunningChannel:
    """Make the channel by Home Assistant's app."""
    from agentgate_server.approvals.push.companion import CompanionSender, Taps

    assert needs.house is not None, "it was checked"
    sender = CompanionSender(needs.house.link, critical=companion.critical)
    taps = Taps(needs.house, sender, needs.answers, needs.drain)
    people = [(str(each.service), str(each.name)) for each in companion.people]
    channel = PushChannel(sender, people, asks_per_minute, needs, listen=taps.run)
    taps.outbox, channel.heard = channel.outbox, taps.problem
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
        raise DocumentError(config.name, text, path="messenger.telegram") from None
    return TelegramChannel
