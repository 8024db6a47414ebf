"""What is kept: requests, decisions, outcomes, grants, entries of the audit, and for how long."""
