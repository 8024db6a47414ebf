"""Statuses of HTTP by which something on the way says that it lost the server behind it.

What was asked may have been done there. RFC 9110 has 502 and 504. The others are those of proxies
that cannot be told from the server itself by whoever asks: Cloudflare's 520 (an answer that is
none), 522 (nothing came back in time; the connection may have stood), 524 (no answer in time) and
527 (the way to the server broke); 598 is what some proxies say of an answer that did not come in
time. Not among them is what says that nothing reached the server: 503, and Cloudflare's 521
(refused), 523 (unreachable), 525 and 526 (no TLS) and 530 (no such name).
"""

from __future__ import annotations

from typing import Final

LOST: Final = (502, 504, 520, 522, 524, 527, 598)
"""Whether a write was done is not known after one of these."""

NOT_REACHED: Final = (503, 521, 523, 525, 526, 530)
"""The server was not reached, or turned it away: nothing was done."""
