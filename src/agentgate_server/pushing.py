"""Pushing: whether browsers can be told while their console is closed, and by what."""

from __future__ import annotations

from agentgate_server.approvals.channel import RunningChannel
from agentgate_server.approvals.needs import Needs
from agentgate_server.approvals.push.subscriptions import Subscriptions
from agentgate_server.approvals.push.web_push import (
    Vapid,
    WebPushChannel,
    WebPushSender,
    is_installed,
)
from agentgate_server.config import Config
from agentgate_server.console.push_pages import PushPages
from agentgate_server.extras import how_to_install
from agentgate_server.gate.gate import Gate

NOBODY = "mailto:agentgate@localhost"
"""Whom a push service may write to, where nobody has said where the gateway is."""

ASKS_PER_MINUTE = 6
"""How often browsers are told of one agent's asks."""


def serve_push(gate: Gate, config: Config, needs: Needs) -> list[RunningChannel]:
    """Let browsers subscribe where that is possible at all; return what tells them."""
    face = gate.console_face
    if face is None:
        return []
    if not config.console.push:
        return []
    if not is_installed():
        face.facts["push"] = lambda: f"needs {how_to_install('push')}"
        return []
    public_url, authenticator = config.gateway.public_url, gate.authenticator
    subject = public_url.origin if public_url is not None else NOBODY
    subject = subject if subject.startswith("https:") else NOBODY
    subscriptions = Subscriptions(gate.book, authenticator.tokens.vouches, gate.utc)
    face.logins.shut = subscriptions.forget_login
    sender = WebPushSender(subscriptions, Vapid(lambda: gate.face_calls.seal, subject, gate.utc))
    PushPages(face, subscriptions, sender, gate.calls.spawn, authenticator.monotonic)
    channel = WebPushChannel(sender, ASKS_PER_MINUTE, needs)
    gate.desk.channels.append(channel)
    return [channel]
