"""Fetches recorded streams, each repository at one commit, into a cache outside this repository.

They are others' and are not ours to keep: they are read where they are, and never committed.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

GITHUB = "https://github.com"


@dataclass(frozen=True)
class Source:
    """A repository.

    Attributes:
        name: owner and name.
        commit: which one was read when the differences to the SDKs were explained.
        paths: patterns of the files that hold streams.
    """

    name: str
    commit: str
    paths: tuple[str, ...]


SOURCES = (
    Source("vercel/ai", "ed857f50f112e23930b0c2dd8d532cc8bebbc911", ("/packages/**/*.chunks.txt",)),
    Source(
        "anthropics/anthropic-sdk-python",
        "009b035305e0724ce108ebd796935f91711fc6e1",
        ("/tests/lib/streaming/fixtures/", "/tests/fixtures/"),
    ),
    Source(
        "openai/openai-python",
        "e43b422412a9e96c9cc5192c61fffbe2d7e04836",
        ("/.inline-snapshot/external/",),
    ),
)


def cache() -> Path:
    """Where they are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "agent-gate" / "vendor-streams"


def fetched() -> Path:
    """Fetch what is not there yet; return the folder.

    Raises:
        subprocess.CalledProcessError: git could not.
    """
    for source in SOURCES:
        folder = cache() / source.name.replace("/", "+")
        if not (folder / ".git" / source.commit).exists():
            fetch(source, f"{GITHUB}/{source.name}", folder)
    return cache()


def fetch(source: Source, url: str, folder: Path) -> None:
    """Check out the streams of a repository, and no more of it than is needed for that."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet")
    git(folder, "sparse-checkout", "set", "--no-cone", *source.paths)
    git(folder, "fetch", "--quiet", "--depth=1", "--filter=blob:none", url, source.commit)
    git(folder, "config", "remote.origin.url", url)  # whence the files come when they are wanted
    git(folder, "config", "remote.origin.promisor", "true")
    git(folder, "checkout", "--quiet", "--force", source.commit)
    (folder / ".git" / source.commit).touch()  # whole, and of this commit


def git(folder: Path, *args: str) -> None:
    """Run git there."""
    subprocess.run(["git", *args], cwd=folder, check=True)
