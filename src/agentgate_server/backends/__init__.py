"""Backends: what tools talk to, kept apart, so that a dead one costs nobody but its own callers.

``circuit_breaker`` decides whether a backend is asked at all, ``addresses`` where it may lie,
``dialling`` connects there and nowhere else, ``http_client`` sends a request and says what is known
of it. ``child_output`` notes what child processes say.
"""
