"""Records made by hand, for tests of the parts of the ledger."""

from typing import Any

import msgspec

from agentgate_proto.digest import canonical_args, digest_of
from agentgate_proto.records.edit import Edit, changed_names
from agentgate_proto.records.request import Effects, Phase, Record


def edit_of(asked: dict[str, Any], tool: str = "write", **args: Any) -> Edit:
    """What a person makes of what was asked."""
    whole = canonical_args(args)
    return Edit(
        args=msgspec.Raw(whole),
        signature=f"{tool}({args})",
        digest=digest_of(tool, whole),
        changed=changed_names(asked, args),
    )


def record(rid: str = "r1", **kw: Any) -> Record:
    """A record with the given fields, and harmless others."""
    args = canonical_args({"n": 1})
    fields: dict[str, Any] = {
        "principal": "agent",
        "client_id": "c1",
        "request_id": 1,
        "tool": "write",
        "args": msgspec.Raw(args),
        "signature": "write(1)",
        "digest": digest_of("write", args),
        "effects": Effects.WRITE,
        "phase": Phase.RECEIVED,
        "created_at": 1_800_000_000.0,
    }
    return Record(rid=rid, **{**fields, **kw})
