"""What the policy says to one request."""

import msgspec
import pytest
from msgspec.structs import replace

from agentgate_proto.records.decision import Action, Decision


def test_a_policy_has_the_three_answers_of_seed_001() -> None:
    assert {action.value for action in Action} == {"allow", "deny", "ask"}


@pytest.mark.parametrize("word", ["permit", "Allow", "", "yes"])
def test_no_other_word_is_an_action(word: str) -> None:
    with pytest.raises(ValueError, match="not a valid Action"):
        Action(word)


def test_a_decision_always_names_its_rule() -> None:
    with pytest.raises(TypeError, match="rule"):
        Decision(action=Action.ALLOW)


def test_a_person_is_asked_again_after_an_unknown_outcome_unless_a_rule_opts_out() -> None:
    assert Decision(action=Action.ALLOW, rule="built-in").ask_again_after_unknown is True


def test_a_decision_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Decision(action=Action.DENY, rule="r").action = Action.ALLOW


def test_equal_decisions_are_equal() -> None:
    one = Decision(action=Action.ASK, rule="permissions.yaml:12", description="ask first")
    assert one == msgspec.structs.replace(one)
    assert one != msgspec.structs.replace(one, action=Action.ALLOW)


def test_what_is_told_of_a_denial_is_the_rule_s_words_and_the_doubts() -> None:
    plain = Decision(action=Action.DENY, rule="p.yaml:1")
    doors = replace(plain, description="Doors stay shut")
    assert (plain.words, plain.doubt) == ("", "")
    assert (doors.words, doors.doubt) == ("Doors stay shut", "")
    assert replace(plain, why=("a", "b")).words == "a; b"
    assert replace(doors, why=("a", "b")).words == "Doors stay shut (a; b)"
