"""Limits: every cap and every time of the protocol, each with its reason (I9).

Sizes are in bytes, times in seconds. The defaults are safe for a home hub; a gateway may raise
them in its configuration. Beyond a cap the peer gets a clear error, never silence and no growth.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The caps and times of one connection."""

    message_bytes_max: int = 1_048_576
    """One message from the peer, after its fragments are joined; 1009 beyond. A request is small;
    a client sets this higher, because results are not."""

    request_bytes_max: int = 1_048_576
    """Parameters of one tool request; -32602 beyond, before they are read. A gateway sets it by
    what its tools take: reading a million bytes of small values takes it 20 ms."""

    fragments_max: int = 1_024
    """Fragments of one message; 1009 beyond. wsproto has no such limit, and empty fragments would
    otherwise cost us work without ever reaching the size cap."""

    batch_items_max: int = 100
    """Messages in one JSON-RPC batch. A batch is answered as a whole, so it is held in memory."""

    requests_in_flight_max: int = 1_024
    """Requests of one connection that are not answered yet; -32006 beyond."""

    queued_bytes_max: int = 16_777_216
    """Output that the peer has not taken yet; beyond it the peer is a slow consumer: 1013."""

    input_bytes_max: int = 2_097_152
    """Input that we hold while a decision about the peer is open (its token is being checked)."""

    http_head_bytes_max: int = 16_384
    """An HTTP request line with its headers (RFC 9112 asks for at least 8000)."""

    http_body_bytes_max: int = 65_536
    """The body of a plain HTTP request: approvals are small."""

    http_held_bytes_max: int = 524_288
    """What has come behind a plain HTTP request that waits for its answer. Nothing is read then, so
    it is what one read of the socket brought, which is 256 KiB at most; 400 beyond."""

    http_ahead_bytes_max: int = 16_384
    """Answers to plain HTTP that may wait to be sent when the next request of the connection is
    taken: small ones go together. Whoever pipelines and does not read is answered no more."""

    opening_s: float = 10.0
    """From the first byte to a whole opening handshake: bounds slow-loris peers."""

    auth_s: float = 10.0
    """From the handshake to a valid ``auth`` (seed 001)."""

    silence_s: float = 20.0
    """Without a byte from the peer for this long, ask whether it is there: WebSocket ping."""

    pong_s: float = 20.0
    """Without a byte for this long after that ping, the peer is dead: proxies and NATs drop
    connections without telling either end."""

    closing_s: float = 5.0
    """How long the peer may take to answer our close frame before we cut the connection."""

    http_idle_s: float = 30.0
    """How long a plain HTTP connection may stay open between two requests."""

    stream_bytes_max: int = 4_194_304
    """Of a streamed answer that the peer has not taken yet; beyond it the peer is cut. Whoever
    streams waits long before that."""

    stream_idle_s: float = 10.0
    """From one look at a streamed answer to the next. One that has said nothing in between says
    that it is alive, for proxies cut what is silent for half a minute."""

    stream_stall_s: float = 40.0
    """How long a peer may take nothing of a streamed answer that waits for it; then it is cut."""

    steps_max: int = 64
    """Steps of one turn that concern nobody (pings, parts of messages): then others are served."""


SERVER_LIMITS = Limits()
"""What a gateway grants a client unless told otherwise."""

CLIENT_LIMITS = Limits(message_bytes_max=16_777_216, queued_bytes_max=67_108_864)
"""What our SDK takes from a gateway: a house full of states is larger than 1 MiB (seed 001's
original dropped the connection there). Its queue holds all that its callers may have waiting."""

LEGACY_MESSAGE_BYTES_MAX = 1_048_576
"""What a client that names no ``client_id`` is taken to accept in one message: the default of the
WebSocket libraries that such clients are built on. A larger outcome is answered by an error that
says so; sent whole, it would make them drop the connection, reconnect and be sent it again."""

TOKEN_CHARS_MAX = 4_096
"""A token. Longer ones are refused before they are hashed."""

NAME_CHARS_MAX = 256
"""Names that a client chooses: client ids, tool names, idempotency keys, string request ids."""

ID_COUNTED_MAX = 2**52
"""The highest integer id that a gateway counts in ``highest_id``. A client goes on above it, and
must have room there below 2**53, where some languages cease to know a number from the next."""

ID_INTEGER_MAX = 2**53 - 1
"""The highest integer that a client takes for an id of its own; then it goes on with texts."""

CODE_CHARS_MAX = 16
"""A one-time code: six to eight digits, with the blanks that people put between them."""

WORDS_CHARS_MAX = 500
"""What an agent says of why it asks, and what a person says with an answer: a few sentences, which
fit a phone, and at most 2 KB."""

JOIN_S_MAX = 3_600.0
"""Of ``join_s``: for how long back an ask may be a repeat. Who comes back later means it anew."""

NESTING_MAX = 64
"""Objects and arrays inside each other in parameters. Whatever walks through them later (policy,
digest, tools) may use the interpreter's stack, which holds about a thousand."""

