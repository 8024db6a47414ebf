"""The life of every request of a gateway, over all connections and restarts."""
