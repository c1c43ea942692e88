"""Parquet that others made of the chain, proved against headers or compared with another lake; for ``verify``."""
