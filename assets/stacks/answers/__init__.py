"""The answers of the APIs as assets: kept as they came."""
