"""A whole run with secrets everywhere, and tools that give them away: none of them leaves.

Every text that comes out of the run is kept under the name of where it came from; at the end each
is searched for each secret, in clear and encoded. To add a source, give ``heard`` what it said.
"""

from __future__ import annotations

import base64
import html
import json
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import anyio.to_thread
import pytest
import yaml
from tests.cli.support import AGENT_GATE, environment

from agent_gate import AgentGateClient, AgentGateError
from agentgate_cli.standins.home_assistant import HomeAssistant
from agentgate_cli.standins.http_server import HttpRequest, HttpResponse, HttpServer, json_response
from agentgate_cli.standins.telegram import TelegramStandIn
from agentgate_server.identity.tokens import hash_token

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
BOUND_S = 120.0
LEAKY = Path(__file__).with_name("secret_tools.py")

TOKENS = {
    "AGENT": "ag_agent-Zq7vN2mK8xR4tB6yW1cD3fG5",
    "HUB": "ag_hub-pL9sE4rT2uI7oA1kJ6hG3dF8",
    "OWNER": "ag_owner-mN5bV8cX2zL4kJ7hG9fD1sA3",
    "OPS": "ag_ops-qW3eR5tY7uI9oP1aS2dF4gH6",
    "SHOP": "shop/key+zX9cV7bN5mA3sD1fG2hJ4kL6==",
    "HOME": "home.long-lived.tR4eW2qA9sD7fG5hJ3kL1zX8",
    "BOT": "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
}
"""What the configuration holds, by the variable that it comes from."""

HASHED = "ag_hashed-uY6tR8eW1qZ3xC5vB7nM9lK2"
WRONG = "ag_wrong-jH4gF2dS9aP7oI5uY3tR1eW8"
PASSWORD, KEY = "correct-horse-battery", "key-of-a-call-5tG8hJ2k"
PIN = "7351902648"  # so long that no random id holds it by chance
TOTP = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
SECRETS = {**TOKENS, "HASHED": HASHED, "PASSWORD": PASSWORD, "PIN": PIN, "KEY": KEY, "TOTP": TOTP}

TOOLS = {
    "backends": {
        "shop": {"private": True, "headers": {"Authorization": "Bearer ${LEAK_SHOP}"}},
    },
    "tools": {
        "stock": {
            "description": "Look what there is.",
            "backend": "shop",
            "effects": "read",
            "args": {"shelf": {}},
            "request": {"path": "/stock/{shelf}"},
        },
    },
}
RULES = [
    {"tool": ["tell", "fail", "odd", "stock", "ha_get_state"], "action": "allow"},
    {"tool": "never", "action": "deny", "description": "no"},
]


async def echo(request: HttpRequest) -> HttpResponse | None:
    """A shop that answers with the headers that it was sent."""
    headers = {str(name): str(value) for name, value in request.headers.items()}
    status = 500 if request.segments[-1] == "broken" else 200
    return json_response({"sent": headers}, status)


class Run:
    """One run, and all that was heard of it."""

    def __init__(self, folder: Path, form: str) -> None:
        self.folder = folder
        self.form = form
        self.url = ""
        self.process: subprocess.Popen[str] | None = None
        self.texts: dict[str, str] = {}

    def heard(self, source: str, text: Any) -> None:
        """Keep what came out somewhere."""
        text = text if isinstance(text, str) else json.dumps(text, ensure_ascii=False, default=repr)
        self.texts[source] = self.texts.get(source, "") + text + "\n"

    async def command(self, *args: str, token: str = "", stdin: str = "") -> None:
        """Run a command of ``agent-gate``, and keep all that it prints."""
        variables = environment({"AGENT_GATE_TOKEN": token, "AGENT_GATE_URL": self.url})

        def work() -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [AGENT_GATE, *args],
                check=False,
                cwd=self.folder,
                env=variables,
                input=stdin,
                capture_output=True,
                text=True,
                timeout=BOUND_S,
            )

        done = await anyio.to_thread.run_sync(work)
        self.heard(f"command {' '.join(args[:3])}", done.stdout + done.stderr)

    def leaks(self) -> list[str]:
        """Where which secret was found."""
        return [
            f"{name} in {source}: …{text[max(0, at - 60) : at + 60]!r}…"
            for name, secret in SECRETS.items()
            for form in forms(name, secret)
            for source, text in self.texts.items()
            if (at := text.find(form)) >= 0
        ]


def forms(name: str, secret: str) -> Iterator[str]:
    """A secret as it may turn up."""
    yield secret
    yield json.dumps(secret)[1:-1]
    yield repr(secret)[1:-1]
    yield html.escape(secret)
    yield quote(secret, safe="")
    if name not in ("PIN", "PASSWORD", "KEY"):  # those of a call are hidden as they were given
        yield secret.encode().hex()
        yield base64.b64encode(f"user:{secret}".encode()).decode()[8:-4]
        yield base64.b64encode(secret.encode()).decode()[:-4]


