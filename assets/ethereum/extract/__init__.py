"""From the node, or from ethereum-etl, to spooled days."""
