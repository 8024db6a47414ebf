"""The store: records in a file, written by one thread, so that they outlive the process."""
