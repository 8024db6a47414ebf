"""Times and caps of Engine.IO are those that stock clients count on."""

from __future__ import annotations

from agentgate_proto.faces.engineio.settings import EngineSettings

PYTHON_CLIENT_PACKETS_MAX = 16
"""What python-engineio decodes of one answer to a poll; with more it disconnects."""


def test_what_clients_count_on_is_what_they_get() -> None:
    settings = EngineSettings()
    assert (settings.ping_interval_s, settings.ping_timeout_s) == (25.0, 20.0)
    assert settings.packets_out_max <= PYTHON_CLIENT_PACKETS_MAX


def test_a_probe_never_holds_a_ping_for_longer_than_its_answer_may_take() -> None:
    settings = EngineSettings()
    assert settings.upgrade_s <= settings.ping_timeout_s


def test_strangers_leave_room_for_others() -> None:
    settings = EngineSettings()
    assert settings.strangers_of_address_max < settings.strangers_max < settings.sessions_max
