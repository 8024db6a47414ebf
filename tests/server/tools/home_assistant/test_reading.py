"""What is understood of what Home Assistant renders: each odd row by itself."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.server.tools.home_assistant.houses import rendered

from agentgate_cli.standins.home import make_home
from agentgate_server.policy.naming import ANYTHING
from agentgate_server.tools.home_assistant import reading, templates
from agentgate_server.tools.home_assistant.house import Told
from agentgate_server.tools.home_assistant.reading import read_house


def read(template: str, *rows: Any, **others: list[Any]) -> Told:
    """Understand a house whose one template renders these rows."""
    pages = {
        getattr(templates, name): [msgspec.json.encode(found)] for name, found in others.items()
    }
    return read_house({**rendered(make_home()), **pages, template: [msgspec.json.encode(rows)]})


@pytest.mark.parametrize(
    "text", [b"", b"[", b"{}", b"[[1]]", b"[[]]", b'[[""]]', b"[5]", b"unavailable", b"\xff"]
)
@pytest.mark.parametrize("template", [templates.AREAS, templates.DEVICES, templates.HOLDERS])
def test_a_page_that_is_none_leaves_its_kind_unknown(template: str, text: bytes) -> None:
    told = read_house({**rendered(make_home()), template: [b"[]", text]})
    assert len(told.problems) == 1
    assert told.problems[0].startswith("unexpected answer to")
    kinds = {kind for kind, _ in told.members}
    assert ("area_id" in kinds) == (template is not templates.AREAS)
    assert ("device_id" in kinds) == (template is not templates.DEVICES)
    assert (told.holders is None) == (template is templates.HOLDERS)
    assert (told.members.get(("label_id", "outside")) is None) == (
        template is not templates.HOLDERS
    )


@pytest.mark.parametrize("value", [None, 5, True, {}, {"a": "lock.front"}, 1.5])
def test_of_a_thing_with_an_odd_value_nothing_is_known(value: Any) -> None:
    told = read(templates.HOLDERS, ["cover.doors", value], ["cover.blinds", ["cover.a", "cover.b"]])
    assert told.holders == {"cover.doors": {ANYTHING}, "cover.blinds": {"cover.a", "cover.b"}}
    assert told.problems == ("what is in these is not understood: 'cover.doors'",)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([], set()),
        (["cover.garage"], {"cover.garage"}),
        ("cover.garage", {"cover.garage"}),
        ("cover.garage,cover.shed", {"cover.garage", "cover.shed"}),
        (" cover.garage , cover.shed", {"cover.garage", "cover.shed"}),
        (["cover.garage", None], {"cover.garage", ANYTHING}),
        (["cover.garage", 5, ["cover.shed"]], {"cover.garage", ANYTHING}),
    ],
)
def test_what_is_understood_counts_beside_what_is_not(value: Any, expected: set[str]) -> None:
    assert read(templates.HOLDERS, ["cover.doors", value]).holders == {"cover.doors": expected}


@pytest.mark.parametrize(
    "name",
    [
        *("cover.itho_non-cve", "Cover.Garage", "light.katkinson_(en)", "", "cover", "a.b.c"),
        *(" cover.garage", "cover.garage, cover.shed", "cover.größe", "cover.a\nWARNING forged"),
        "x" * 300,
    ],
)
def test_an_id_that_no_rule_can_name_stays_what_it_is_and_is_told_of(name: str) -> None:
    told = read(templates.HOLDERS, ["cover.doors", ["cover.garage", name]])
    assert told.holders == {"cover.doors": {"cover.garage", name}}
    (problem,) = told.problems
    assert problem.startswith("no rule can name these: '")
    assert problem.endswith(" in 'cover.doors'")
    assert problem.isprintable()
    assert len(problem) < 200


@pytest.mark.parametrize("domain", ["script", "automation"])
def test_what_a_script_does_no_attribute_tells(domain: str) -> None:
    told = read(templates.HOLDERS, [f"{domain}.open_up", ["light.hall"]])
    assert told.holders == {}


def test_names_of_groups_that_look_alike_share_what_they_hold() -> None:
    told = read(templates.HOLDERS, ["cover.Doors", ["cover.garage"]], ["cover.doors", ["cover.x"]])
    assert told.holders == {"cover.doors": {"cover.garage", "cover.x"}}


def test_groups_that_do_not_tell_what_they_hold_are_known_for_groups() -> None:
    told = read(
        templates.HOLDERS, ["cover.blinds", ["cover.a"]], GROUPS=[["cover.blinds"], ["cover.doors"]]
    )
    assert told.unread == {"cover.doors"}
    assert read(templates.GROUPS).unread == set()


def test_an_area_with_an_odd_row_is_unknown_as_far_as_it_is_odd() -> None:
    told = read(
        templates.AREAS,
        ["hall", "Hall", None],
        ["kitchen", 5, ["light.a", "sensor.spanish_(en)"]],
        ["garden"],
        FLOORS=[
            ["ground", "Ground", ["hall", "kitchen"]],
            ["up", None, ["attic"]],
            ["down", "D", 5],
        ],
    )
    kitchen = {"light.a", "sensor.spanish_(en)"}
    assert {key: held for key, held in told.members.items() if key[0] == "area_id"} == {
        ("area_id", "hall"): {ANYTHING},
        ("area_id", "kitchen"): kitchen,
        ("area_id", "garden"): {ANYTHING},
    }
    assert {key: held for key, held in told.members.items() if key[0] == "floor_id"} == {
        ("floor_id", "ground"): {ANYTHING, *kitchen},
    }
    assert told.problems == (
        "what is in these is not understood: area 'hall', area 'garden', floor 'down'",
        "no rule can name these: 'sensor.spanish_(en)' in area 'kitchen'",
    )


def test_devices_with_odd_rows_are_unknown_with_those_that_they_are_a_part_of() -> None:
    told = read(
        templates.DEVICES,
        ["d1", None, "d2", None],
        ["d2", ["light.a"], None, None],
        ["d3", ["light.b"]],
        LABELS=[
            ["one", "One", [], ["d1"], []],
            ["three", "Three", ["light.c"], ["d3", "d9"], []],
            ["odd", "Odd", [], None, []],
            ["odder", "Odder", None, [], []],
            ["oddest", "Oddest", [], [], 5],
        ],
    )
    held = {name: held for (_, name), held in told.members.items()}
    assert held["d1"] == held["one"] == {ANYTHING}
    assert held["d2"] == {ANYTHING, "light.a"}
    assert held["three"] == {"light.b", "light.c"}
    assert held["odder"] == {ANYTHING}
    assert not {"odd", "oddest"} & held.keys()


def test_a_long_list_of_what_is_odd_is_cut() -> None:
    told = read(templates.HOLDERS, *([f"cover.c{number:02}", None] for number in range(12)))
    (problem,) = told.problems
    assert problem.endswith("'cover.c09' and 2 more")


def test_a_house_beyond_all_bounds_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "NAMES_MAX", 3)
    told = read_house(rendered(make_home()))
    assert "more than 3 entities by area_id: none is kept" in told.problems
    assert "more than 3 entities in groups: none is kept" in told.problems
    assert told.holders is None
    assert not any(kind == "area_id" for kind, _ in told.members)
