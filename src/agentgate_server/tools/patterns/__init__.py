"""Regular expressions of users that meet texts of agents: which can't hold up the gateway."""
