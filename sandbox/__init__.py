"""The sample chain: recorded from a real client, its script, and a node that serves it."""
