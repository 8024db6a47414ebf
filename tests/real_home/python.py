"""Find a Python that Home Assistant runs on, and install Home Assistant for it, apart from ours."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

NEEDED: Final = (3, 13)
VERSION: Final = "2025.4.4"
"""The last that runs on every 3.13; later ones want 3.13.2, or 3.14."""

NAMES: Final = ("python3.13", "python3.14")
ASK: Final = "import json, sys; print(json.dumps([sys.executable, *sys.version_info[:2]]))"

HOW: Final = f"""\
make real-home: NOTHING WAS TESTED, for there is no Python {NEEDED[0]}.{NEEDED[1]} or later here.
Home Assistant needs one of its own. Any of these brings it:
    uv python install 3.13          (https://docs.astral.sh/uv/)
    pyenv install 3.13
    apt install python3.13-venv     (Debian 13, Ubuntu 25.04 and later)
    make real-home HA_PYTHON=/path/to/python3.13"""


def python_of(given: str) -> Path:
    """Return a Python that is new enough, or end with words that nobody overlooks.

    Args:
        given: one to look at first, or "".
    """
    for candidate in candidates(given):
        try:
            done = subprocess.run([candidate, "-c", ASK], capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            continue  # a shim of pyenv for a version that is not switched on, say
        path, *version = json.loads(done.stdout)
        if tuple(version) >= NEEDED:
            return Path(path)
    sys.exit(HOW)


def candidates(given: str) -> list[str]:
    """Return what may be such a Python, best first."""
    found = [given] if given else []
    found += [path for path in map(shutil.which, NAMES) if path is not None]
    versions = Path.home() / ".pyenv" / "versions"
    found += [str(path) for path in sorted(versions.glob("3.1[3-9]*/bin/python"))]
    if uv := shutil.which("uv"):
        install = [uv, "python", "install", "--quiet", "3.13"]
        find = [uv, "python", "find", "3.13"]
        subprocess.run(install, check=False)
        done = subprocess.run(find, capture_output=True, text=True, check=False)
        found += done.stdout.split()[:1]
    return found


def install(python: Path, folder: Path, version: str = VERSION) -> Path:
    """Install Home Assistant if it is not there yet; return its command.

    Args:
        python: see :func:`python_of`.
        folder: where; it gets an environment of its own.
        version: of Home Assistant.
    """
    environment = folder / "venv"
    command, pip = environment / "bin" / "hass", [str(environment / "bin" / "python"), "-m", "pip"]
    if not pip_exists(environment):
        run([str(python), "-m", "venv", str(environment)])
    if installed(environment) == version:
        return command
    print(f"installing Home Assistant {version} into {environment}: some minutes", flush=True)
    wheels = folder / "wheels"
    run([*pip, "download", "--quiet", "--no-deps", "-d", str(wheels), f"homeassistant=={version}"])
    (wheel,) = wheels.glob(f"homeassistant-{version}-*.whl")
    constraints = folder / "constraints.txt"
    with zipfile.ZipFile(wheel) as archive:  # without them what it needs is taken too new
        constraints.write_bytes(archive.read("homeassistant/package_constraints.txt"))
    run([*pip, "install", "--quiet", "-c", str(constraints), str(wheel)])
    return command


def pip_exists(environment: Path) -> bool:
    """Whether there is an environment."""
    return (environment / "bin" / "python").exists()


def installed(environment: Path) -> str:
    """Return the version that is there, or ""."""
    say = "import homeassistant.const as it; print(it.__version__)"
    python = str(environment / "bin" / "python")
    done = subprocess.run([python, "-c", say], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def run(command: list[str]) -> None:
    """Run a command, or end with what it said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"make real-home: {' '.join(command)} failed:\n{done.stderr[-3_000:]}")
