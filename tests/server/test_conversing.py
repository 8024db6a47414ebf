"""Conversing: a gateway's sessions are what its configuration wants, and leave nothing behind."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from tests.server.embedded import config, serving

from agentgate_cli.standins.models import ModelServer, Reply, Say, Use
from agentgate_proto.errors import ErrorCode
from agentgate_proto.principal import Principal, Role
from agentgate_proto.records.session import (
    DropSession,
    EventKind,
    PutSession,
    SessionRecord,
)
from agentgate_proto.records.session_views import SessionEvent, SessionView
from agentgate_proto.records.usage import Usage
from agentgate_proto.rpc.session_methods import (
    AttachSession,
    CreateSession,
    DeleteSession,
    InspectSession,
    ListSessions,
    SendMessage,
)
from agentgate_server.conversing import conversations_of, hide_secrets, load_prices, tidy
from agentgate_server.gateway import Gateway
from agentgate_server.models.prices import PriceBook
from agentgate_server.secrets.hiding import MASK
from agentgate_server.secrets.masking import Masker
from agentgate_server.secrets.secret import Secret
from agentgate_server.sessions.workspaces import Workspaces
from agentgate_server.store.sqlite import SqliteEngine

pytestmark = pytest.mark.anyio

AGENT = Principal(name="agent", role=Role.AGENT)
YEAR_S = 366 * 86_400.0


class Answer:
    """Waits for the answer to one call."""

    def __init__(self) -> None:
        self.came = anyio.Event()
        self.value: Any = None
        self.refusal: tuple[ErrorCode, str] | None = None

    def result(self, result: Any) -> None:
        self.value = result
        self.came.set()

    def error(self, code: ErrorCode, message: str, data: Any) -> None:
        self.refusal = code, message
        self.came.set()


class Watched:
    """Hears what happens in a session, until its run is over."""

    def __init__(self) -> None:
        self.events: list[SessionEvent] = []
        self.over = anyio.Event()

    @property
    def has_room(self) -> bool:
        return True

    def take(self, events: Sequence[SessionEvent]) -> None:
        self.events += events
        if any(event.kind == EventKind.RUN_ENDED for event in events):
            self.over.set()

    def gone(self) -> None:
        self.over.set()

    def data(self, kind: EventKind) -> list[dict[str, Any]]:
        return [msgspec.json.decode(each.data) for each in self.events if each.kind == kind]


async def call(gateway: Gateway, params: msgspec.Struct) -> Answer:
    sessions = gateway.gate.sessions
    assert sessions is not None
    answer = Answer()
    sessions.call(AGENT, params, answer)
    await answer.came.wait()
    return answer


async def created(gateway: Gateway, **wanted: Any) -> SessionView:
    answer = await call(gateway, CreateSession(**wanted))
    assert answer.refusal is None
    assert isinstance(answer.value, SessionView)
    return answer.value


async def run(gateway: Gateway, session: str, text: str) -> Watched:
    watched = Watched()
    sessions = gateway.gate.sessions
    assert sessions is not None
    sessions.attach(AGENT, AttachSession(session=session, offset=0), watched, Answer())
    await call(gateway, SendMessage(session=session, text=text, message_id="m1"))
    await watched.over.wait()
    return watched


async def test_a_session_has_a_folder_that_goes_with_it(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway:
        view = await created(gateway)
        folder = tmp_path / "workspaces" / view.id
        assert view.workspace == str(folder)
        (folder / "notes").touch()
        await call(gateway, DeleteSession(session=view.id))
        while folder.exists():
            await anyio.lowlevel.checkpoint()


async def test_a_session_goes_for_its_age_and_a_process_that_died_leaves_no_folder(
    tmp_path: Path,
) -> None:
    workspaces = Workspaces(tmp_path / "workspaces")
    folders = [tmp_path / "workspaces" / name for name in ("dropped", "old", "new")]
    engine = SqliteEngine(tmp_path / "gate.db")
    now = time.time()
    try:
        for folder, age_s in zip(folders, (0.0, YEAR_S, 0.0), strict=True):
            record = SessionRecord(
                id=folder.name,
                principal="agent",
                epoch="e",
                model="m",
                workspace=await workspaces.make(folder.name, ""),
                created_at=now - age_s,
                updated_at=now - age_s,
            )
            engine.commit([PutSession(record)])
        engine.commit([DropSession("dropped", "agent")])
    finally:
        engine.close()

    async with serving(tmp_path) as gateway:
        engine, desk = gateway.gate.writer.engine, gateway.gate.sessions
        assert isinstance(engine, SqliteEngine)
        assert desk is not None
        watched = Watched()
        desk.attach(AGENT, AttachSession(session="old", offset=0), watched, Answer())
        await gateway.gate.writer.prune(now, math.inf)
        await tidy(engine.sessions, desk, workspaces)
        await watched.over.wait()
        assert watched.events == []
        while folders[1].exists():
            await anyio.lowlevel.checkpoint()
        assert [folder.exists() for folder in folders] == [False, False, True]
        found = await call(gateway, ListSessions())
        assert [view.id for view in found.value.sessions] == ["new"]


async def test_in_what_models_are_told_only_secrets_are_hidden() -> None:
    masker = Masker([Secret('sk-"mine"\n12345678')])
    text = 'Send token=$TOKEN, ä. sk-"mine"\n12345678'
    assert hide_secrets(masker, text) == f"Send token=$TOKEN, ä. {MASK}"
    assert hide_secrets(Masker(), text) == text


async def test_a_folder_that_was_named_stays(tmp_path: Path) -> None:
    project = tmp_path / "roots" / "project"
    project.mkdir(parents=True)
    sessions = {"workspace_roots": [str(tmp_path / "roots")]}
    async with serving(tmp_path, sessions=sessions) as gateway:
        view = await created(gateway, workspace=str(project))
        assert view.workspace == str(project)
        await call(gateway, DeleteSession(session=view.id))
        refused = await call(gateway, CreateSession(workspace="/etc"))
    assert project.is_dir()
    assert refused.refusal is not None
    code, text = refused.refusal
    assert code is ErrorCode.INVALID_PARAMS
    assert "is not within sessions.workspace_roots" in text


async def test_what_the_workspace_and_the_catalogue_have_is_sent(tmp_path: Path) -> None:
    async with ModelServer(api_key="sk-mine-as-well") as server:
        server.replies.append(Reply(Use("echo", {"text": "hello"})))
        server.replies.append(Reply(Say("It said hello.")))
        model = {"backend": "anthropic", "model": "claude-sonnet-4-5", "base_url": server.url}
        sessions = {
            "models": {"sonnet": {**model, "api_key": "sk-mine-as-well"}},
            "system_prompt": "You look after a house.",
        }
        async with serving(tmp_path, sessions=sessions) as gateway:
            view = await created(gateway)
            folder = tmp_path / "workspaces" / view.id
            (folder / "skills").mkdir()
            (folder / "memory.md").write_text("The cat is called Ada.\nKey: sk-mine-as-well\n")
            (folder / "skills" / "tea.md").write_text("Boil water.\n")
            (folder / "skills" / "out.md").symlink_to("/etc/passwd")
            watched = await run(gateway, view.id, "Say hello")
            inspection = (await call(gateway, InspectSession(session=view.id))).value
    (body, _) = server.bodies
    for text in (b"You look after a house.", b"The cat is called Ada.", rb"## tea\n\nBoil water."):
        assert text in body
    assert b"sk-mine-as-well" not in body
    assert b'"exceed_budget"' not in body, "it is no tool of models"
    (result,) = watched.data(EventKind.TOOL_RESULT)
    assert (result["tool"], result["status"]) == ("echo", "executed")
    (end,) = watched.data(EventKind.RUN_ENDED)
    assert (end["status"], end["iterations"]) == ("completed", 2)
    assert end["cost_micros"] > 0
    assert [(row.what, row.why) for row in inspection.left_out] == [
        ("skills/out.md", "is a symbolic link, which is not followed")
    ]


async def test_health_counts_the_models_that_cannot_be_used(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway:
        assert "models" not in gateway.gate.web.parts, "a rehearsal is always well"
    async with ModelServer(api_key="sk-mine") as server:
        model = {"backend": "openai", "base_url": server.openai_url}
        models = {"good": {**model, "api_key": "sk-mine"}, "bad": {**model, "api_key": "sk-no"}}
        sessions = {"models": models, "default_model": "bad"}
        async with serving(tmp_path / "other", sessions=sessions) as gateway:
            health = gateway.gate.web.parts["models"]
            assert health() == {"status": "ok", "count": 2, "failing": 0}
            watched = await run(gateway, (await created(gateway)).id, "Hello")
            (end,) = watched.data(EventKind.RUN_ENDED)
            assert end["status"] == "failed"
            assert health() == {"status": "failing", "count": 2, "failing": 1}


async def test_all_tables_of_prices_are_loaded_only_where_one_is_looked_up(tmp_path: Path) -> None:
    asked = Usage(input=1, output=1)
    vendor = {"backend": "openai", "model": "gpt-3.5-turbo-instruct", "api_key": "sk-mine"}
    priced = {**vendor, "price": {"input": 1, "output": 1}}
    for model, costs in (({"backend": "rehearsal"}, None), (priced, None), (vendor, 4)):
        book = PriceBook()
        form = config(tmp_path, sessions={"models": {"m": model}})
        setup = conversations_of(form, Masker(), book)
        await load_prices(form, book)
        assert book.pricing("gpt-3.5-turbo-instruct").cost(asked, "") == costs
        for each in setup.models.values():
            await each.aclose()


async def test_who_keeps_too_much_is_told_so_and_goes_on_when_some_of_it_is_deleted(
    tmp_path: Path,
) -> None:
    models = {"m": {"backend": "rehearsal"}}
    most = {"log_bytes_of_principal_max": 2**20, "models": models}
    async with serving(tmp_path, sessions=most) as gateway:
        names = [(await created(gateway)).id for _ in range(3)]
        sent = [SendMessage(session=name, text="x" * 400_000, message_id="m") for name in names]
        first, second, third = [await call(gateway, each) for each in sent]
        assert (first.refusal, second.refusal) == (None, None)
        assert third.refusal is not None
        code, words = third.refusal
        assert (code, "delete some" in words) == (ErrorCode.LIMIT_EXCEEDED, True)
        await call(gateway, DeleteSession(session=names[0]))
        assert (await call(gateway, sent[2])).refusal is None
