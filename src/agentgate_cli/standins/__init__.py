"""Stand-ins: small servers that speak the real protocols of others, for the demo and the tests."""
