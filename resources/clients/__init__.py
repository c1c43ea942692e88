"""Clients of the outside world as plain classes: explicit arguments, injected clock, no Dagster."""
