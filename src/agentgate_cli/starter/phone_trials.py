"""Trials of ``init`` on somebody's phone: a test notification whose button has to come back.

Each waits for the tap for as long as the person likes; Ctrl-C goes on without it.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from agentgate_cli.starter.trying import home_of, ntfy_of, tried, try_phone
from agentgate_cli.style import say

if TYPE_CHECKING:
    import anyio
    import msgspec

    from agentgate_cli.doctor.probe import Report
    from agentgate_server.approvals.push.notification import Notification
    from agentgate_server.approvals.push.sender import Place, Sender
    from agentgate_server.tools.home_assistant.link import Link

LABEL = "It works"
TITLE = "agent-gate will ask here"
TEXT = f'Tap "{LABEL}", so that agent-gate init sees that answers find home.'
TAG = "agentgate-init"
TICKET_BYTES = 16

READY_S = 20.0
"""How long Home Assistant may take to let us in by its WebSocket."""

WAITING = (
    f'  A notification is on its way: tap "{LABEL}" on it. Waiting (Ctrl-C: go on without) ...'
)


def until_tapped(trial: Callable[[], Awaitable[Report]], message: str, step: str) -> Report:
    """Run a trial; who does not wait has found that no tap came."""
    from agentgate_cli.doctor.probe import Report, broken

    try:
        return tried(trial)
    except KeyboardInterrupt:
        say("")
        return Report(findings=(broken(message, step),))


def trial_message(ticket: str) -> Notification:
    """What is shown, as an ask would be."""
    from agentgate_server.approvals.push.notification import Button, Loudness, Notification
    from agentgate_server.secrets.secret import Secret

    button = Button(LABEL, approve=True, ticket=Secret(ticket))
    return Notification(TAG, TITLE, TEXT, Loudness.NEWS, (button,))


async def take_away(sender: Sender, place: Place) -> None:
    """Let nobody tap it later: say that it is over, where it can't be taken away."""
    from agentgate_server.approvals.push.notification import Loudness, Notification
    from agentgate_server.approvals.sending import SendError

    with suppress(SendError):  # it was shown, which is what counted
        await sender.send(place, Notification(TAG, TITLE, "The button came back.", Loudness.GONE))


# ntfy


def try_ntfy_button(
    *,
    url: str,
    token: str | None,
    topic: str,
    public_url: str,
    host: str,
    port: int,
    tls: tuple[Path, Path] | None,
) -> Report:
    """Whether a notification arrives by ntfy, and its button leads to this machine.

    Args:
        url, token: of the server.
        topic: of the person.
        public_url: where the button leads.
        host, port, tls: where the gateway will listen, and with what.
    """
    trial = partial(ntfy_trial, url, token, topic, public_url, host, port, tls)
    step = (
        f"let {public_url} lead to port {port} of this machine, for the phone too (a name, a VPN, "
        "a proxy); if no notification came: see that the app has subscribed to the topic"
    )
    return until_tapped(trial, f"no tap came to {public_url}", step)


async def ntfy_trial(
    url: str,
    token: str | None,
    topic: str,
    public_url: str,
    host: str,
    port: int,
    tls: tuple[Path, Path] | None,
) -> Report:
    """Send it, and wait where the gateway will."""
    from agentgate_cli.doctor.probe import Report, broken, doubtful
    from agentgate_cli.starter.tapping import hearing_tap
    from agentgate_cli.text import printable
    from agentgate_server.approvals.push.ntfy import NtfySender
    from agentgate_server.approvals.push.sender import Place
    from agentgate_server.approvals.sending import SendError
    from agentgate_server.sockets.certificate import CertificateError

    sender = NtfySender(ntfy_of(url, token, (topic,)), public_url)
    place, ticket = Place("init", topic, "owner"), secrets.token_urlsafe(TICKET_BYTES)
    try:
        async with hearing_tap(host, port, tls, ticket) as tapped:
            await sender.send(place, trial_message(ticket))
            say(WAITING)
            await tapped.wait()
            await take_away(sender, place)
            return Report("the notification came, and its button came back here")
    except SendError as error:
        step = "see that the token may write to the topic, and this machine reaches the server"
        return Report(findings=(broken(printable(str(error)), step),))
    except (CertificateError, OSError) as error:
        step = "try it when the gateway runs: agent-gate doctor"
        return Report(findings=(doubtful(f"the button can't be tried: {error}", step),))
    finally:
        await sender.aclose()


