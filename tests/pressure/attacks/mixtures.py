"""Mixtures: what no rate of requests counts, or what each cap lets through, of several at once."""

from __future__ import annotations

import time
from itertools import count, cycle

from tests.pressure.attacks.attack import Attack, drained, many
from tests.pressure.attacks.floods import ZERO_WIDTH
from tests.pressure.attacks.hoards import session, unique
from tests.pressure.gateway import EVIL, GUESTS
from tests.pressure.wire import IDS, frame, message


class SessionsMadeAndDeleted(Attack):
    """Sessions that are made and deleted again, on 8 connections: each leaves two entries."""

    def run(self) -> None:
        def one() -> None:
            wire = self.wire()
            while True:
                wire.ask("delete_session", session=session(wire))

        many(8, one)


class SessionsListed(Attack):
    """Lists of sessions, models and what they cost, on 16 connections."""

    def run(self) -> None:
        def first() -> None:
            wire = self.wire()
            for _ in range(200):
                wire.ask("create_session", metadata={"x": "x" * 16_000})

        first()

        def one() -> None:
            wire = drained(self.wire())
            names = ("list_sessions", "report_usage", "list_models")
            while True:
                for name in names:
                    wire.send(name)
                time.sleep(0.002)

        many(16, one)


class LogsReadAgain(Attack):
    """A log of 8 MB that is read from its beginning again and again, on 32 connections."""

    def run(self) -> None:
        wire = self.wire()
        each = session(wire)
        for _ in range(20):
            wire.ask("send_message", session=each, text="x" * 400_000, message_id=unique())
            time.sleep(0.05)

        def one() -> None:
            wire = drained(self.wire())
            while True:
                wire.send("attach_session", session=each, cursor={"epoch": "", "offset": 0})
                time.sleep(0.01)

        many(32, one)


class LongMessages(Attack):
    """Messages of 400 kB in 64 sessions at once, which look like sums, lines and calls to a model
    that reads them; then short ones, for which it reads all of that again."""

    texts = ("1+" * 200_000, "call \n" * 66_000, "last " * 80_000, "= " * 200_000)

    def run(self) -> None:
        wire = self.wire()
        sessions = cycle([session(wire) for _ in range(64)])
        texts = cycle(self.texts)

        def one() -> None:
            wire = drained(self.wire())
            for _ in range(5):
                wire.send(
                    "send_message", session=next(sessions), text=next(texts), message_id=unique()
                )
                time.sleep(0.01)
            while True:
                wire.send("send_message", session=next(sessions), text="hi", message_id=unique())
                time.sleep(0.02)

        many(8, one)


class PendingAskedFor(Attack):
    """Outcomes of 900 kB that are collected again and again, and never acknowledged."""

    def run(self) -> None:
        first = self.wire(client_id="hoarder")
        for _ in range(12):
            first.call("large", size=900_000)
        first.close()

        def one() -> None:
            wire = self.wire(client_id="hoarder")
            while True:
                wire.ask("get_pending_results")

        many(16, one)


class CancelsOfNothing(Attack):
    """Withdrawals of what was never asked for, on 16 connections."""

    def run(self) -> None:
        def one() -> None:
            wire = drained(self.wire())
            while True:
                wire.sock.sendall(
                    b"".join(
                        message("cancel_request", {"request_id": f"x{next(IDS)}"}, next(IDS))
                        for _ in range(200)
                    )
                )

        many(16, one)


class AboveTheCeiling(Attack):
    """Requests of a megabyte, more than any tool takes, of four agents on 32 connections."""

    def run(self) -> None:
        tokens = cycle((EVIL, *GUESTS))
        args = "[" + "0," * 480_000 + "0]"

        def one() -> None:
            wire = drained(self.wire(next(tokens)))
            numbers = count()
            while True:
                params = f'{{"tool":"echo","args":{{"text":{args}}}}}'
                head = f'{{"jsonrpc":"2.0","method":"tool_request","id":{next(numbers)}'
                text = f'{head},"params":{params}}}'
                wire.sock.sendall(frame(text.encode()))

        many(32, one)


class ToolsOfferedAgain(Attack):
    """Other tools offered every second, as large as they may be."""

    def run(self) -> None:
        prop = {"type": "string", "pattern": "^[a-z]{1,9}$", "description": "y" * 60}
        shape = {"type": "object", "properties": {f"p{n}": prop for n in range(40)}}
        turns = count()

        def one() -> None:
            wire = self.wire(client_id="device")
            while True:
                words = f"{next(turns)} " + "x" * 1_500
                offer = [
                    {"name": f"t{n}", "description": words, "effects": "read", "args": shape}
                    for n in range(60)
                ]
                wire.ask("tools.provide", tools=offer)
                time.sleep(0.25)

        many(1, one)


class ListsOfLarge(Attack):
    """Lists of requests of 60 kB that four agents made before, each as often as its rate lets it,
    and calls of as much beside them."""

    def run(self) -> None:
        tokens = cycle((EVIL, *GUESTS))

        def one() -> None:
            wire = self.wire(next(tokens))
            for _ in range(40):
                wire.call("echo", text=ZERO_WIDTH * 15_000)
            while True:
                wire.ask("list_requests", limit=1_000)
                wire.call("look", what="x" * 50_000)

        many(8, one)


class QuestionsToTheStore(Attack):
    """What only the store knows, asked a thousand times ahead, on 48 connections."""

    def run(self) -> None:
        def one() -> None:
            wire = drained(self.wire())
            while True:
                each = [
                    message(method, params, next(IDS))
                    for method, params in (
                        ("get_pending_results", {}),
                        ("get_session", {"session": unique()}),
                        ("attach_session", {"session": unique()}),
                    )
                    for _ in range(100)
                ]
                wire.sock.sendall(b"".join(each))

        many(48, one)
