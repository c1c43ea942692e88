"""CoinGecko and Blockchair."""
