"""What those who run a gateway see of it, and change, by the native protocol."""
