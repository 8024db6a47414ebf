"""The Agent Client Protocol: editors that talk to the gateway's models, and the bridge to them."""
