"""Many sessions that stream at once: what a delta costs the gateway, and when a watcher has it.

``python -m bench.streams [SECONDS [SESSIONS [DELTAS_PER_S]]]``

A vendor that streams at a fixed pace, on a core with the watcher; the gateway alone on the other.
Each delta carries the time at which it was written, so its delay is known at the end. The same
streams go through the openai and the anthropic SDK as well (``pip install openai anthropic``),
parsed and thrown away; the gateway parses, logs, stores and hands on.

Noted on 29 November 2026, on a core on which the openai SDK's parsing alone takes 163 us a delta
and the anthropic SDK's 80 to 190: the gateway takes 168 (asyncio) or 148 us (uvloop), so 200
sessions with 50 deltas a second are more than it can do: 5,900 and 6,800 a second are handed on,
740 to 900 rows/s, nothing is lost, and the delay grows as long as the load lasts. 100 sessions: all
5,000, p50 20 to 60 ms, p99 66 to 194 ms. Two fifths of the time are spent on reading a small piece
by httpx2 and anyio.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import quantiles
from typing import Any

import anyio
import msgspec

from bench.__main__ import cpu_s, pinned
from bench.load import UPGRADE, frame
from bench.servers import TOKEN

WARM_S = 3.0
"""From the first stream to when all of them run evenly."""

TICK_S = 0.001


def headers() -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    )


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def openai_delta(text: str) -> bytes:
    event = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_764_000_000,
        "model": "bench",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}],
    }
    return b"data: " + json.dumps(event).encode() + b"\n\n"


def anthropic_delta(text: str) -> bytes:
    delta = {"type": "text_delta", "text": text}
    event = {"type": "content_block_delta", "index": 0, "delta": delta}
    return b"event: content_block_delta\ndata: " + json.dumps(event).encode() + b"\n\n"


def anthropic_start() -> bytes:
    message: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "bench",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 1},
    }
    start = {"type": "message_start", "message": message}
    block = {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "text", "text": ""},
    }
    return b"".join(
        b"event: %s\ndata: %s\n\n" % (str(e["type"]).encode(), json.dumps(e).encode())
        for e in (start, block)
    )


class Vendor:
    """Streams to whoever asks, one delta each ``1 / rate`` seconds, until they leave."""

    def __init__(self, rate: float) -> None:
        self.ticks = max(round(1 / rate / TICK_S), 1)
        self.slots: list[set[tuple[asyncio.StreamWriter, bool]]] = [
            set() for _ in range(self.ticks)
        ]
        self.count = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await self.stream(reader, writer)
        writer.close()

    async def stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length:")[2].split()[0])
        await reader.readexactly(size)
        is_anthropic = b"/v1/messages" in head
        writer.write(headers() + (chunk(anthropic_start()) if is_anthropic else b""))
        slot = self.slots[self.count % self.ticks]
        self.count += 1
        mine = writer, is_anthropic
        slot.add(mine)
        try:
            await reader.read()
        finally:
            slot.discard(mine)

    async def run(self) -> None:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=1024)
        print(server.sockets[0].getsockname()[1], flush=True)
        at = time.monotonic()
        tick = 0
        while True:
            at += TICK_S
            await asyncio.sleep(max(at - time.monotonic(), 0))
            text = f"{time.monotonic():.6f} "
            made = {True: chunk(anthropic_delta(text)), False: chunk(openai_delta(text))}
            for writer, is_anthropic in self.slots[tick % self.ticks]:
                writer.write(made[is_anthropic])
            tick += 1


class EventData(msgspec.Struct):
    run: str = ""
    text: str = ""


class WatchedEvent(msgspec.Struct):
    offset: int
    kind: str
    data: EventData
    count: int = 1


class Params(msgspec.Struct):
    session: str
    events: list[WatchedEvent]


class Message(msgspec.Struct):
    id: Any = None
    method: str = ""
    params: Params | None = None
    result: Any = None
    error: Any = None


class Watcher(asyncio.Protocol):
    """One connection that watches all sessions."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.answers: dict[Any, asyncio.Future[Any]] = {}
        self.delays: list[float] = []
        self.next: dict[str, int] = {}
        self.odd: list[str] = []
        self.deltas = 0
        self.counts = False
        self.last_id = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.upgraded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        transport.write(UPGRADE)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.upgraded.done():
            if b"\r\n\r\n" not in self.buffer:
                return
            del self.buffer[: self.buffer.index(b"\r\n\r\n") + 4]
            self.upgraded.set_result(None)
        now = time.monotonic()
        at = 0
        while len(self.buffer) - at >= 2:
            size, start = self.buffer[at + 1], at + 2
            if size == 126:
                (size,), start = struct.unpack_from("!H", self.buffer, start), start + 2
            elif size == 127:
                (size,), start = struct.unpack_from("!Q", self.buffer, start), start + 8
            if len(self.buffer) < start + size:
                break
            if self.buffer[at] == 0x89:
                self.transport.write(frame(bytes(self.buffer[start : start + size]), 10))
            else:
                self.take(bytes(self.buffer[start : start + size]), now)
            at = start + size
        del self.buffer[:at]

    def take(self, text: bytes, now: float) -> None:
        message = msgspec.json.decode(text, type=Message)
        if message.params is None:
            self.answers.pop(message.id).set_result(message.result or message.error)
            return
        session = message.params.session
        for event in message.params.events:
            if event.offset != self.next.get(session, event.offset):
                self.odd.append(f"{session}: {event.offset} after {self.next[session]}")
            self.next[session] = event.offset + event.count
            if event.kind in ("gap", "behind", "run_ended"):
                self.odd.append(event.kind)
            if event.kind == "text" and self.counts:
                self.deltas += event.count
                for stamp in event.data.text.split():
                    self.delays.append(now - float(stamp))

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        self.last_id += 1
        answer = self.answers[self.last_id] = asyncio.get_running_loop().create_future()
        call = {"jsonrpc": "2.0", "method": method, "params": params, "id": self.last_id}
        self.transport.write(frame(json.dumps(call).encode()))
        return await answer


