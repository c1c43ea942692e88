"""Ethereum nodes over JSON-RPC."""
