"""The form of ``agents``: one id, one name, one password each, and a model that there is."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from agentgate_proto.principal import Principal, Role
from agentgate_server.config import Config, config_from_dict, everybody, load_config, principals_of
from agentgate_server.documents import DocumentError
from agentgate_server.identity.passwords import hash_password

CHEAP = (2, 1, 1)
HOUSE = {"password": "open sesame"}


def load(**changes: Any) -> Config:
    agents = changes.pop("agents", {})
    return config_from_dict({"agents": {"house": {**HOUSE, **changes.pop("house", {})}} | agents})


def refusal(**changes: Any) -> str:
    with pytest.raises(DocumentError) as caught:
        load(**changes)
    return str(caught.value)


def test_what_is_left_out_is_filled_in() -> None:
    (agent,) = load().agents.values()
    assert (agent.name, agent.model, agent.system_prompt) == ("house", "rehearsal", None)
    assert (agent.secret, agent.max_iterations) == ("open sesame", 25)
    (agent,) = load(house={"name": "The house", "system_prompt": ""}).agents.values()
    assert (agent.name, agent.system_prompt) == ("The house", "")
    made = hash_password("open sesame", CHEAP)
    (agent,) = load(house={"password": None, "password_hash": str(made)}).agents.values()
    assert agent.secret == made


def test_an_agent_has_exactly_one_password() -> None:
    text = "needs exactly one of password and password_hash"
    assert text in refusal(house={"password": None})
    assert text in refusal(house={"password_hash": str(hash_password("x", CHEAP))})
    assert "the password is empty" in refusal(house={"password": "  "})
    assert "more than 1024 characters" in refusal(house={"password": "x" * 1_025})


def test_a_short_password_is_warned_of() -> None:
    (warning,) = load(house={"password": "sesame"}).warnings
    assert "agents.house.password: the password has fewer than 8 characters" in warning


def test_all_hashes_cost_the_same() -> None:
    agents = {
        "a": {"password_hash": str(hash_password("x", CHEAP))},
        "b": {"password_hash": str(hash_password("x", (4, 1, 1)))},
    }
    assert "agents.a.password_hash: costs more or less than another" in refusal(agents=agents)


def test_a_model_is_one_that_there_is() -> None:
    assert "agents.house.model: no model has this name" in refusal(house={"model": "reharsal"})


def test_a_name_is_one_agent_s_only() -> None:
    other = {"yard": {"password": "let it grow", "name": "house"}}
    assert "agents.yard.name: is the id of 'house' already" in refusal(agents=other)
    other = {"yard": {"password": "let it grow", "name": "Home"}}
    assert "is the name of 'house' already" in refusal(house={"name": "Home"}, agents=other)


def test_an_id_is_nobody_else_s_and_fits_into_that_of_its_session() -> None:
    with pytest.raises(DocumentError, match=r"agents\.agent: 'agent' is a principal with a token"):
        config_from_dict({"agent": {"token": "x" * 20}, "agents": {"agent": HOUSE}})
    assert "an id has at most 250 characters" in refusal(agents={"x" * 251: HOUSE})
    load(agents={"x" * 250: HOUSE})


def test_named_agents_are_among_those_who_may_ask() -> None:
    config = load()
    house = Principal(name="house", role=Role.AGENT)
    named = principals_of(config.agents)
    assert named == (house,)
    assert everybody("config", config.faces, (), named) == (house,)
    with pytest.raises(DocumentError, match=r"agents\.house: a principal with a token has this"):
        everybody("config", config.faces, [house], named)


def test_no_named_agent_is_who_comes_without_a_token() -> None:
    faces = config_from_dict({"faces": {"agentspace": {"open": True}}}).faces
    (default,) = principals_of(load(agents={"default": HOUSE}).agents)[1:]
    with pytest.raises(DocumentError, match='who comes without a token is the agent "default"'):
        everybody("config", faces, (), [default])


def test_a_password_is_a_secret_and_a_file_that_holds_one_is_warned_of(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("agents:\n  house: {password: open sesame}\n")
    config.chmod(0o644)
    loaded = load_config(config, environment={})
    assert [secret.value for secret in loaded.secrets] == ["open sesame"]
    assert "open sesame" not in repr(loaded.agents)
    assert any("others can read it" in warning for warning in loaded.warnings)
    config.write_text("agents:\n  house: {password: '${PASSWORD}'}\n")
    assert stat.S_IMODE(config.stat().st_mode) == 0o644
    assert load_config(config, environment={"PASSWORD": "open sesame"}).warnings == ()
