"""``make fuzz``: all targets one after another, and a table of what came of it.

``python -m tests.fuzz.campaign --seconds 60 [--target jsonrpc]``. Inputs that reach new code are
kept in ``.fuzz/`` for the next time; an input that breaks a target is put there too, and named.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

from tests.fuzz.test_corpus import CORPUS, HERE, TARGETS

WORK = Path(".fuzz")
INPUT_S_MAX = 10
"""An input that takes longer is a finding."""

MEMORY_MB_MAX = 1024
FINDINGS = ("crash-*", "timeout-*", "oom-*", "leak-*")
STATUS = re.compile(r"#(\d+)\s+\w+\s+cov: (\d+) ft: \d+ corp: (\d+)")
ROW = "{:16} {:>12} {:>10} {:>8} {:>10}"


def main() -> int:
    """Fuzz; 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--target", choices=TARGETS, help="only this one")
    options = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        sys.exit("make fuzz needs atheris: pip install 'agent-gate[fuzz]' (Linux, Python 3.11+)")
    found: list[Path] = []
    print(ROW.format("target", "executions", "coverage", "corpus", "findings"))
    for name in [options.target] if options.target else TARGETS:
        found += fuzz(name, options.seconds)
    for path in found:
        print(f"found: {path}; its traceback: {path.parent / 'log'}")
    return 1 if found else 0


def fuzz(name: str, seconds: int) -> list[Path]:
    """Run one target, print its row, return what it found."""
    folder = WORK / name
    kept = folder / "corpus"
    kept.mkdir(parents=True, exist_ok=True)
    before = findings(folder)
    command = [
        *(sys.executable, "-m", "tests.fuzz.one", name),
        *(f"-max_total_time={seconds}", f"-timeout={INPUT_S_MAX}"),
        *(f"-rss_limit_mb={MEMORY_MB_MAX}", f"-dict={HERE / 'words.dict'}"),
        *(f"-artifact_prefix={folder}/", str(kept), str(CORPUS / name)),
    ]
    log = folder / "log"
    with log.open("wb") as file:
        subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False)
    statuses = STATUS.findall(log.read_text(errors="replace"))
    executions, coverage, corpus = statuses[-1] if statuses else ("-", "-", "-")
    new = sorted(findings(folder) - before)
    print(ROW.format(name, executions, coverage, corpus, len(new)), flush=True)
    return new


def findings(folder: Path) -> set[Path]:
    """The inputs that broke a target."""
    return {path for pattern in FINDINGS for path in folder.glob(pattern)}


if __name__ == "__main__":
    sys.exit(main())
