"""OpenAI's chat completions: a format in which the client keeps the conversation."""
