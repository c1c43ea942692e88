"""The sample chain: a recorded node, and the script that made it."""
