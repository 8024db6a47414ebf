"""Conversations with models: their logs, their runs, what models are shown, what may be spent."""
