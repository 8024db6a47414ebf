"""Workspaces: nobody gets out of the roots, and a deletion takes only what the gateway made."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from agentgate_server.sessions import folders, workspaces
from agentgate_server.sessions.workspaces import WorkspaceRefused, Workspaces, why_unwritable

pytestmark = pytest.mark.anyio

OWN = "s_0123-abcdef"


@pytest.fixture
def roots(tmp_path: Path) -> Path:
    (tmp_path / "roots" / "project").mkdir(parents=True)
    return tmp_path / "roots"


@pytest.fixture
def there(tmp_path: Path, roots: Path) -> Workspaces:
    return Workspaces(tmp_path / "data" / "workspaces", [roots])


def entered(there: Workspaces, workspace: str, session: str = OWN) -> list[str]:
    with there.opened(session, workspace) as handle, os.scandir(handle) as entries:
        return sorted(entry.name for entry in entries)


def at(workspace: str) -> Path:
    return Path(workspace)


def remove_by_force(folder: str) -> None:
    subprocess.run(["rm", "-rf", folder], check=True)


async def refusal(there: Workspaces, wanted: str) -> str:
    with pytest.raises(WorkspaceRefused) as caught:
        await there.make(OWN, wanted)
    return str(caught.value)


# Its own


async def test_a_session_gets_a_folder_that_nobody_else_may_look_into(
    tmp_path: Path, there: Workspaces
) -> None:
    made = at(await there.make(OWN, ""))
    assert made == tmp_path / "data" / "workspaces" / OWN
    for folder in (made, made.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (made / "memory.md").touch()
    assert entered(there, str(made)) == ["memory.md"]


async def test_the_folder_of_all_may_be_a_link_of_the_operators(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk")
    there = Workspaces(tmp_path / "link")
    made = await there.make(OWN, "")
    assert made == str(tmp_path / "disk" / OWN)
    assert entered(there, made) == []
    assert await there.remove(OWN) == ""
    assert not at(made).exists()


async def test_what_was_moved_with_the_database_is_found_where_it_is_now(
    tmp_path: Path, there: Workspaces
) -> None:
    made = at(await there.make(OWN, ""))
    (made / "memory.md").touch()
    (tmp_path / "data").rename(tmp_path / "moved")
    moved = Workspaces(tmp_path / "moved" / "workspaces")
    assert entered(moved, str(made)) == ["memory.md"]
    with pytest.raises(WorkspaceRefused, match="is not within"):
        entered(moved, str(made), "another")


async def test_a_folder_that_is_there_already_is_nobodys(there: Workspaces) -> None:
    await there.make(OWN, "")
    assert "no workspace can be made: File exists" in await refusal(there, "")


async def test_where_no_folder_can_be_made_the_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    there = Workspaces(tmp_path / "file" / "x")
    text = "no workspace can be made: Not a directory; see sessions.workspaces"
    assert await refusal(there, "") == text


# One that is named


async def test_a_folder_within_the_roots_may_be_named(there: Workspaces, roots: Path) -> None:
    project = roots / "project"
    assert await there.make(OWN, str(project)) == str(project)
    assert await there.make(OWN, f"{roots}/project/../project/") == str(project)
    assert await there.make(OWN, str(roots)) == str(roots)
    assert entered(there, str(roots)) == ["project"]


async def test_a_link_within_the_roots_is_resolved(there: Workspaces, roots: Path) -> None:
    (roots / "link").symlink_to("project")
    assert await there.make(OWN, str(roots / "link")) == str(roots / "project")


async def test_a_root_may_be_a_link_of_the_operators(tmp_path: Path, roots: Path) -> None:
    (tmp_path / "alias").symlink_to(roots)
    there = Workspaces(tmp_path / "data", [tmp_path / "alias"])
    made = await there.make(OWN, str(tmp_path / "alias" / "project"))
    assert made == str(roots / "project")
    assert entered(there, made) == []


@pytest.mark.parametrize(
    "wanted", ["/", "/etc", "{roots}/..", "{roots}/../data", "{roots}x", "{roots}/out/etc"]
)
async def test_nothing_else_is(there: Workspaces, roots: Path, wanted: str) -> None:
    at(f"{roots}x").mkdir()
    (roots / "out").symlink_to("/")
    wanted = wanted.format(roots=roots)
    text = f"the workspace {wanted} is not within sessions.workspace_roots of the gateway"
    assert await refusal(there, wanted) == text


@pytest.mark.parametrize("wanted", ["project", "~/project", "/a\0b", "/\ud800"])
async def test_a_name_must_be_an_absolute_path(there: Workspaces, wanted: str) -> None:
    assert "must be an absolute path" in await refusal(there, wanted)


async def test_without_roots_none_may_be_named(tmp_path: Path, roots: Path) -> None:
    there = Workspaces(tmp_path / "data")
    assert "sessions.workspace_roots is empty" in await refusal(there, str(roots))


async def test_it_must_be_a_folder_that_is_there(there: Workspaces, roots: Path) -> None:
    (roots / "file").touch()
    assert "make it first" in await refusal(there, str(roots / "none"))
    assert not (roots / "none").exists()
    assert await refusal(there, str(roots / "file")) == f"{roots / 'file'} is no folder"
    (roots / "loop").symlink_to("loop")
    assert "is no folder" in await refusal(there, str(roots / "loop"))


async def test_the_folder_of_another_session_is_not(tmp_path: Path) -> None:
    there = Workspaces(tmp_path / "workspaces", [tmp_path])
    other = await there.make("other", "")
    assert "is not within" in await refusal(there, other)
    with pytest.raises(WorkspaceRefused, match="is not within"):
        entered(there, other)


# Later


async def test_what_became_a_link_since_is_not_entered(there: Workspaces, roots: Path) -> None:
    (roots / "a" / "b").mkdir(parents=True)
    made = await there.make(OWN, str(roots / "a" / "b"))
    (roots / "a").rename(roots / "moved")
    (roots / "a").symlink_to(roots / "moved")
    with pytest.raises(WorkspaceRefused, match="can't be opened"):
        entered(there, made)


async def test_what_is_no_root_any_more_is_not_entered(tmp_path: Path, there: Workspaces) -> None:
    made = await there.make(OWN, str(tmp_path / "roots" / "project"))
    later = Workspaces(there.folder, [tmp_path / "elsewhere"])
    with pytest.raises(WorkspaceRefused, match=r"is not within sessions\.workspace_roots"):
        entered(later, made)


async def test_what_is_gone_is_told_apart(there: Workspaces) -> None:
    made = await there.make(OWN, "")
    at(made).rmdir()
    with pytest.raises(FileNotFoundError):
        entered(there, made)


async def test_a_disk_that_does_not_answer_is_not_waited_for(
    there: Workspaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspaces, "WAIT_S", 0.05)
    pipe = os.pipe()
    try:
        with pytest.raises(WorkspaceRefused, match="does not answer within"):
            await there.in_thread(lambda: os.read(pipe[0], 1))
    finally:
        os.write(pipe[1], b"x")
        os.close(pipe[1])


# Removal


async def test_removal_takes_all_that_is_in_it_and_follows_no_link(
    tmp_path: Path, there: Workspaces
) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    made = at(await there.make(OWN, ""))
    (made / "a" / "b").mkdir(parents=True)
    (made / "a" / "file").touch()
    (made / "a" / "folder_link").symlink_to(tmp_path / "precious")
    (made / "file_link").symlink_to(tmp_path / "precious" / "file")
    os.mkfifo(made / "pipe")
    assert await there.remove(OWN) == ""
    assert not made.exists()
    assert (tmp_path / "precious" / "file").exists()
    assert await there.remove(OWN) == "", "it is gone already"


async def test_removal_of_a_link_in_its_place_takes_nothing(
    tmp_path: Path, there: Workspaces
) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    made = at(await there.make(OWN, ""))
    made.rmdir()
    made.symlink_to(tmp_path / "precious")
    assert await there.remove(OWN) != ""
    assert (tmp_path / "precious" / "file").exists()


async def test_only_its_own_folder_is_removed(there: Workspaces, roots: Path) -> None:
    other = at(await there.make("other", ""))
    assert await there.make(OWN, str(roots / "project")) == str(roots / "project")
    assert await there.remove(OWN) == ""
    assert other.is_dir()
    assert (roots / "project").is_dir()


async def test_what_was_never_made_is_removed_without_a_word(tmp_path: Path) -> None:
    there = Workspaces(tmp_path / "none")
    assert await there.remove(OWN) == ""


async def test_a_removal_is_bounded(
    there: Workspaces, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(folders, "REMOVED_MAX", 3)
    made = at(await there.make(OWN, ""))
    for number in range(4):
        (made / str(number)).touch()
    assert await there.remove(OWN) == "it has more than 3 files"
    assert "is not removed: it has more than 3 files" in caplog.text


async def test_folders_that_are_nested_too_deep_are_left_to_a_person(there: Workspaces) -> None:
    made = await there.make(OWN, "")
    handle = os.open(made, os.O_RDONLY)
    for _ in range(2_000):
        os.mkdir("d", dir_fd=handle)
        inner = os.open("d", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = inner
    os.close(handle)
    try:
        assert await there.remove(OWN) != ""
    finally:
        remove_by_force(made)


# Before


async def test_whether_folders_can_be_made_is_known_without_making_any(tmp_path: Path) -> None:
    assert why_unwritable(tmp_path / "a" / "b") == ""
    assert not (tmp_path / "a").exists()
    (tmp_path / "file").touch()
    assert why_unwritable(tmp_path / "file" / "b") == f"{tmp_path / 'file'} is no folder"


# An agent's


@pytest.mark.parametrize("agent", ["house", "../../etc", "a/b", "x" * 250, "\ud800"])
async def test_an_agent_s_folder_is_one_whatever_its_id_is_and_may_be_there_before(
    there: Workspaces, agent: str
) -> None:
    session = f"agent:{agent}"
    made = at(await there.make(session, ""))
    assert made.parent == there.folder
    assert made.name.startswith("agent-")
    (made / "memory.md").touch()
    assert await there.make(session, "") == str(made), "the database was lost, and not the folder"
    assert entered(there, str(made), session) == ["memory.md"]
    assert await there.remove(session) == ""
    assert not made.exists()
