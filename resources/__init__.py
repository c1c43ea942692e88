"""How Dagster reaches the outside world: thin resources over the plain clients in ``clients/``."""
