"""The sans-I/O core of agentgate: what should happen next, decided without sockets or clocks.

Five floors; a room imports only from floors below its own, and nothing goes in a circle. From the
top:

- ``faces``: each foreign wire format, to native calls and back: ``agentspace`` with its
  ``agentspace_messages``, ``universal_agent`` with its ``universal_agent_stream``, ``edge`` with
  its ``edge_messages`` and ``edge_answers``, all on top of ``conversing``; what they share:
  ``bearer``, ``tickets`` and ``answer_tickets`` say who asks, ``queries`` what for, ``sse`` and
  ``static`` what is
  answered. ``consoles``, what people's programs say over Socket.IO: a ``console`` is one of a
  ``manager`` or of a ``controller``, with its ``talks`` to agents, each a ``talk``; their
  ``messages``, their ``effects``, what of a log is ``chat``, what may be ``waiting``. ``acp``,
  the Agent Client Protocol: an ``editor`` has sessions, each a ``thread`` with its ``turns``, after
  their ``opening``; what is ``telling`` of a log, what asks for ``permissions``; their ``messages``
  with the ``contents`` of prompts, their ``effects``; the ``bridge`` to a pipe. ``engineio``,
  sessions over polls and WebSockets: ``engine`` with each ``session``, their ``settings``,
  ``packets`` and ``events``; on top of it ``socketio``: ``server``, its ``packets`` and ``events``,
  ``credentials``, and the door to an ``application``. ``mcp``, the Model Context Protocol: ``eras``
  and ``messages``; what comes by ``http`` (with ``parameters`` in its head) or in ``lines`` goes to
  ``dispatch``, which makes ``wishes``; what is answered: ``lists`` of ``tools`` under their
  ``names``, ``results`` of calls and ``server_errors``, in ``replies``; ``seals`` for ids that
  outlive a process. A ``call`` with its ``call_effects``: its ``answering``, ``holds``,
  ``progress`` and ``levels``, ``questions`` to its client, and ``tasks``. ``permit`` for a client's
  own tools. A ``bridge`` from a pipe: its ``bridge_calls``, what they are ``bridge_asking`` for,
  the ``bridge_list`` of tools, the ``bridge_link`` to a gateway, ``bridge_events``,
  ``bridge_endings``, and ``bridge_looking`` at others' requests. ``mcp_backend``, the gate as its
  client: the ``talk`` with one server, on a ``channel``: its ``opening``, ``lists`` (each a
  ``listing``), ``calls`` with what is ``pending``;
  ``saying``, ``reading``, ``statuses`` and server-sent ``streams``. For clients that keep the
  conversation themselves ``client_messages`` and ``answering``: ``completions``, OpenAI's, with its
  ``routes``, each ``request`` to a ``completion``, its ``replies``, and ``side_requests``;
  ``agui``: a ``run_input`` begins a ``thread_run``, of which a ``transcript`` tells ``events``, and
  which ``interrupts`` end. ``client``: a client over all its connections: ``machine`` and what it
  tells, ``events``; ``call_book``, ``calls`` with their ``request_ids`` and their callers'
  ``patience``, ``reconciliation``, ``own_decision``, ``unclaimed``, ``standing``, ``providing``,
  ``backoff``; for sessions ``session_watch`` with its ``session_feed``, and ``session_answer``; for
  devices ``prompts``, ``prompt_troubles`` and ``spool``
- ``connection``: one socket's life: ``state``, ``base`` with its two ends ``server`` (on top of
  ``face``, which is what faces use) and ``client``, which tell ``events``; ``requests``,
  ``receipts``, ``old_clients``, ``timers``. ``audit``: what people read afterwards: ``events``,
  ``session_events``, ``chain``, ``denials``, ``logins``, ``sealing``. ``sessions``:
  conversations with models, beyond connections:
  ``sessions`` and what they tell, ``effects``; their ``limits``; ``book`` (which are in memory,
  what is written), ``session``, its ``log`` and ``history``; ``making`` for how it comes and goes,
  ``starting``, ``queueing``, ``runs`` and ``endings`` for the steps of a ``run``, ``recording``
  what it logs, ``call_ids``, ``recovery`` after a crash, ``client_turns`` of clients that keep the
  conversation
  themselves; ``context`` and ``material`` for what a model is sent, ``settings``
  for which models there are, ``budgets`` and ``spending`` for money, ``looking`` for who looks on.
  ``providing``: tools that clients provide: ``providers``, and what they tell, ``effects``
- ``rpc``: ``jsonrpc``; ``messages``, ``results``, ``wire_results`` and ``listing`` for what the
  methods carry, ``decoding`` for reading that, ``session_methods`` for those about sessions,
  ``usage_methods`` for what these cost, ``agent_methods`` for named agents, ``mute_methods`` for
  silence, ``tool_methods`` for tools that a client provides, ``behalf`` for what relays say,
  ``upstream_methods`` for gateways behind one, ``explain_methods`` for what a policy would say.
  ``ledger``: a gateway's requests over all
  connections and restarts: ``ledger`` and what it tells, ``effects``; ``admission`` (what is
  taken), ``denying`` (what is not allowed), ``deciding`` (what people say), ``lifecycle`` (what
  runs), ``withdrawing`` (what is not wanted any more), ``delivery`` (who is told), ``collecting``
  (what was missed), ``abandoning`` (what nobody may run any more);
  ``rejudging`` for a policy that has changed meanwhile; ``coalescing`` for requests that are one,
  ``rejoining`` for how it is told that they are, ``grants``, ``muting``, ``links`` for connections,
  ``live`` for what is under way, ``steps`` for what comes next of it, ``journal`` for what is
  being written, ``unknowns`` for what may have run, ``restoring`` for what a backup can't know,
  ``clockwatch`` for a clock that was set, ``relaying`` for other gateways
- ``models``: what is said to models and what they say: ``request``, ``info``, ``events``;
  ``encoding`` for the bytes that are sent: ``body``, ``anthropic``, ``openai``, ``plain``; what
  comes back: ``vendor_stream``, which is an ``anthropic_stream`` or an ``openai_stream``;
  ``process``, ``answer``, ``failures``.
  ``rehearsal`` is a model of its own: ``scenes`` with ``patterns``, or ``impromptu``. ``prices``
- ``wire``: ``http1`` with its ``http_answers``, ``heads``, ``headers``, ``bodies`` and ``chunks``;
  ``doors``: ``routes``, ``cors``, ``hosts``, ``forwarded``, ``options``; ``upgrade``, ``frames``,
  ``nesting``, ``statuses``; ``websocket`` with its two ends ``server`` and ``client``, which tell
  ``events``; what comes instead of an upgrade, ``refusals``; the ``tunnel`` through a proxy.
  ``records``:
  what is kept:
  ``request``, ``decision``, ``approval``, ``outcome``, ``grant``, ``audit_entry``, ``storage``,
  ``retention``, ``naming``, ``mute``, ``cutting``, ``filling``,
  ``edit`` and ``difference``; ``tool_pin`` and ``pin_words`` for tools of others;
  ``session`` with ``session_views``, ``usage``. ``quotas``: what each principal, address and
  connection may take: ``owners``, ``rates`` of requests, the size of their ``arguments``, what is
  ``held`` of them in memory, ``lanes`` for threads, ``places`` of a tool, ``turns``,
  ``output``,
  ``memory``, ``notifying``, ``news`` for a log of what is away, ``logs`` of sessions,
  ``denials``, ``withdrawals``, ``disk``, ``lines`` where only one is served at a time,
  ``connections`` and the ``addresses`` that they come from
- the ground, for all of them: ``principal``, ``digest``, ``durations``, ``limits``. ``errors``:
  their ``codes``, the ``kinds`` that the SDK raises, and what is ``broken`` between two ends.
  ``text``, what a reader sees: ``showing`` it, by ``characters`` (of ``character_runs``,
  ``look_alikes``), ``marks``, ``joints``, ``turning`` and ``words``
"""
