"""Exchanges: minute bars by ccxt and from Binance's public dumps, exact, page by page, and their objects in the lake."""
