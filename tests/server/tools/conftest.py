"""A runner for each test."""

from collections.abc import Iterator

import pytest

from agentgate_server.tools.runner import Runner


@pytest.fixture
def runner() -> Iterator[Runner]:
    made = Runner()
    yield made
    made.close()
