"""Clients of the Stacks room: the indexer's database, the APIs, raw answers, and the tables of days."""
