"""On whose behalf a relay asks, and where that has been: what gateways tell each other.

Only the role ``relay`` may say so. What it says is kept in the audit beside its own name; the
policy decides about the relay, as about any principal.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from agentgate_proto.limits import HOPS_MAX, NAME_CHARS_MAX

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_CHARS_MAX)]
Hops = Annotated[tuple[Id, ...], msgspec.Meta(min_length=1, max_length=HOPS_MAX)]


class OnBehalf(msgspec.Struct, frozen=True, kw_only=True):
    """Who asked at first, and the gateways between.

    Attributes:
        principal: the principal of the first gateway.
        hops: the ``epoch`` of each gateway that has passed it on, the first one's first. A gateway
            that finds itself among them refuses (-32018).
    """

    principal: Id
    hops: Hops


class RelayedApproval(msgspec.Struct, frozen=True, kw_only=True):
    """A person has said yes at the relay. It counts where the relay is trusted with that
    (``approves`` of its principal); elsewhere a person is asked here.

    Attributes:
        approver: who.
        approval: the id of the approval there.
    """

    approver: Id
    approval: Id
