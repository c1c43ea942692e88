"""Daily OHLCV bars of exchanges, by ccxt and from Binance's public dumps.

Source: the exchanges' public market data, https://docs.ccxt.com and https://data.binance.vision.
Flow: exchange -> one object per symbol and day in the lake -> canonical minutes -> gaps, hours, days -> warehouse.
Grain: a minute of a symbol, in UTC; a day is [00:00, 24:00), 1,440 bars labelled by their open time.
Units: prices in the quote currency, volume in the base currency, both exact decimals; times in ms of Unix time.
Known gaps: exchanges have outages, and some send no bar for a minute without a trade; each minute of a day is
explained by one of seven words (``minutes.py``), and none is filled.
Left out: order books and trades, which the old system loaded with other commands; the taker's part of a volume.
"""
