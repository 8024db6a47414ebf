"""A gateway of its own process, one for all tests that leave it as it was."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.rehearsed import write_rehearsal
from tests.cli.support import Served, end_left, write_files
from tests.client.conftest import certificates  # noqa: F401 - a fixture

SHARED: list[Served] = []
"""The gateways of the session, once a test has asked for them."""


@pytest.fixture(scope="session")
def shared_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway with the house as tools."""
    folder = tmp_path_factory.mktemp("gateway")
    write_files(folder)
    served = Served(folder)
    served.start()
    SHARED.append(served)
    yield served
    SHARED.remove(served)
    end_left([other.process for other in SHARED])


@pytest.fixture(scope="session")
def shared_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway whose models rehearse scenes, besides."""
    folder = tmp_path_factory.mktemp("stage")
    write_rehearsal(folder)
    served = Served(folder)
    served.start()
    SHARED.append(served)
    yield served
    SHARED.remove(served)
    end_left([other.process for other in SHARED])


@pytest.fixture
def stage(shared_stage: Served) -> Iterator[Served]:
    """The same, with nothing waiting."""
    yield shared_stage
    for rid in shared_stage.waiting_ids():
        shared_stage.decide(rid, "deny")


@pytest.fixture(autouse=True)
def leave_no_process() -> Iterator[None]:
    """A test that fails must not leave to others what it has started."""
    yield
    end_left([served.process for served in SHARED])


@pytest.fixture
def gateway(shared_gateway: Served) -> Iterator[Served]:
    """The gateway of the session, with nothing waiting."""
    yield shared_gateway
    for rid in shared_gateway.waiting_ids():
        shared_gateway.decide(rid, "deny")


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Served]:
    """A gateway that the test may kill."""
    write_files(tmp_path)
    served = Served(tmp_path)
    served.start()
    yield served
    served.kill()


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """A command quietens the SDK's log in its own process; here that would be everybody's."""
    client = logging.getLogger("agentgate_client")
    level = client.level
    yield
    client.setLevel(level)
