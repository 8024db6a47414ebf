"""The form of ``messenger`` with several channels: what each needs, and who is who on all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentgate_proto.wire.doors import Doors
from agentgate_server.approvals.channels import check_channels
from agentgate_server.config import Config, config_from_dict
from agentgate_server.documents import DocumentError
from agentgate_server.opening import doors_of

TOPIC = "5c3f0e8b1d7a4492a6b0c1d2e3f40516"
BOT = {"token": "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw", "chat_id": 5, "allowed_users": [5]}


def load(
    messenger: dict[str, Any], services: dict[str, Any] | None = None, **gateway: Any
) -> Config:
    return config_from_dict(
        {
            "gateway": {"port": 0, "public_url": "https://gate.example", **gateway},
            "agent": {"token": "agent-token-0123456789"},
            "principals": [
                {"name": "owner", "role": "approver", "token": "owner-token-0123456789"},
                {"name": "robot", "role": "agent", "token": "robot-token-0123456789"},
            ],
            "messenger": messenger,
            "services": services or {},
        }
    )


def ntfy(**changes: Any) -> dict[str, Any]:
    return {"ntfy": {"people": [{"topic": TOPIC, "name": "owner"}], **changes}}


def test_every_section_is_one_more_channel_and_a_name_is_one_person_on_all() -> None:
    users = [{"id": 5, "name": "owner"}, 6]
    config = load({**ntfy(), "telegram": {**BOT, "allowed_users": users}})
    assert config.warnings == ()
    assert config.messenger is not None
    assert config.messenger.names == {"owner", "telegram:6"}


def test_the_kind_may_be_named_and_must_be_there_then() -> None:
    assert load({"type": "ntfy", **ntfy()}).warnings == ()
    with pytest.raises(DocumentError, match=r"must be a section messenger\.telegram"):
        load({"type": "telegram", **ntfy()})


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({}, "has no channel"),
        (ntfy(people=[]), "people"),
        (ntfy(people=[{"topic": "a b", "name": "owner"}]), "must be 1 to 64 letters"),
        (ntfy(people=[{"topic": TOPIC, "name": "robot"}]), "'robot' is an agent"),
        (ntfy(people=[{"topic": TOPIC, "name": n} for n in ("a", "b")]), "is there twice"),
        (ntfy(url="http://ntfy.example"), "travels in clear text"),
        (ntfy(url="ftp://ntfy.example"), "must be a URL"),
        (ntfy(priority=6), "priority"),
    ],
)
def test_what_cannot_work_stops_the_start(form: dict[str, Any], says: str) -> None:
    with pytest.raises(DocumentError, match=says):
        load(form)


def test_answers_must_have_a_way_back_and_a_safe_one() -> None:
    with pytest.raises(DocumentError, match=r"needs gateway\.public_url"):
        load(ntfy(), public_url=None)
    with pytest.raises(DocumentError, match=r"answers to messenger\.ntfy travel in clear text"):
        load(ntfy(), public_url="http://gate.example")
    assert load(ntfy(), public_url="http://127.0.0.1:8443").warnings == ()


def test_who_wants_no_tls_says_so_and_is_warned() -> None:
    (warning,) = load(ntfy(url="http://ntfy.example", insecure=True)).warnings
    assert "travels in clear text" in warning


@pytest.mark.parametrize("token", [None, "tk_0123456789"])
def test_a_topic_that_can_be_guessed_is_warned_of_unless_the_server_asks_who_it_is(
    token: str | None,
) -> None:
    form = ntfy(people=[{"topic": "alerts", "name": "owner"}], token=token)
    assert [("guesses it" in each) for each in load(form).warnings] == [True] * (token is None)


HOUSE = {"homeassistant": {"url": "http://homeassistant.local:8123", "token": "t" * 20}}


def companion(*services: str, name: str = "owner") -> dict[str, Any]:
    return {"companion": {"people": [{"service": each, "name": name} for each in services]}}


def test_phones_of_a_house_are_named_by_their_notify_services() -> None:
    config = load(companion("notify.mobile_app_pixel", "mobile_app_tablet"), services=HOUSE)
    assert config.messenger is not None
    assert config.messenger.companion is not None
    services = [str(each.service) for each in config.messenger.companion.people]
    assert services == ["mobile_app_pixel", "mobile_app_tablet"]
    assert config.messenger.names == {"owner"}


@pytest.mark.parametrize(
    ("form", "services", "says"),
    [
        (companion("mobile_app_pixel"), {}, r"needs services\.homeassistant"),
        (companion("family"), HOUSE, "as in mobile_app_pixel_8"),
        (companion("mobile_app_a", "notify.mobile_app_a"), HOUSE, "is there twice"),
        (companion("mobile_app_a", name="agent"), HOUSE, "'agent' is an agent"),
    ],
)
def test_phones_that_cannot_work_stop_the_start(
    form: dict[str, Any], services: dict[str, Any], says: str
) -> None:
    with pytest.raises(DocumentError, match=says):
        load(form, services=services)


def test_the_name_of_the_public_url_is_one_of_ours() -> None:
    doors: Doors = doors_of(load(ntfy()).gateway, ())
    assert "gate.example" in (doors.hosts or ())


def test_check_opens_what_the_channels_open(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text("no certificate")
    config = load(ntfy(ca=str(authority)))
    with pytest.raises(DocumentError, match=r"messenger\.ntfy\.ca: .* can't be used"):
        check_channels(config)
    check_channels(load(ntfy()))
