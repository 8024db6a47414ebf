"""The logins file: for its owner's eyes alone, and never quoted."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from agentgate_server.tools.mcp.login_file import Login, LoginFile, LoginFileError

LOGIN = Login(
    url="https://mcp.example/mcp",
    token_endpoint="https://login.example/token",
    client_id="c1",
    client_secret="hush-hush",
    access_token="access-1",
    refresh_token="renew-1",
)


@pytest.fixture
def file(tmp_path: Path) -> LoginFile:
    return LoginFile.beside(tmp_path / "gate.db")


def test_a_login_is_there_until_it_is_forgotten(file: LoginFile) -> None:
    assert file.get("tracker") is None
    file.put("tracker", LOGIN)
    file.put("other", replace(LOGIN, access_token="access-2"))
    assert file.get("tracker") == LOGIN
    assert file.drop("tracker")
    assert not file.drop("tracker")
    assert file.get("tracker") is None
    assert file.get("other") is not None


def test_what_was_renewed_takes_only_the_place_of_what_it_was_made_from(file: LoginFile) -> None:
    file.put("tracker", LOGIN)
    fresh = replace(LOGIN, access_token="access-2")
    assert file.renewed("tracker", LOGIN, fresh)
    assert not file.renewed("tracker", LOGIN, replace(LOGIN, access_token="access-3"))
    assert file.get("tracker") == fresh
    file.drop("tracker")
    assert not file.renewed("tracker", fresh, LOGIN)
    assert file.get("tracker") is None


def test_a_login_does_not_show_its_tokens() -> None:
    assert repr(LOGIN) == "Login(url='https://mcp.example/mcp', …)"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_that_others_can_read_is_refused(file: LoginFile, mode: int) -> None:
    file.put("tracker", LOGIN)
    file.path.chmod(mode)
    with pytest.raises(LoginFileError, match="others can read the tokens in it: chmod 600"):
        file.get("tracker")


@pytest.mark.parametrize(
    "text",
    [
        '{"version":1,"logins":{"tracker":{"access_token":"access-1"}}}',
        '{"version":2}',
        "access-1",
        (
            '{"version":1,"logins":{"t":{"url":"u","token_endpoint":"t","client_id":"c",'
            '"access_token":"access-1\\r\\nX: y"}}}'
        ),
    ],
)
def test_a_file_that_nobody_of_us_wrote_is_refused_and_not_quoted(
    file: LoginFile, text: str
) -> None:
    file.path.write_text(text)
    file.path.chmod(0o600)
    with pytest.raises(LoginFileError, match="is not as agent-gate writes it") as error:
        file.get("tracker")
    assert "access-1" not in str(error.value)
    assert error.value.__cause__ is None
