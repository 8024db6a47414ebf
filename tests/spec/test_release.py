"""The specification can be taken away by itself: it is whole, and nothing in it leads out."""

from __future__ import annotations

import io
import json
import re
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.spec import release
from tests.spec.files import SPEC

OURS = re.compile(r"`[^`\n]*\b(?:src|tests|docs|ports|bench|examples)/[^`\n]*`")
"""A path of this repository, which a reader of the folder has not."""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a release."""
    there = tmp_path_factory.mktemp("release")
    with tarfile.open(fileobj=io.BytesIO(release.packed())) as archive:
        assert all(member.isreg() for member in archive.getmembers())
        archive.extractall(there, filter="data")
    return there / release.NAME


def pages_of(folder: Path) -> Iterator[tuple[Path, str]]:
    """The pages of a folder, without what is written in them for who makes them."""
    for page in sorted(folder.rglob("*.md")):
        yield page, re.sub(r"<!--.*?-->", "", page.read_text("utf-8"), flags=re.DOTALL)


def anchors_of(page: Path) -> set[str]:
    """What a link may name in a page, as code hosts make it of the headings."""
    lines = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL).splitlines()
    headings = [line.lstrip("# ") for line in lines if line.startswith("#")]
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_a_release_has_every_file_of_the_folder_and_the_license(unpacked: Path) -> None:
    there = {p.relative_to(unpacked): p.read_bytes() for p in unpacked.rglob("*") if p.is_file()}
    here = {p.relative_to(SPEC): p.read_bytes() for p in SPEC.rglob("*") if p.is_file()}
    assert there == here | {Path("LICENSE"): (SPEC.parent / "LICENSE").read_bytes()}


def test_the_same_files_make_the_same_bytes() -> None:
    assert release.packed() == release.packed()


def test_a_link_in_the_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(SPEC, tmp_path / "spec")
    (tmp_path / "spec" / "more").symlink_to(SPEC / "vectors")
    monkeypatch.setattr(release, "SPEC", tmp_path / "spec")
    with pytest.raises(ValueError, match="more is a link"):
        release.files()


def test_every_link_leads_to_a_place_in_the_folder(unpacked: Path) -> None:
    links = 0
    for page, text in pages_of(unpacked):
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            assert target.is_relative_to(unpacked.resolve()), f"{page.name}: {link} leads out"
            assert target.exists(), f"{page.name}: {link} leads to nothing"
            assert not anchor or anchor in anchors_of(target), f"{page.name}: no {link}"
            links += 1
    assert links


def test_nothing_names_a_file_that_only_this_repository_has(unpacked: Path) -> None:
    found = [
        f"{page.name}: {m[0]}" for page, text in pages_of(unpacked) for m in OURS.finditer(text)
    ]
    assert found == []


def test_what_is_made_of_docstrings_says_nothing_of_our_own_modules(unpacked: Path) -> None:
    for path in (*unpacked.glob("*.json"), *unpacked.glob("*.yaml"), *unpacked.glob("*.md")):
        text = re.sub(r"<!--.*?-->", "", path.read_text("utf-8"), flags=re.DOTALL)
        assert not re.search(r":(?:class|meth|func|attr|mod):|agentgate_[a-z]+\.", text), path.name


def test_the_schema_is_found_from_the_list_of_messages(unpacked: Path) -> None:
    text = (unpacked / "asyncapi.yaml").read_text("utf-8")
    yaml.safe_load(text)
    files = set(re.findall(r"\$ref: ['\"]?([^#'\"\s]+)#", text))
    assert files
    for name in files:
        json.loads((unpacked / name).read_text("utf-8"))
