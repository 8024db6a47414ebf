"""Settings: which model a session has, and what that is told first."""

from __future__ import annotations

from typing import Any

import pytest
from tests.proto.session_models import model
from tests.proto.session_world import World

from agentgate_proto.records.session import SessionRecord, lasting_id
from agentgate_proto.records.usage import Usage
from agentgate_proto.rpc.session_methods import InspectSession
from agentgate_proto.sessions.settings import NamedAgent, Settings


def record(**members: Any) -> SessionRecord:
    return SessionRecord(
        **{"id": "s", "principal": "house", "epoch": "e", "model": "m"} | members,
        created_at=0.0,
        updated_at=0.0,
    )


def settings(**agent: Any) -> Settings:
    made = Settings()
    made.system_prompt = "be good"
    made.agents = {"house": NamedAgent(**agent)}
    return made


LASTING = record(id=lasting_id("house"))


def test_an_agent_s_session_is_as_its_agent_is_by_now() -> None:
    made = settings(model="n", system_prompt="be a house", max_iterations=3)
    assert made.model_of(LASTING) == "n"
    assert made.prompt_of(LASTING) == "be a house"
    assert [made.iterations_of(LASTING, wanted) for wanted in (2, 3, 4)] == [2, 3, 3]


@pytest.mark.parametrize("other", [record(), record(id="agent:gone", principal="gone")])
def test_any_other_session_is_as_it_was_made(other: SessionRecord) -> None:
    made = settings(model="n", system_prompt="be a house", max_iterations=3)
    assert (made.model_of(other), made.prompt_of(other)) == ("m", "be good")
    assert made.iterations_of(other, 4) == 4


def test_a_session_is_left_over_when_its_agent_is_gone() -> None:
    sessions = [LASTING, record(), record(id="agent:gone", principal="gone")]
    assert [settings().is_left_over(each) for each in sessions] == [False, False, True]


def test_what_an_agent_leaves_out_is_as_for_all() -> None:
    made = settings()
    assert (made.model_of(LASTING), made.prompt_of(LASTING)) == ("m", "be good")
    assert settings(system_prompt="").prompt_of(LASTING) == ""


def test_a_model_that_is_configured_no_more_costs_nobody_knows_what() -> None:
    made = Settings()
    assert made.objection_to("m") == "there is no model 'm'; there are: none"
    info = made.info_of("m")
    assert (info.name, info.model_id) == ("m", "m")
    assert info.pricing.cost(Usage(input=1), "") is None
    made.models = {"m": model("m"), "b": model("b")}
    assert made.objection_to("m") == ""
    assert made.objection_to("c") == "there is no model 'c'; there are: b, m"
    assert made.info_of("m") is made.models["m"]


def test_a_run_of_an_agent_s_session_is_as_its_agent_is() -> None:
    world = World(models=[model("m"), model("n")])
    agent = NamedAgent(model="n", system_prompt="be a house", max_iterations=3)
    world.sessions.configure_agents({"house": agent})
    name = world.open("house")
    world.ask(name)
    (call,) = world.called
    assert call.model == "n"
    assert b"be a house" in call.request.body
    assert world.data(name, "run_started")[0]["max_iterations"] == 3
    ticket = world.request(InspectSession(session=name), "house")
    world.prepare()
    assert world.result(ticket).model == "n"
    assert "be a house" in world.result(ticket).body
