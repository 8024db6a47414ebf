"""The inside of the gateway: it wires connections, ledger, store, tools and people."""
