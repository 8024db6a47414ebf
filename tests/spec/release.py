"""Packs the specification by itself: ``python -m tests.spec.release`` (``make spec``).

The same files make the same bytes, whoever packs them and when.
"""

from __future__ import annotations

import gzip
import io
import sys
import tarfile
from pathlib import Path

from tests.spec.files import SPEC

from agentgate_server.version import VERSION

ROOT = SPEC.parent
NAME = f"agentgate-spec-{VERSION}"


def files() -> dict[str, Path]:
    """What a release has, by the path that it has there.

    Raises:
        ValueError: something in the folder is a link, and so not in it.
    """
    found = {"LICENSE": ROOT / "LICENSE"}
    for path in sorted(SPEC.rglob("*")):
        if path.is_symlink():
            raise ValueError(f"{path} is a link: a copy of the folder would not have it")
        if path.is_file() and not path.name.startswith("."):
            found[path.relative_to(SPEC).as_posix()] = path
    return found


def packed() -> bytes:
    """The release, as a compressed tar file. Its members have no time and no owner."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, path in sorted(files().items()):
            content = path.read_bytes()
            member = tarfile.TarInfo(f"{NAME}/{name}")
            member.size = len(content)
            member.mode = 0o644
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), mtime=0)


def main() -> int:
    """Write the release into ``dist/``."""
    path = ROOT / "dist" / f"{NAME}.tar.gz"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(packed())
    print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
