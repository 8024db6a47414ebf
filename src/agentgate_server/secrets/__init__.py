"""What is secret, and hiding it from people, agents and logs."""
