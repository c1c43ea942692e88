"""SQL from the table declarations: one way to declare, migrate, replace and merge, for every database."""
