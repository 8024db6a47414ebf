"""The console's modules are typed as strictly as the rest, in JSDoc."""

from __future__ import annotations

from tests.console.typescript import complaints


def test_typescript_has_nothing_against_them() -> None:
    found = complaints()
    assert not found, found