UNACKED_MAX = 20_000
"""Outcomes that were sent on one connection and not acknowledged: twice what still lets a client
make requests. The oldest are forgotten beyond it, and delivered again."""

OWN_IDS_MAX = 1_024
"""Ids of requests that one connection of an old client remembers one by one, so that none of them
gets the answer to a request that had it before. Beyond it all above the lowest count as used."""

PENDING_ROWS_MAX = 256
"""Rows in one ``get_pending_results`` reply; ``more`` says that there are others."""

PENDING_BYTES_MAX = 786_432
"""Bytes of results in one ``get_pending_results`` reply, so that it fits the smallest client's
message limit; a single larger row is still sent."""

PENDING_READ_BYTES_MAX = 4_194_304
"""Bytes of requests, their arguments with them, that are read from the store for one such reply."""

LIST_ROWS_MAX = 1_000
"""Rows in one reply that lists requests, approvals or grants."""

LIST_BYTES_MAX = 786_432
"""Bytes of rows in one such reply; ``more`` says that there are others. It fits the smallest
client's message limit."""

LIST_READ_BYTES_MAX = 1_048_576
"""Bytes of requests that are read from the store for one reply to ``list_requests``: as much as a
reply may hold of them, and some milliseconds for which nothing is written."""

LISTED_BYTES_MAX = 4_096
"""Of arguments, a result, a signature or an error in a row of a list: of what is longer the row has
the beginning, and says so. A call with the row's ``id`` gets the whole."""

ROW_BYTES_MAX = 16_384
"""One row of a list, as JSON. Where its parts are long together, or take many escapes, each has
less: so a page is at least 48 rows, whoever asked for what is on it."""

ANSWER_BYTES_MAX = 8_388_608
"""One answer to a call, other than a tool's outcome. A larger one is an error to that call; sent,
it would soon count as output that the peer does not take (1013)."""

ACK_DELAY_S = 0.05
"""Our SDK acknowledges outcomes at most this often: one small notification for many results."""

ACK_COUNT_MAX = 64
"""... or after this many outcomes, so that the gateway need not remember more than a few."""

MESSAGE_CHARS_MAX = 500_000
"""What a person, or a program, says to a model at once: a long document."""

PARAMS_MAX = 64
"""Further parameters of a model that come with a message; no vendor knows as many."""

PATH_CHARS_MAX = 4_096
"""A path of a folder, as long as Linux takes one."""

CALLS_MAX = 10_000
"""Calls that an SDK client holds at once, waiting ones and those made while offline included."""

CALLS_BYTES_MAX = 33_554_432
"""Parameters of all these calls together. They may all have to be sent at once, after a long time
offline, so they must fit the output queue (``CLIENT_LIMITS``)."""

STANDING_CALLS_MAX = 256
"""Calls that an SDK client makes on every connection before all others: each costs a round trip."""

STANDING_WAIT_S = 30.0
"""How long an SDK client that has connected again lets all other calls wait for one of these to be
answered. A password takes a gateway a tenth of a second, and it may have many to check."""

STANDING_BYTES_MAX = 4_194_304
"""Parameters of all these calls together: what providers of tools say of theirs, at the most."""

FEED_BYTES_MAX = 1_048_576
"""Events of a session that wait in an SDK client for their reader: minutes of text. Beyond it the
client stops watching, and goes on from the reader's cursor when half of it is read."""

EVENT_BYTES = 300
"""What an event in memory takes besides its data, about."""

REQUEST_BYTES_MAX = 1_047_552
"""Parameters of one call: with what goes around them they fit the message limit of a gateway,
which would close the connection (1009), be sent the same on the next, and so on for ever."""

CALLS_IN_FLIGHT_MAX = 768
"""Calls that an SDK client has sent and that are not answered; the next ones wait. With their
cancellations they stay below ``requests_in_flight_max`` of a gateway, which would refuse them."""

UNCLAIMED_ROWS_MAX = 10_000
"""Outcomes that came for no waiting call and that an SDK client keeps for its next
``get_pending_results``: as many as a gateway sends on one connection without a receipt. Further
ones are not acknowledged, so the gateway keeps them."""

TOLD_IDS_MAX = 10_000
"""Ids of requests whose callers have had the outcome: if the connection breaks before the gateway
has the acknowledgement it sends them again, and nobody wants to hear of them twice."""

COLLECT_S = 30.0
"""How long an SDK client that has connected again waits for each reply that says what is pending.
All other calls wait for it; a gateway that lives and does not reply must not hold them for ever."""

RETRY_AFTER_MAX_S = 3_600.0
"""The longest pause that a gateway, or what stands before it, can make a client wait."""

