"""A restart does not launder the audit: who cut it while the gateway was down is still found."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.cli.support import Served, run, write_files

CUT = (
    "DROP TRIGGER audit_stays",
    "DROP TRIGGER audit_kept",
    "DELETE FROM audit WHERE seq > (SELECT max(seq) - 5 FROM audit)",
    "UPDATE sqlite_sequence SET seq = (SELECT max(seq) FROM audit) WHERE name = 'audit'",
)


@pytest.fixture
def served(tmp_path: Path) -> Served:
    """A gateway that ran for a while, and was stopped."""
    write_files(tmp_path, audit={"head_file": "head.txt"})
    gateway = Served(tmp_path)
    gateway.start()
    for _ in range(6):
        assert gateway.as_agent("call", "list_lights").returncode == 0
    gateway.stop()
    return gateway


def messages(served: Served) -> list[str]:
    """Stop it, and return what it has logged as errors."""
    assert served.process is not None
    served.process.terminate()
    _, err = served.process.communicate()
    rows = map(json.loads, err.splitlines())
    return [row["message"] for row in rows if row["level"] == "error"]


def verified(served: Served, *args: str) -> tuple[int, str]:
    done = run("audit", "verify", *args, cwd=served.folder)
    return done.returncode, done.stdout


def test_a_cut_is_found_before_and_after_any_number_of_starts(served: Served) -> None:
    code, out = verified(served)
    assert (code, "the head that was kept is in it" in out) == (0, True)
    kept = (served.folder / "head.txt").read_text()
    with closing(sqlite3.connect(served.folder / "gate.db")) as connection:
        for sql in CUT:
            connection.execute(sql)
        connection.commit()
    code, out = verified(served)
    assert (code, "[truncated]" in out) == (1, True)

    for calls in (0, 20):  # the log grows beyond the number of the kept head
        served.start()
        for _ in range(calls):
            assert served.as_agent("call", "list_lights").returncode == 0
        health = run("health", "--url", served.url)
        assert (health.returncode, "audit not as it was kept" in health.stdout) == (0, True)
        said = messages(served)
        assert any("head.txt: " in text for text in said), said
        assert (served.folder / "head.txt").read_text() == kept
        code, out = verified(served)
        assert (code, out.startswith("broken at entry ")) == (1, True)

    # Somebody looked into it: from now on, what was found is where the log begins.
    assert verified(served, "--head-file", "head.txt.new")[0] == 0
    (served.folder / "head.txt").rename(served.folder / "head.txt.evidence")
    (served.folder / "head.txt.new").rename(served.folder / "head.txt")
    served.start()
    assert messages(served) == []
    assert verified(served)[0] == 0


def test_a_head_is_added_at_each_stop_and_none_is_taken_away(served: Served) -> None:
    before = (served.folder / "head.txt").read_text()
    served.start()
    served.stop()
    after = (served.folder / "head.txt").read_text()
    assert after.startswith(before)
    assert len(after.splitlines()) > len(before.splitlines())
    code, out = verified(served)
    assert (code, "entries after it: 0" in out) == (0, True)
    # A head that somebody adds covers up none of those before it.
    forged = after.splitlines()[0].partition("-")[0] + "-" + "f" * 64
    (served.folder / "head.txt").write_text(f"{forged}\n{after}")
    assert verified(served)[0] == 1
