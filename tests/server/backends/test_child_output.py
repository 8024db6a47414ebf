"""What child processes say besides answers: not all of it is noted, and none with secrets in it."""

from __future__ import annotations

import logging
import os

import pytest

from agentgate_server.backends import child_output
from agentgate_server.backends.child_output import LOG_LINE_BYTES_MAX, Notes, log_lines
from agentgate_server.secrets.hiding import MASK
from agentgate_server.secrets.masking import Masker
from agentgate_server.secrets.secret import Secret


def noted(text: bytes, caplog: pytest.LogCaptureFixture) -> list[str]:
    reading, writing = os.pipe()
    os.write(writing, text)
    os.close(writing)
    with caplog.at_level(logging.INFO):
        log_lines(reading, "server git", Masker([Secret("sesame-open")]))
    return caplog.messages


def test_lines_are_noted_without_secrets_and_empty_ones_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    found = noted(b"key  sesame-open\n\n \xff\n", caplog)
    assert found == [f"server git: key {MASK}", "server git: \ufffd"]


def test_a_long_line_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    first, second = noted(b"x" * (LOG_LINE_BYTES_MAX + 1) + b"\n", caplog)
    assert (len(first), second) == (LOG_LINE_BYTES_MAX + len("server git: "), "server git: x")


def test_that_no_more_is_noted_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(child_output, "LOG_LINES_MAX", 1)
    found = noted(b"a\nb\n", caplog)
    assert found == ["server git: a", "server git: no more of its standard error is noted"]


def test_of_a_second_not_all_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_output, "LOG_LINES_MAX", 5)
    monkeypatch.setattr(child_output, "LOG_LINES_PER_S", 2)
    notes = Notes()
    moments = (7.0, 7.1, 7.9, 8.0, 8.5, 8.9, 9.0, 10.0)
    assert [notes.takes(moment) for moment in moments] == [
        *(True, True, False),
        *(True, True, False),
        *(True, False),  # these were all
    ]


def test_that_no_more_is_noted_is_said_with_the_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_output, "LOG_LINES_MAX", 2)
    notes = Notes()
    assert [(notes.takes(1.0), notes.are_over) for _ in range(3)] == [
        *((True, False), (True, True), (False, False))
    ]
