"""AG-UI: runs of an agent as events for a page, with interrupts that people answer."""
