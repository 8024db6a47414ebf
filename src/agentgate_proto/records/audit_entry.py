"""An entry of the audit log: one thing that happened, for whoever looks back on it."""

from __future__ import annotations

import msgspec

AUDIT_ARGS_BYTES_MAX = 8_192
"""Arguments in an entry; in longer ones long texts are cut, and the digest is that of the whole."""

AUDIT_MASKED_MAX = 64
"""Hidden values of one entry that have a digest of their own; that of the request covers all."""

AUDIT_PLACES_CHARS_MAX = 4_096
"""Of the places of these, together: the names in them are of the asker's choosing."""


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One entry. What does not concern its event is left out. Times are RFC 3339.

    Attributes:
        event: what happened: ``request.asked``, ``request.endorsed``, ``request.edited``,
            ``request.approved``, ``request.started``, ``request.ended``, ``requests.denied``,
            ``requests.read``, ``requests.withdrawn``, ``requests.repeated``, ``grant.made``,
            ``grant.used``,
            ``grant.revoked``, ``agent.muted``, ``agent.unmuted``, ``login.failed``,
            ``agent.login_failed``, ``gateway.started``,
            ``gateway.stopped``, ``gateway.restored``, ``policy.loaded``, ``token.added``,
            ``token.revoked``,
            ``tool.accepted``, ``tool.dropped``, ``audit.dropped``, ``audit.broken``,
            ``session.created``, ``session.run_started``, ``session.run_ended``,
            ``session.deleted`` …
        rid: the request. Its arguments stand in its first entry.
        agent, client_id, request_id: who asked, and its own id of the request.
        on_behalf_of, hops: who asked at the first gateway, and the epochs of the gateways that have
            passed it on.
        relayed_approver, relayed_approval: who said yes at the gateway in front, where that counts
            here, and the id of that approval.
        asks_there: a person is asked at the gateway behind.
        tool, effects, args: what was asked, without secrets.
        asked_args, asked_digest: of ``request.edited``: what was asked with, where ``args`` and
            ``digest`` are of what a person has made of it, and what runs.
        args_bytes: how long ``args`` would be, if that is too long to stand here whole: then
            long texts in ``args`` are cut, and it is left out if that does not do.
        digest: of tool and arguments as they ran. Plain SHA-256 where nothing in ``args`` is
            hidden; keyed where something is, see :mod:`agentgate_proto.audit.sealing`.
        masked: keyed digests of the values that ``args`` hides, by their place (a JSON Pointer).
        why: what the agent said of why it asks. Nobody has looked whether it is true.
        decision, rule, description: what the policy said, and which rule said it.
        doubt: why that rule matches, where what is asked does not say it.
        warning: what the person was told before answering.
        expires_at: until when the approval waits.
        approvers_needed: how many people must say yes, if more than one.
        approver, channel, decided_at: who answered, where, when.
        word: what they said to the agent with it.
        grant: id of the grant that was made, used or revoked.
        any_args: arguments that the grant lets differ; ``args`` are those that it fixes.
        uses, uses_max: how often the grant was used, and may be.
        joined: the request that this one had joined, and with which it ended; or which had ended
            before, and of which it was a repeat: then nobody was asked, and nothing was run.
        status, code, message: how the request ended, with the error's code and text.
        result_bytes: how long the result was.
        duration_s: seconds from the ask to the end.
        principal, role: whom a token belongs to; of a run: who has said something to an agent that
            is somebody else; of a session: who has deleted it, if that is an operator.
        address: where a login came from.
        count: how many times it happened.
        name, sha256: a file, and what its bytes were; of ``tool.accepted`` an MCP server, and the
            pin of its tool.
        version, detail: more words about it.
        upto, upto_hash: the last entry that retention dropped, and its hash; of ``audit.broken``
            the head that was kept, if there was one.
        session, run, model: a session, a run of it, and the model's name in the configuration.
            The tools that it asks for have the session's id as ``client_id``. Nothing of what was
            said stands here.
        cost_micros: what the run cost, in millionths of a dollar; None: nobody knows.
    """

    event: str
    rid: str = ""
    agent: str = ""
    client_id: str = ""
    request_id: int | str = ""
    tool: str = ""
    effects: str = ""
    args: msgspec.Raw | None = None
    args_bytes: int = 0
    digest: str = ""
    masked: dict[str, str] = {}
    decision: str = ""
    rule: str = ""
    description: str = ""
    warning: str = ""
    expires_at: str = ""
    approvers_needed: int = 1
    approver: str = ""
    channel: str = ""
    decided_at: str = ""
    grant: str = ""
    any_args: tuple[str, ...] = ()
    uses: int = 0
    uses_max: int = 0
    joined: str = ""
    status: str = ""
    code: int = 0
    message: str = ""
    result_bytes: int = 0
    duration_s: float = 0
    principal: str = ""
    role: str = ""
    address: str = ""
    count: int = 0
    name: str = ""
    sha256: str = ""
    version: str = ""
    detail: str = ""
    upto: int = 0
    upto_hash: str = ""
    session: str = ""
    run: str = ""
    model: str = ""
    cost_micros: int | None = None
    on_behalf_of: str = ""
    hops: tuple[str, ...] = ()
    relayed_approver: str = ""
    relayed_approval: str = ""
    asks_there: bool = False
    doubt: str = ""
    why: str = ""
    word: str = ""
    asked_args: msgspec.Raw | None = None
    asked_digest: str = ""
