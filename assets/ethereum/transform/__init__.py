"""From the node's answers to the tables' rows. Pure."""