def write_files(folder: Path, shop: str, home: str, bot: str) -> None:
    (folder / ".env").touch(mode=0o600)
    lines = [f"LEAK_{name}={json.dumps(secret)}\n" for name, secret in TOKENS.items()]
    (folder / ".env").write_text("".join(lines))
    config = {
        "gateway": {"port": 0, "shutdown_s": 2},
        "agent": {"token": "${LEAK_AGENT}"},
        "principals": [
            {"name": "hub", "role": "agent", "token": "${LEAK_HUB}"},
            {"name": "hashed", "role": "agent", "token_hash": hash_token(HASHED)},
            {"name": "owner", "role": "approver", "token": "${LEAK_OWNER}", "totp": TOTP},
            {"name": "ops", "role": "operator", "token": "${LEAK_OPS}"},
        ],
        "storage": {"path": "gate.db"},
        "audit": {"head_file": "audit.head"},
        "metrics": {"enabled": True},
        "tools": {
            "python": [str(Path(__file__).with_name("secret_tools.py"))],
            "http": ["shop.yaml"],
        },
        "services": {"homeassistant": {"url": home, "token": "${LEAK_HOME}"}},
        "messenger": {
            "type": "telegram",
            "telegram": {
                "token": "${LEAK_BOT}",
                "chat_id": 4242,
                "allowed_users": [4242],
                "base_url": bot,
            },
        },
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    (folder / "config.yaml").chmod(0o600)
    (folder / "permissions.yaml").write_text(yaml.safe_dump({"rules": RULES}))
    tools = {**TOOLS, "backends": {"shop": {**TOOLS["backends"]["shop"], "url": shop}}}
    (folder / "shop.yaml").write_text(yaml.safe_dump(tools))


async def call(run: Run, client: AgentGateClient, tool: str, **args: Any) -> None:
    """Ask for a tool, and keep what comes of it."""
    try:
        run.heard(f"result of {tool}", await client.tool_request(tool, **args))
    except AgentGateError as error:
        run.heard(f"error of {tool}", f"{error} {error!r} {error.data!r}")


async def agents(run: Run) -> None:
    """Several agents ask for tools that give everything away."""
    for token in (TOKENS["AGENT"], TOKENS["HUB"], HASHED):
        name = "plain" if token == HASHED else token  # whose value the gateway does not know
        async with AgentGateClient(run.url, token, client_id=f"id-{name}") as client:
            await call(run, client, "tell")
            await call(run, client, "fail", password=PASSWORD)
            await call(run, client, "odd", api_key=KEY)
            await call(run, client, "stock", shelf="a")
            await call(run, client, "stock", shelf="broken")
            await call(run, client, "ha_get_state", entity_id="light.bedroom")
            await call(run, client, "never", secret=KEY)


async def people(run: Run, telegram: TelegramStandIn) -> None:
    """An agent asks with a PIN; people look at it everywhere, then one says yes, one no."""
    args = {"code": PIN, "note": f"the bot is {TOKENS['BOT']}"}
    async with AgentGateClient(run.url, TOKENS["AGENT"]) as client:
        for decision in ("approve", "deny"):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(lambda: call(run, client, "arm", **args))
                approval = (await waiting(run))["id"]
                await command_list(run)
                await until_shown(telegram, decision)
                await run.command("approvals", decision, approval, "--json", token=TOKENS["OWNER"])


async def command_list(run: Run) -> None:
    owner, ops = TOKENS["OWNER"], TOKENS["OPS"]
    for args in (("approvals", "list"), ("approvals", "list", "--json"), ("grants", "list")):
        await run.command(*args, token=owner)
    await run.command("pending", "--json", token=TOKENS["AGENT"])
    await run.command("pending", "--json", token=ops)
    await run.command("tools", "--json", token=TOKENS["AGENT"])


async def until_shown(telegram: TelegramStandIn, decision: str) -> None:
    wanted = 1 if decision == "approve" else 2
    with anyio.fail_after(BOUND_S):
        while len(telegram.chats.messages) < wanted:
            await anyio.sleep(0.02)


async def waiting(run: Run) -> dict[str, Any]:
    """Wait for an approval by HTTP, and keep the answers."""
    with anyio.fail_after(BOUND_S):
        while True:
            status, body = await http(run, "/api/approvals", TOKENS["OWNER"])
            assert status == 200
            if body["approvals"]:
                found: dict[str, Any] = body["approvals"][0]
                return found
            await anyio.sleep(0.02)


async def http(run: Run, path: str, token: str) -> tuple[int, Any]:
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    url = run.url.replace("ws://", "http://") + path

    def work() -> tuple[int, str]:
        try:
            request = Request(url, headers={"Authorization": f"Bearer {token}"})
            with urlopen(request, timeout=BOUND_S) as response:
                return response.status, response.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()

    status, text = await anyio.to_thread.run_sync(work)
    run.heard(f"http {path}", text)
    return status, json.loads(text) if text.startswith("{") else text


async def strangers(run: Run) -> None:
    """Wrong tokens, by every way in."""
    for token in (WRONG, f"{TOKENS['AGENT']}x"):
        await http(run, "/api/approvals", token)
        await run.command("approvals", "list", token=token)
        await run.command("call", "tell", token=token)


async def offline(run: Run) -> None:
    """Commands that read files."""
    await run.command("check")
    await run.command("explain", "arm", f"code={PIN}", "--json")
    await run.command("audit", "tail", "-n", "1000")
    await run.command("audit", "tail", "-n", "1000", "--json")
    await run.command("audit", "export")
    await run.command("audit", "export", "--format", "csv")
    await run.command("audit", "verify", "--json")
    run.heard("head file", (run.folder / "audit.head").read_text())


@pytest.fixture
def anyio_backend() -> str:
    """Once is enough: what is tested is the gateway's process."""
    return "asyncio"


@pytest.fixture(params=["readable", "json"])
async def ran(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """A run, from the start to the end of the gateway."""
    run = Run(tmp_path, request.param)
    shop = HttpServer(echo)
    home = HomeAssistant(token=TOKENS["HOME"])
    telegram = TelegramStandIn(token=TOKENS["BOT"])
    telegram.chats.add_person(4242, "Ann")
    with anyio.fail_after(BOUND_S):
        async with shop, home, telegram, AsyncExitStack() as stack:
            stack.callback(kill, run)
            write_files(tmp_path, shop.url, home.url, telegram.url)
            said = await anyio.to_thread.run_sync(start, run)
            run.heard("first line", said)
            await agents(run)
            await people(run, telegram)
            await strangers(run)
            for path in ("/health", "/metrics", "/api/requests", "/nothing"):
                await http(run, path, TOKENS["OPS"])
            await run.command("call", "fail", f"password={PASSWORD}", "--json", token=HASHED)
            await run.command("reload", "--json", token=TOKENS["OPS"])
            await anyio.to_thread.run_sync(stop, run)
            for number, message in enumerate(telegram.chats.messages.values()):
                run.heard(f"telegram {number}", [message.text, *message.versions, message.labels])
    await offline(run)
    return run


def start(run: Run) -> str:
    """Start the gateway, with all secrets in its environment too."""
    leaks = {f"LEAK_{name}": secret for name, secret in TOKENS.items()}
    arguments = ("--log-level", "debug", "--log-format", run.form)
    with (run.folder / "stderr").open("w") as stderr:  # a pipe would fill up
        process = subprocess.Popen(
            [AGENT_GATE, "serve", *arguments],
            cwd=run.folder,
            env=environment(leaks),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    run.process = process
    assert process.stdout is not None
    line = process.stdout.readline()
    assert "ws://" in line, (run.folder / "stderr").read_text()
    found = re.search(r"ws://[0-9.:]+", line)
    assert found is not None
    run.url = found[0]
    return line


def kill(run: Run) -> None:
    """End it if the test did not come to its own end."""
    process = run.process
    if process is not None:
        process.kill()
        process.wait(BOUND_S)
        if process.stdout is not None:
            process.stdout.close()


def stop(run: Run) -> None:
    process = run.process
    assert process is not None
    process.terminate()
    assert process.wait(BOUND_S) == 0
    assert process.stdout is not None
    with process.stdout:
        run.heard("stdout", process.stdout.read())
    run.heard("stderr", (run.folder / "stderr").read_text())


async def test_no_secret_leaves_the_gateway_whatever_tools_and_people_do(ran: Run) -> None:
    assert ran.leaks() == []

    # The run did what it was for: else nothing would be shown by finding nothing.
    texts = ran.texts
    assert "•••" in texts["result of tell"]
    assert "cannot log in with •••" in texts["error of fail"]
    assert "Traceback" in texts["stderr"]
    assert "•••" in texts["stderr"]
    assert "•••" in texts["http /api/approvals"]
    assert "•••" in texts["result of stock"]
    assert "•••" in texts["telegram 0"]
    assert '"ok":true' in texts["command audit verify --json"].replace(" ", "")
    assert "login.failed" in texts["command audit export"]
    assert texts["command audit export"].count("request.ended") > 20
    with closing(sqlite3.connect(ran.folder / "gate.db")) as database:
        (args,) = database.execute("SELECT args FROM requests WHERE tool = 'arm'").fetchone()
    assert PIN.encode() in args, "what runs is what was asked"
