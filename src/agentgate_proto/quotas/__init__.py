"""What each may take of a gateway: rates, turns, bytes, connections; nobody another's share."""
