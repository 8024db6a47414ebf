"""What memory there is: the machine's, or what a container may have, in both versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentgate_server.sockets.memory_there import bytes_there, used_bytes

MACHINE = {"proc/meminfo": "MemTotal:       1000 kB\nMemFree: 5 kB\n"}
SECOND = {**MACHINE, "proc/self/cgroup": "0::/a/b\n"}
FIRST = {**MACHINE, "proc/self/cgroup": "5:cpu,memory:/a\n3:pids:/a\n"}


@pytest.mark.parametrize(
    ("files", "there"),
    [
        ({}, 0),
        ({"proc/meminfo": "MemTotal:\n"}, 0),
        ({"proc/meminfo": "nothing of it\n"}, 0),
        (MACHINE, 1_024_000),
        (SECOND, 1_024_000),
        ({**SECOND, "sys/fs/cgroup/a/b/memory.max": "max\n"}, 1_024_000),
        ({**SECOND, "sys/fs/cgroup/a/b/memory.max": "5000\n"}, 5_000),
        ({**SECOND, "sys/fs/cgroup/a/memory.max": "4000\n"}, 4_000),
        ({**SECOND, "sys/fs/cgroup/memory.max": "3000\n"}, 3_000),
        ({**SECOND, "sys/fs/memory.max": "1\n"}, 1_024_000),
        ({**FIRST, "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "6000\n"}, 6_000),
        ({**FIRST, "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{2**63 - 4096}"}, 1_024_000),
        ({**MACHINE, "proc/self/cgroup": "odd\n"}, 1_024_000),
    ],
)
def test_the_least_of_what_is_there_counts(
    tmp_path: Path, files: dict[str, str], there: int
) -> None:
    for name, text in files.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert bytes_there(tmp_path) == there


def test_where_nobody_can_say_how_much_is_used_it_is_nothing(tmp_path: Path) -> None:
    assert used_bytes(tmp_path) == 0
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/statm").write_text("odd")
    assert used_bytes(tmp_path) == 0


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux says it")
def test_this_process_uses_some_and_more_when_it_takes_more() -> None:
    before = used_bytes()
    assert 1 << 20 < before < bytes_there()
    taken = b"x" * (64 << 20)
    assert used_bytes() > before + len(taken) // 2
