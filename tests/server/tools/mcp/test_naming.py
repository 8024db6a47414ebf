"""What tools are called here: plain, unique, and from nothing but their own names."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentgate_server.tools.mcp.naming import CHARS_MAX, name_here
from agentgate_server.tools.python import NAME


def test_a_plain_name_gets_its_prefix_and_nothing_else() -> None:
    assert name_here("git", "git_status") == "git.git_status"
    assert name_here("", "git_status") == "git_status"
    assert name_here("git", "a/b:c.d-e") == "git.a/b:c.d-e"


def test_another_one_becomes_plain_and_stays_unique() -> None:
    found = {name_here("s", there) for there in ("größe", "gr_ße", "gr ße", "größe ")}
    assert len(found) == 4
    assert name_here("", "1st").startswith("_1st_")


@given(st.sampled_from(["", "s"]), st.text(max_size=300), st.text(max_size=300))
def test_any_name_can_be_held_and_no_two_become_one(prefix: str, one: str, two: str) -> None:
    names = [name_here(prefix, there) for there in (one, two)]
    assert all(NAME.fullmatch(name) and len(name) <= CHARS_MAX for name in names)
    assert (names[0] == names[1]) == (one == two)
