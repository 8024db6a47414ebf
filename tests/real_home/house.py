"""A real Home Assistant with its demo of a house: run, onboarded by its own API, and furnished."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import anyio
import msgspec

from agentgate_server.secrets.secret import Secret
from agentgate_server.tools.home_assistant.api import Api
from agentgate_server.tools.home_assistant.form import HomeAssistantConfig, HomeAssistantUrl
from agentgate_server.tools.home_assistant.link import Link

START_S: Final = 2_400.0
"""The first start installs what the demo needs; without that a busy machine took 950 s."""

CONFIGURATION: Final = """\
homeassistant:
  name: Test house
  time_zone: Europe/Berlin
http:
  server_host: 127.0.0.1
  server_port: {port}
api:
websocket_api:
config:
onboarding:
demo:
mobile_app:
recorder:
  commit_interval: 0
history:
logbook:
logger:
  default: warning
group:
  lights: {{name: Lights, entities: [light.bed_light, light.ceiling_lights]}}
  doors: {{name: Doors, entities: [lock.front_door, lock.kitchen_door]}}
  everything: {{name: Everything, entities: [group.lights, group.doors]}}
lock:
  - platform: group
    name: All doors
    unique_id: all_doors
    entities: [lock.front_door, lock.kitchen_door]
scene:
  - {{name: Leaving, entities: {{light.bed_light: "on", lock.front_door: "unlocked"}}}}
  - {{name: Evening, entities: {{light.bed_light: "on", light.ceiling_lights: "off"}}}}
script:
  open_up:
    alias: Open up
    sequence:
      - {{action: lock.unlock, target: {{entity_id: lock.front_door}}}}
  slow:
    sequence:
      - delay: "00:00:12"
"""


class Refused(Exception):
    """Home Assistant has answered with an error.

    Attributes:
        status: of HTTP.
        body: the answer.
    """

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body


def ask(url: str, token: str, body: Any = None, *, method: str = "") -> Any:
    """Ask it over its REST API, past everything of ours.

    Raises:
        Refused: it answers with an error.
    """
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, data, headers, method=method or None)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        raise Refused(error.code, error.read().decode()) from None


@contextmanager
def running(command: Path, folder: Path) -> Iterator[tuple[str, str]]:
    """Run a new one until the block ends; gives its address and an administrator's token."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "configuration.yaml").write_text(CONFIGURATION.format(port=port), "utf-8")
    began = time.monotonic()
    with (folder / "output.log").open("wb") as log:
        process = subprocess.Popen([command, "-c", folder], stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        token = onboarded(url, process, began + START_S, log.name)
        print(f"Home Assistant answers after {time.monotonic() - began:.0f} s", flush=True)
        set_up(url, token, "shopping_list")
        token = anyio.run(lasting, url, token)
        yield url, token
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def set_up(url: str, token: str, integration: str) -> None:
    """Set up an integration that can't be set up by the configuration, as its dialog does."""
    flows = f"{url}/api/config/config_entries/flow"
    flow = ask(flows, token, {"handler": integration})["flow_id"]
    ask(f"{flows}/{flow}", token, {})


async def lasting(url: str, token: str) -> str:
    """Return a token as people make one for the gateway; that of a login lives for half an hour."""
    api = Api(HomeAssistantConfig(url=HomeAssistantUrl(url), token=Secret(token)))
    made: list[str] = []
    done = anyio.Event()

    async def begin() -> None:
        wanted: dict[str, Any] = {"client_name": "agent-gate", "lifespan": 1}
        answer = await link.ask("auth/long_lived_access_token", timeout_s=60, **wanted)
        made.append(msgspec.json.decode(answer))
        done.set()

    link = Link(api.reads, Secret(token), begin, lambda: None)
    with anyio.fail_after(120):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(link.run)
            await done.wait()
            tasks.cancel_scope.cancel()
    await api.aclose()
    return made[0]


def onboarded(url: str, process: subprocess.Popen[bytes], until: float, log: str) -> str:
    """Wait until it answers, make its first user, and return a token of theirs."""
    client = f"{url}/"
    user = {
        "client_id": client,
        "name": "Owner",
        "username": "owner",
        "password": "a-password-of-the-test",
        "language": "en",
    }
    while True:
        if process.poll() is not None or time.monotonic() > until:
            sys.exit(f"Home Assistant did not start: see {log}")
        try:
            code = ask(f"{url}/api/onboarding/users", "", user)["auth_code"]
        except (OSError, Refused):
            time.sleep(0.5)
        else:
            break
    form = {"grant_type": "authorization_code", "code": code, "client_id": client}
    data = urllib.parse.urlencode(form).encode()
    with urllib.request.urlopen(f"{url}/auth/token", data, timeout=60) as answer:
        token: str = json.loads(answer.read())["access_token"]
    while ask(f"{url}/api/config", token)["state"] != "RUNNING":
        if time.monotonic() > until:
            sys.exit(f"Home Assistant did not come up: see {log}")
        time.sleep(0.5)
    return token
