"""kill -9 of the gateway and cuts of the line, under a device that nobody has changed.

What the gateway has stored of its prompts ran once and is answered, on whatever connection; once
more only where the line broke before the receipt. The device sends again what it has no answer to,
under its old ``requestId``, as a person would who taps again.
"""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from pathlib import Path
from random import Random

import anyio
import pytest
from tests.chance import fresh_base, is_fixed
from tests.e2e.device import Device
from tests.e2e.process import AGENT_TOKEN
from tests.e2e.test_edge_kills import gateway_of, log_of
from websockets.exceptions import ConnectionClosed

KILLS = int(os.environ.get("DEVICE_KILLS", "8"))
INTERRUPTED = "the run is interrupted"
WAITING = 8
"""Prompts without an answer; a gateway refuses what is too much, and says so."""


@pytest.mark.parametrize("seed", [0 if is_fixed() else fresh_base()])
def test_a_device_is_answered_whatever_is_killed(tmp_path: Path, seed: int) -> None:
    rng = Random(seed)
    with gateway_of(tmp_path, faces={"edge": {"url_tokens": True}}) as gateway:
        device = Device(f"{gateway.url}/edge?token={AGENT_TOKEN}").connect()
        asked: dict[str, str] = {}
        lives = 1
        for _ in range(KILLS):
            for _ in range(rng.randrange(1, 4)):
                name = str(len(asked))
                asked[name] = f"say w{name}" + rng.choice(["", " slowly"])
                ask(device, name, asked[name])
            if rng.random() < 0.5:
                wanted = len(device.answers) + 1
                device.wait(lambda wanted=wanted: len(device.answers) >= wanted)  # type: ignore[misc]
            if rng.random() < 0.6:
                gateway.restart()
                device.wait(lambda: device.close_code is not None)
            else:
                device.drop()
            device.connect()
            lives += 1
            for name, text in asked.items():
                if name not in device.answers:
                    ask(device, name, text)
            device.wait(lambda: len(asked) - len(device.answers) <= WAITING)
        device.wait(lambda: set(device.answers) == set(asked))
        device.close()
        log = anyio.run(log_of, gateway.url)
    refused = {text for text in device.answers.values() if not is_answer(text)}
    assert not refused
    said = Counter(event.data["message_id"] for event in log if event.kind == "message")
    assert said == Counter(f"edge:{name}" for name in asked)
    for name, text in device.answers.items():
        assert text == f"It says w{name}" or INTERRUPTED in text
    assert max(device.responses.values()) <= lives


def is_answer(text: str) -> bool:
    return text.startswith("It says w") or INTERRUPTED in text


def ask(device: Device, name: str, text: str) -> None:
    """Ask; that the line breaks at this moment is not noticed by devices of this kind."""
    with suppress(ConnectionClosed):
        device.ask(name, text)
