"""ethereum-etl, in an environment of its own."""
