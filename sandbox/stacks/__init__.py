"""The Stacks room's offline world: a chain made from a seed in a real PostgreSQL, and a server for the APIs."""
