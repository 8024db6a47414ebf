"""Foreign programs against the gate: the conformance suite, Inspector, servers, bridges."""
