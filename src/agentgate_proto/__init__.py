"""The sans-I/O core of agentgate: what should happen next, decided without sockets or clocks.

Where things are, in the order in which data goes through them:

- bytes to messages: ``http1``, ``upgrade``, ``frames``; ``websocket`` with its two ends
  ``server_wire`` and ``client_wire``, which tell ``wire_events``; ``jsonrpc``; ``messages``,
  ``results`` and ``wire_results`` for what the methods carry; ``faces`` for foreign wire formats
- one connection: ``state``, ``connection`` with its two ends ``server_connection`` and
  ``client_connection``, which tell ``events``; ``requests``, ``receipts``, ``timers``
- a client, over all its connections: ``client_machine`` and what it tells, ``client_events``;
  ``call_book``, ``calls``, ``backoff``
- a gateway, over all connections and restarts: ``ledger`` and what it tells, ``effects``;
  ``admission`` (what is taken), ``decision`` (what the policy said), ``deciding`` (what people
  say), ``lifecycle`` (what runs), ``delivery`` (who is told); ``joining`` for requests that are
  one, ``links`` for connections, ``live`` for what is under way, ``journal`` for what is being
  written, ``rates`` for caps in time
- what is kept: ``record``, ``outcome``, ``grant`` and ``grants``, ``storage``, ``retention``
- what people see: ``approvals``, ``audit`` with ``audit_entry``, ``audit_chain``, ``audit_logins``
- for all of them: ``principal``, ``digest``, ``errors``, ``limits``
"""
