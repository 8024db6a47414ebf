"""Our own patterns meet texts of others as well, and are judged like anybody's."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest

from agentgate_server.tools.patterns.cost import problem_of

PACKAGES = ("agentgate_proto", "agentgate_server", "agentgate_client")
SEARCHED = {
    "agentgate_proto.wire.refusals.UNSEEN",
    "agentgate_server.tools.home_assistant.credentials.STREAM",
}
"""Nothing can fail behind their ends, so they never try a second way; they match no whole text."""

POSSESSIVE = {"agentgate_proto.text.turning.CALM"}
"""What it has taken it never gives back, so there is no second way either."""

FLAGS = re.compile(r"\(\?[ais]+\)")


def ours() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each pattern that a module keeps."""
    for package in PACKAGES:
        folder = importlib.import_module(package).__path__
        for info in pkgutil.walk_packages(folder, f"{package}."):
            for name, value in vars(importlib.import_module(info.name)).items():
                if isinstance(value, re.Pattern) and not value.flags & re.VERBOSE:
                    text = value.pattern
                    text = text.decode("latin-1") if isinstance(text, bytes) else str(text)
                    yield f"{info.name}.{name}", FLAGS.sub("", text)


OURS = dict(ours())


def test_there_are_some() -> None:
    assert len(OURS) > 50


@pytest.mark.parametrize("name", sorted(OURS.keys() - SEARCHED - POSSESSIVE))
def test_no_text_can_keep_a_pattern_of_ours_busy(name: str) -> None:
    assert problem_of(OURS[name], chars_max=1_000_000, whole=True) == ""