async def watch(port: int, sessions: int, seconds: float) -> None:
    """Begin so many runs and watch them; say what was seen as JSON."""
    loop = asyncio.get_running_loop()
    _, watcher = await loop.create_connection(Watcher, "127.0.0.1", port)
    await watcher.upgraded
    await watcher.call("auth", {"token": TOKEN, "client_id": "watcher"})
    for _ in range(sessions):
        session = (await watcher.call("create_session", {}))["id"]
        await watcher.call("attach_session", {"session": session})
        send = {"session": session, "text": "go", "message_id": "m"}
        await watcher.call("send_message", send)
    await asyncio.sleep(WARM_S)
    print("ready", flush=True)
    watcher.counts = True
    began, busy = time.monotonic(), time.process_time()
    await asyncio.sleep(seconds)
    took = time.monotonic() - began
    watcher.counts = False
    centiles = quantiles(watcher.delays, n=100)
    report = {
        "deltas": watcher.deltas,
        "deltas_per_s": watcher.deltas / took,
        "p50_ms": centiles[49] * 1e3,
        "p99_ms": centiles[98] * 1e3,
        "max_ms": max(watcher.delays) * 1e3,
        "odd": watcher.odd[:5],
        "busy": (time.process_time() - busy) / took,
    }
    print(json.dumps(report), flush=True)


async def parse(kind: str, port: int, sessions: int, seconds: float) -> None:
    """Read the same streams by a vendor's SDK; say what a delta costs as JSON."""
    count = 0

    async def read_openai() -> None:
        nonlocal count
        stream = await client.chat.completions.create(
            model="bench", messages=[{"role": "user", "content": "go"}], stream=True
        )
        async for event in stream:
            count += bool(event.choices[0].delta.content)

    async def read_anthropic() -> None:
        nonlocal count
        stream = await client.messages.create(
            model="bench",
            max_tokens=64,
            messages=[{"role": "user", "content": "go"}],
            stream=True,
        )
        async for event in stream:
            count += event.type == "content_block_delta"

    client: Any
    if kind == "openai":
        import openai

        url = f"http://127.0.0.1:{port}/v1"
        client, read = openai.AsyncOpenAI(api_key="k", base_url=url), read_openai
    else:
        import anthropic

        url = f"http://127.0.0.1:{port}"
        client, read = anthropic.AsyncAnthropic(api_key="k", base_url=url), read_anthropic
    tasks = [asyncio.create_task(read()) for _ in range(sessions)]
    await asyncio.sleep(WARM_S)
    before, busy, began = count, time.process_time(), time.monotonic()
    await asyncio.sleep(seconds)
    took = time.monotonic() - began
    used = time.process_time() - busy
    report = {"deltas_per_s": (count - before) / took, "cpu_us": used / (count - before) * 1e6}
    print(json.dumps({**report, "busy": used / took}), flush=True)
    for task in tasks:
        task.cancel()


