"""The seeds of real worlds that once failed."""

from __future__ import annotations

from pathlib import Path

from tests.sim.regressions import Regressions

REGRESSIONS = Regressions(Path(__file__).with_name("regressions.txt"))
