"""Minute bars by ccxt and from Binance's public dumps, exact and page by page, and their objects in the lake."""
