"""The worker's side of a thought: a percept becomes a prompt, an engine's answer becomes an input."""
