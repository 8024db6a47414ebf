"""Home Assistant as a backend: four tools, and what its house tells the policy."""