async def serve_gate(folder: Path, vendor: int) -> None:
    from agentgate_server.config import config_from_dict
    from agentgate_server.gateway import Gateway
    from agentgate_server.policy import Policy

    model = {"backend": "openai", "model": "bench", "base_url": f"http://127.0.0.1:{vendor}/v1"}
    config = {
        "gateway": {"port": 0},
        "agent": {"token": TOKEN},
        "storage": {"path": str(folder / "bench.db")},
        "sessions": {"models": {"bench": model}},
    }
    async with Gateway(config_from_dict(config), policy=Policy.parse("rules: []")) as gateway:
        print(gateway.port, flush=True)
        await anyio.sleep_forever()


@contextmanager
def process(core: int, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen(
        [sys.executable, "-m", "bench.streams", *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        **pinned(core),  # type: ignore[call-overload]
    )
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def line(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline()


def rows_of(folder: str) -> int:
    with sqlite3.connect(f"file:{folder}/bench.db?mode=ro", uri=True) as connection:
        (count,) = connection.execute("SELECT count(*) FROM session_log").fetchone()
    return int(count)


def measure(seconds: float, sessions: int, rate: float) -> None:
    print(f"{sessions} sessions, {rate:g} deltas a second each, for {seconds:g} s")
    with process(1, "vendor", rate) as vendor, tempfile.TemporaryDirectory() as folder:
        port = int(line(vendor))
        with process(0, "gate", folder, port) as gate:
            gate_port = int(line(gate))
            with process(1, "watch", gate_port, sessions, seconds) as watcher:
                line(watcher)
                used, rows = cpu_s(gate), rows_of(folder)
                seen = json.loads(line(watcher))
                used, rows = cpu_s(gate) - used, rows_of(folder) - rows
        cpu_us = used / max(seen["deltas"], 1) * 1e6
        print(
            f"gateway: {seen['deltas_per_s']:,.0f} deltas/s to their watcher, delay p50 "
            f"{seen['p50_ms']:.1f} ms, p99 {seen['p99_ms']:.1f} ms, most {seen['max_ms']:.0f} ms; "
            f"cpu {cpu_us:.1f} us a delta ({used / seconds:.0%} of a core), "
            f"{rows / seconds:,.0f} rows/s; odd: {seen['odd'] or 'nothing'}; "
            f"watcher busy {seen['busy']:.0%}"
        )
        for kind in ("openai", "anthropic"):
            with process(0, kind, port, sessions, seconds) as parser:
                found = json.loads(line(parser))
            print(
                f"{kind} SDK, parsing only: {found['deltas_per_s']:,.0f} deltas/s, cpu "
                f"{found['cpu_us']:.1f} us a delta ({found['busy']:.0%} of a core); "
                f"gateway / SDK {cpu_us / found['cpu_us']:.2f}"
            )


def main() -> None:
    arguments = sys.argv[1:]
    match arguments:
        case ["vendor", rate]:
            asyncio.run(Vendor(float(rate)).run())
        case ["gate", folder, vendor]:
            run = asyncio.run
            with suppress(ImportError):  # as agent-gate serve does, with the extra "speed"
                run = importlib.import_module("uvloop").run
            run(serve_gate(Path(folder), int(vendor)))
        case ["watch", port, sessions, seconds]:
            asyncio.run(watch(int(port), int(sessions), float(seconds)))
        case [("openai" | "anthropic") as kind, port, sessions, seconds]:
            asyncio.run(parse(kind, int(port), int(sessions), float(seconds)))
        case _:
            seconds, sessions, rate = [*arguments, *("10", "200", "50")[len(arguments) :]]
            measure(float(seconds), int(sessions), float(rate))


if __name__ == "__main__":
    main()
