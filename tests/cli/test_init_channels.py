"""``agent-gate init`` asks for a channel to people, and tries it on the phone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from anyio.from_thread import BlockingPortal
from tests.cli.support import AtTerminal, at_terminal, run
from tests.cli.test_init_trying import ENTER, HOME_TOKEN, NO, house, port, portal, running, talk

from agentgate_cli.standins.home_assistant import HomeAssistant
from agentgate_cli.standins.ntfy import Message, NtfyStandIn
from agentgate_server.config import load_config

__all__ = ["house", "port", "portal"]

NTFY_TOKEN = "tk_0123456789abcdef"
PIXEL = "mobile_app_pixel_8"
CHANNELS = "Ask people by (telegram, ntfy, none) [none]: "


@pytest.fixture
def ntfy(portal: BlockingPortal) -> Iterator[NtfyStandIn]:
    with running(portal, NtfyStandIn(token=NTFY_TOKEN)) as ntfy:
        yield ntfy


def topic_in(terminal: AtTerminal) -> str:
    """The topic that somebody is told to subscribe to."""
    return terminal.shown.partition("subscribe to this topic on ")[2].split()[1]


def send(message: Message, **changes: str) -> int:
    """Do what a phone does when the button is tapped; return the status."""
    action = message.action("It works")
    body = json.dumps(json.loads(action.body) | changes).encode()
    request = Request(action.url, body, action.headers, method=action.method)
    try:
        with urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except OSError as error:
        return int(getattr(error, "code", 0))


def test_a_tap_by_ntfy_shows_that_answers_find_home(
    tmp_path: Path, port: int, ntfy: NtfyStandIn
) -> None:
    given = ("--host", "127.0.0.1", "--port", str(port), "--policy", "ask")
    with at_terminal("init", "new", *given, cwd=tmp_path) as terminal:
        talk(
            terminal,
            ("Connect Home Assistant? [y/N]: ", NO),
            (CHANNELS, "ntfy"),
            ("Its server [https://ntfy.sh]: ", "http://gate.example"),
            ("would travel in clear text", None),
            ("Its server [https://ntfy.sh]: ", "http://127.0.0.1:9"),
            ("Take it all the same? [y/N]: ", NO),
            ("Its server [https://ntfy.sh]: ", ntfy.url),
            ("ntfy is there at", None),
            ("An access token of it (empty: it asks for none): ", "tk_wrong"),
            ("ntfy lets us not in there", None),
            ("Take it all the same? [y/N]: ", NO),
            ("An access token of it (empty: it asks for none): ", NTFY_TOKEN),
            ("whoever knows it can answer.", None),
            ("as in https://gate.example: ", "http://127.0.0.1:9"),
            ("Waiting (Ctrl-C: go on without)", None),
        )
        terminal.interrupt()
        talk(
            terminal,
            ("no tap came to http://127.0.0.1:9", None),
            ("Take it all the same? [y/N]: ", NO),
            ("as in https://gate.example: ", f"http://127.0.0.1:{port}"),
            ("Waiting (Ctrl-C: go on without)", None),
        )
        topic = topic_in(terminal)
        message = ntfy.published[-1]
        assert (message.topic, message.title) == (topic, "agent-gate will ask here")
        assert send(message, ticket="made-up") == 404
        assert send(message, ticket="\u00e9") == 404
        assert send(message) == 200
        talk(terminal, ("its button came back here", None), ("Next, in ", None))
        assert terminal.end() == 0
        assert NTFY_TOKEN not in terminal.shown
    config = load_config(tmp_path / "new" / "config.yaml", environment={})
    assert config.gateway.public_url == f"http://127.0.0.1:{port}"
    assert config.messenger is not None
    assert config.messenger.ntfy is not None
    assert config.messenger.ntfy.token is not None
    assert config.messenger.ntfy.token.value == NTFY_TOKEN
    (person,) = config.messenger.ntfy.people
    assert (person.topic, person.name) == (topic, "owner")
    assert len(topic) == 32
    assert [each.actions for each in ntfy.shown(topic)] == [()], "nobody can tap it later"


def test_a_tap_in_the_app_of_home_assistant_is_heard(
    tmp_path: Path, port: int, house: HomeAssistant, portal: BlockingPortal
) -> None:
    phone = house.phones.add(PIXEL)
    given = ("--host", "127.0.0.1", "--port", str(port), "--policy", "ask")
    home = ("--home-assistant", house.url, "--home-assistant-token", HOME_TOKEN)
    with at_terminal("init", "new", *given, *home, cwd=tmp_path) as terminal:
        talk(
            terminal,
            ("Ask people by (telegram, ntfy, companion, none) [none]: ", "companion"),
            (f"The phone, by its notify service [{PIXEL}]: ", "mobile_app_pixel_9"),
            ("has no notify.mobile_app_pixel_9", None),
            ("Take it all the same? [y/N]: ", NO),
            (f"The phone, by its notify service [{PIXEL}]: ", ENTER),
            ("Waiting (Ctrl-C: go on without)", None),
        )
        (shown,) = phone.shown.values()
        assert shown.title == "agent-gate will ask here"
        portal.call(house.phones.tap, PIXEL, shown, "It works")
        talk(terminal, ("Home Assistant has told of the tap", None), ("Next, in ", None))
        assert terminal.end() == 0
    config = load_config(tmp_path / "new" / "config.yaml", environment={})
    assert config.messenger is not None
    assert config.messenger.companion is not None
    (person,) = config.messenger.companion.people
    assert (person.service, person.name) == (PIXEL, "owner")
    assert not phone.shown, "it was taken away"


def test_without_a_terminal_options_say_the_channel_and_it_is_tried_without_a_message(
    tmp_path: Path, port: int, house: HomeAssistant, ntfy: NtfyStandIn
) -> None:
    house.phones.add(PIXEL)
    options = (
        *("init", "new", "--probe", "--port", str(port), "--home-assistant", house.url),
        *("--home-assistant-token", HOME_TOKEN, "--house-rules", "none", "--ntfy"),
        *("--ntfy-url", ntfy.url, "--ntfy-topic", "anns-topic-0123456789abcdef"),
        *("--public-url", "https://gate.example"),
    )
    done = run(*options, "--companion", "mobile_app_pixel_9", cwd=tmp_path)
    assert done.returncode == 1
    assert "ntfy lets us not in there" in done.stdout
    assert "has no notify.mobile_app_pixel_9" in done.stdout
    assert list(tmp_path.iterdir()) == []
    done = run(*options, "--companion", PIXEL, "--ntfy-token", NTFY_TOKEN, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    config = load_config(tmp_path / "new" / "config.yaml", environment={})
    assert config.messenger is not None
    assert config.messenger.ntfy is not None
    assert config.messenger.companion is not None
    assert NTFY_TOKEN not in (tmp_path / "new" / "config.yaml").read_text()
    assert ntfy.published == []
