"""The sample exchanges: bars by a function of symbol and minute, and a server that speaks as Binance and OKX do."""