CANCEL_GRACE_S = 2.0
"""How long a call that timed out waits for the gateway to say whether it could be withdrawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLimits:
    """The caps of a ledger: what one gateway holds for all its principals."""

    waiting_max: int = 10
    """Waiting approvals of one principal (seed 001): a person can read ten, not a thousand."""

    active_max: int = 100_000
    """Requests of all principals that are not done; their bytes are bounded as well."""

    undelivered_max: int = 10_000
    """Outcomes that were sent on one connection and not acknowledged; requests are refused then.
    Counted by connection, because nobody else can acknowledge them: what a client that is gone for
    good left must not lock out those that come after it."""

    writes_max: int = 50_000
    """Changes queued for the store; beyond it the disk is too slow and requests are refused."""

    joined_max: int = 100
    """Further requests that wait for the outcome of one request."""

    grants_max: int = 1_000
    """Grants in force: a person can look through a list of them, not through a database."""

    grants_of_agent_max: int = 100
    """Grants of one agent in force. An ask is compared with each of them."""

    grants_over_max: int = 1_000
    """Grants that are over and still listed; beyond it the oldest are forgotten."""

    grants_over_s: float = 7 * 86_400.0
    """How long a grant that is over is still listed, from when it would have expired."""

    unknown_max: int = 100_000
    """Requests with an unknown outcome that are remembered, so that a repeat asks a person."""

    denials_per_minute: int = 60
    """Requests of one agent that the policy denies and that have a row; more are only answered."""

    denials_told_per_hour: int = 100
    """Those that have an entry of the audit; more are counted there."""

    reads_told_per_hour: int = 600
    """Reads of one agent about which nobody was asked, and what else changed nothing, that have an
    entry of the audit; more are counted there."""

    told_at_once_max: int = 16_666
    """Entries of the audit for all these of one agent, whenever it likes: a tenth of its part, an
    eighth of a third of four million."""

    told_per_day: int = 410
    """Those that come to that as time goes by: in a year the rest of its part. So what eight agents
    may ask for in vain, or read, leaves two thirds of the audit to what was done."""

    requests_per_minute: int = 600
    """Tool requests, listings and what changes sessions, of one principal: a token bucket of this
    size."""

    request_bytes_per_minute: int = 16_777_216
    """Parameters of all these together, another bucket: reading, judging and showing them costs by
    the byte. It is every request at half of what arguments may have by default."""

    result_bytes_per_minute: int = 67_108_864
    """What these bring, a third bucket: they are kept on the disk for days. It is six hundred
    results of a hundred kilobytes, or eight of the largest."""

    args_bytes_max: int = 65_536
    """Arguments of one request as compact JSON, where the tool says nothing else: a person has to
    judge them, and what policy, masking and prompts do with them costs by the byte."""

    args_values_max: int = 5_000
    """Keys and values in the arguments of one request, whatever the tool: what policy and masking
    do with them costs by the value, some microseconds each."""

    held_bytes_of_principal_max: int = 33_554_432
    """Of requests of one principal that are under way, with outcomes that are not on disk yet or
    that nobody has taken; new requests are refused beyond it."""

    held_bytes_max: int = 100_663_296
    """The same of all principals: with what comes on top, a machine of 512 MB has room for it."""

    withdrawals_per_hour: int = 120
    """Asks of one principal that it withdraws before a person has answered; nobody is asked for it
    beyond that. Each is two entries of the audit, and a message on a phone, of nothing."""

    approval_s: float = 900.0
    """How long an approval waits for a person (seed 001)."""

    write_retry_s: float = 1.0
    """First pause before a failed write of an outcome is tried again; doubles up to 30 s."""

    retention_s: float = 30 * 86_400.0
    """How long the store keeps what nobody collected; told to clients in the auth result."""

    @property
    def per_minute(self) -> tuple[int, int, int]:
        """The sizes of a principal's buckets: of requests, of their bytes, of those that come."""
        return (
            self.requests_per_minute,
            self.request_bytes_per_minute,
            self.result_bytes_per_minute,
        )


PASSWORD_CHARS_MAX = 1_024
"""Of an agent's password: hashing it costs by its length."""

HOPS_MAX = 8
"""Gateways that may pass a request on: more are a circle, or nobody oversees them any more."""

PROVIDED_TOOLS_MAX = 64
"""Tools that one client provides: each is listed to every agent and every model."""

DESCRIPTION_CHARS_MAX = 2_000
"""Of what a provided tool says of itself: models read it with every request."""

PROVIDED_TIMEOUT_S_MAX = 600.0
"""How long a provided tool may say that its calls take."""

PROVIDED_OF_PRINCIPAL_MAX = 256
"""Tools that all clients of one principal provide: each is listed to every agent."""

PROVIDED_BYTES_MAX = 524_288
"""What all clients of one principal say of their tools, as JSON: models are sent half of that."""

PROVIDED_ALL_MAX = 4_096
"""Tools that are provided to a gateway: a list of them all is still an answer of some megabytes."""

PROVIDED_CALLS_MAX = 256
"""Calls for one principal's tools that are not over, those that wait for it included."""

PROVIDED_CALLS_BYTES_MAX = 4_194_304
"""Arguments of all these calls: a quarter of what a connection may queue before it is closed."""

PROVIDER_BACK_S = 10.0
"""How long a call waits for a provider that is away: a reconnect, not a night."""

KEPT_ANSWERS_MAX = 256
"""Answers that a provider keeps, in case that the gateway did not get them and asks again."""

KEPT_ANSWERS_BYTES_MAX = 4_194_304
"""Bytes of these answers; the oldest are let go of first."""
