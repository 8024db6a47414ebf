"""What is vendored is what the record says, and the port's bundle is of the port as it is now."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.console.vendor import ENTRIES, LIBRARIES, RECORD, VENDOR, digest, digest_of_port

AGAIN = "make it anew: python -m tests.console.vendor"


@pytest.fixture(scope="module")
def recorded() -> dict[str, dict[str, Any]]:
    files: dict[str, dict[str, Any]] = json.loads(RECORD.read_text("utf-8"))["files"]
    return files


def test_every_vendored_file_has_its_recorded_hash(recorded: dict[str, dict[str, Any]]) -> None:
    found = {path.name: digest(path) for path in VENDOR.iterdir() if path != RECORD}
    assert found == {name: row["sha256"] for name, row in recorded.items()}, AGAIN


def test_the_bundle_of_the_port_is_of_its_sources_of_now(
    recorded: dict[str, dict[str, Any]],
) -> None:
    assert recorded["agentgate.js"]["sources_sha256"] == digest_of_port(), AGAIN


@pytest.mark.parametrize("name", sorted(LIBRARIES))
def test_a_library_is_of_its_pinned_version_and_brings_its_licence(
    recorded: dict[str, dict[str, Any]], name: str
) -> None:
    version, licence = LIBRARIES[name]
    row = recorded[f"{name}.js"]
    assert (row["from"], row["licence"]) == (f"npm: {name} {version}", licence), AGAIN
    assert row["entry_sha256"] == digest(ENTRIES / f"{name}.js"), AGAIN
    assert "Copyright" in (VENDOR / f"LICENSE-{name}.txt").read_text("utf-8")


def test_the_bundle_has_nothing_of_node() -> None:
    assert "node:" not in (VENDOR / "agentgate.js").read_text("utf-8")
