"""Carto: its SQL API, and tables that replace one another behind it."""
