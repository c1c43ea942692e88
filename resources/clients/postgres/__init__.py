"""PostgreSQL: on a server, or embedded."""