# Home Assistant's app


def phones_in(url: str, token: str) -> list[str]:
    """The notify services of phones; none if Home Assistant does not say."""
    import anyio

    from agentgate_cli.doctor.companion import PREFIX, phones_of

    found = anyio.run(phones_of, home_of(url, token))
    return [name for name in found or () if name.startswith(PREFIX)]


def try_companion(url: str, token: str, service: str) -> Report:
    """Whether a notification reaches a phone by Home Assistant, and it tells us of the tap."""
    step = (
        f"see that the phone of notify.{service} is online and lets the app notify; if you did "
        "tap: the app has to reach Home Assistant from where the phone is"
    )
    if (report := try_phone(url, token, service)).is_broken:
        return report
    trial = partial(companion_trial, url, token, service)
    return until_tapped(trial, f"no tap came from the phone of notify.{service}", step)


async def companion_trial(url: str, token: str, service: str) -> Report:
    """Notify the phone, and wait for what Home Assistant tells of it."""
    import anyio
    import msgspec

    from agentgate_server.approvals.push.companion import PREFIX, Told
    from agentgate_server.tools.home_assistant.api import Api
    from agentgate_server.tools.home_assistant.link import Link

    home = home_of(url, token)
    ticket = secrets.token_urlsafe(TICKET_BYTES)
    ready, tapped = anyio.Event(), anyio.Event()

    def heard(event: msgspec.Raw) -> None:
        try:
            action = msgspec.json.decode(event, type=Told).data.action
        except msgspec.MsgspecError:
            return  # of an automation of the house
        if action == f"{PREFIX}{ticket}":
            tapped.set()

    async def begin() -> None:
        ready.set()

    api = Api(home)
    link = Link(api.reads, home.token, begin, lambda: None)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(link.run)
            with anyio.move_on_after(READY_S):
                await ready.wait()
            report = await tap_on(link, service, ticket, heard, tapped)
            tasks.cancel_scope.cancel()
        return report
    finally:
        await api.aclose()


async def tap_on(
    link: Link,
    service: str,
    ticket: str,
    heard: Callable[[msgspec.Raw], None],
    tapped: anyio.Event,
) -> Report:
    """Subscribe to taps, notify, and wait."""
    from agentgate_cli.doctor.home import RENEWED
    from agentgate_cli.doctor.probe import Report, broken
    from agentgate_cli.text import printable
    from agentgate_server.approvals.push.companion import EVENT, CompanionSender
    from agentgate_server.approvals.push.sender import Place
    from agentgate_server.approvals.sending import SendError
    from agentgate_server.errors import EffectUnknown, NotStarted, ToolFailed

    if not link.is_open:
        step = "let the proxy in front of it pass on WebSockets at /api/websocket"
        text = f"its WebSocket can't be used ({printable(link.problem or 'no answer')})"
        return Report(findings=(broken(text, step),))
    sender, place = CompanionSender(link, critical=False), Place("init", service, "owner")
    try:
        await link.subscribe("subscribe_events", heard, timeout_s=READY_S, event_type=EVENT)
        await sender.send(place, trial_message(ticket))
        say(WAITING)
        await tapped.wait()
        await take_away(sender, place)
    except ToolFailed:
        text = "Home Assistant tells us of no taps: its token is not an administrator's"
        return Report(findings=(broken(text, RENEWED),))
    except (EffectUnknown, NotStarted, SendError) as error:
        step = "see that the app on that phone is logged in, and may notify"
        return Report(findings=(broken(printable(str(error)), step),))
    return Report("the notification came, and Home Assistant has told of the tap")
