"""Docstrings become descriptions."""

import pytest

from agentgate_server.tools.docstring import parse_docstring


def test_what_stands_above_the_first_section_is_the_description() -> None:
    found = parse_docstring(
        """Switch a light.

        It fades slowly.

        Args:
            room: which room.

        Returns:
            Nothing.
        """
    )
    assert found.description == "Switch a light.\n\nIt fades slowly."
    assert found.arguments == {"room": "which room."}


def test_continuation_lines_types_and_stars_are_understood() -> None:
    found = parse_docstring(
        """Do it.

        Args:
            room (str): which room,
                as the hub names it: kitchen.
                Example: kitchen.
            on (bool, optional):
                true or false.

            **extra: anything else.
        """
    )
    assert found.arguments == {
        "room": "which room, as the hub names it: kitchen. Example: kitchen.",
        "on": "true or false.",
        "extra": "anything else.",
    }


def test_only_sections_of_arguments_describe_arguments() -> None:
    found = parse_docstring(
        """Do it.

        Raises:
            ValueError: never.

        Arguments:
            a: the first.
        not indented: so no argument
            b: not in the section any more.
        """
    )
    assert found.arguments == {"a": "the first."}


@pytest.mark.parametrize("text", [None, "", "   \n  "])
def test_no_docstring_is_an_empty_one(text: str | None) -> None:
    found = parse_docstring(text)
    assert (found.description, found.arguments) == ("", {})


def test_a_section_without_items_and_lines_without_names_are_skipped() -> None:
    found = parse_docstring("Do it.\n\nArgs:\n    see elsewhere\n")
    assert (found.description, found.arguments) == ("Do it.", {})
