"""Which request the running code works for, so that what a tool logs by itself has its rid."""

from __future__ import annotations

from contextvars import ContextVar

current_rid: ContextVar[str] = ContextVar("agentgate_rid", default="")
"""The request whose tool runs, or ""."""
