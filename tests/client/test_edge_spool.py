"""The spool as a file: durable, locked, private, and whole after whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from tests.chance import seeds

from agentgate_client.edge.spool import COMPACT_BYTES, Spool, SpoolError
from agentgate_proto.client.prompts import Finished, PromptBook, Put, Record

PUT: list[Record] = [Put(id="a", text="hi", at=1.0)]


def test_a_new_spool_has_a_name_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "prompts.spool"
    spool = Spool.open(path)
    assert spool.client_id.startswith("edge-")
    assert path.stat().st_mode & 0o777 == 0o600
    spool.append(PUT)
    spool.close()
    path.chmod(0o644)
    again = Spool.open(path, "other")
    assert (again.client_id, again.records) == (spool.client_id, PUT)
    assert path.stat().st_mode & 0o777 == 0o600
    again.close()
    again.close()
    with pytest.raises(SpoolError, match="is closed"):
        again.append(PUT)
    named = Spool.open(tmp_path / "b.spool", "kitchen")
    assert named.client_id == "kitchen"
    named.close()


def test_one_process_uses_it_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "prompts.spool"
    spool = Spool.open(path)
    with pytest.raises(SpoolError, match=r"prompts\.spool: another process uses it"):
        Spool.open(path)
    spool.compact([])
    with pytest.raises(SpoolError, match="another process uses it"):
        Spool.open(path)
    spool.close()
    Spool.open(path).close()


def test_what_can_not_be_a_spool_is_refused_and_not_touched(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("my notes")
    with pytest.raises(SpoolError, match=r"notes\.txt: it is no spool of prompts"):
        Spool.open(other)
    assert other.read_text() == "my notes"
    with pytest.raises(SpoolError, match="No such file or directory"):
        Spool.open(tmp_path / "nowhere" / "x")
    link = tmp_path / "link"
    link.symlink_to(other)
    with pytest.raises(SpoolError):
        Spool.open(link)
    with pytest.raises(SpoolError):
        Spool.open(tmp_path)
    huge = tmp_path / "huge"
    huge.touch()
    os.truncate(huge, 80_000_000)
    with pytest.raises(SpoolError, match="too much for a spool"):
        Spool.open(huge)


def test_the_end_of_a_broken_write_is_cut_off(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "prompts.spool"
    spool = Spool.open(path)
    spool.append(PUT)
    spool.close()
    whole = path.read_bytes()
    path.write_bytes(whole + b'12345678 {"k":"put","id":"b"')
    again = Spool.open(path)
    assert again.records == PUT
    assert path.read_bytes() == whole
    again.append([Finished(id="a")])
    again.close()
    assert "cut off" in caplog.text
    content = path.read_bytes().replace(b'"text":"hi"', b'"text":"ho"')
    path.write_bytes(content)
    last = Spool.open(path)
    assert last.records == [Finished(id="a")]
    last.close()
    assert "1 damaged lines are left out" in caplog.text


def test_a_long_file_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "prompts.spool"
    spool = Spool.open(path)
    book = PromptBook()
    number = 0
    while not spool.is_long:
        number += 1
        put = Put(id=str(number), text="x" * 50_000, at=1.0)
        for record in (put, Finished(id=put.id)):
            spool.append([record])
            book.apply(record)
    assert path.stat().st_size > COMPACT_BYTES
    spool.compact(book.records())
    assert path.stat().st_size < 10_000
    assert not spool.is_long
    spool.append(PUT)
    spool.close()
    again = Spool.open(path)
    assert again.client_id == spool.client_id
    assert again.records[-1:] == PUT
    assert len(again.records) == number + 1
    again.close()
    assert list(tmp_path.iterdir()) == [path]


def test_where_it_can_not_be_written_anew_the_old_one_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "prompts.spool"
    spool = Spool.open(path)
    (tmp_path / "prompts.spool.new").mkdir()
    spool.compact(PUT)
    assert "can't be written anew" in caplog.text
    spool.append(PUT)
    spool.close()
    assert Spool.open(path).records == PUT


FULL = """
import resource, signal, sys
from agentgate_client.edge.spool import Spool, SpoolError
from agentgate_proto.client.prompts import Put
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
spool = Spool.open(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
kept = 0
for number in range(100):
    try:
        spool.append([Put(id=str(number), text="x" * 50, at=1.0)])
    except SpoolError as error:
        print(kept, error)
        break
    kept += 1
"""


def test_a_disk_that_is_full_takes_nothing_by_half(tmp_path: Path) -> None:
    path = tmp_path / "prompts.spool"
    told = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True
    )
    kept, text = told.stdout.split(" ", 1)
    assert "File too large" in text
    spool = Spool.open(path)
    assert [one.id for one in spool.records] == [str(number) for number in range(int(kept))]
    assert int(kept) > 3
    spool.close()


WRITER = """
import sys
from agentgate_client.edge.spool import Spool
from agentgate_proto.client.prompts import Put
spool = Spool.open(sys.argv[1])
first = len(spool.records)
for number in range(10 ** 9):
    spool.append([Put(id=f"{first}-{number}", text="y" * 300, at=1.0)])
    print(f"{first}-{number}", flush=True)
"""


@pytest.mark.parametrize("seed", seeds(6))
def test_what_was_said_to_be_kept_is_kept_when_the_process_is_killed(
    tmp_path: Path, seed: int
) -> None:
    path = tmp_path / "prompts.spool"
    told: list[str] = []
    rng = Random(seed)
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        told += [process.stdout.readline().strip() for _ in range(rng.randrange(1, 40))]
        process.send_signal(signal.SIGKILL)
        told += process.stdout.read().split()
        process.wait()
        process.stdout.close()
    spool = Spool.open(path)
    kept = [one.id for one in spool.records]
    spool.close()
    assert len(kept) - len(told) in (0, 1, 2), "what was written and not told may be there too"
    assert [name for name in kept if name in told] == told
