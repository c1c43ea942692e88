"""The sample exchanges: bars by a function of symbol and minute, served as Binance, OKX, Kraken and Crypto.com do."""
