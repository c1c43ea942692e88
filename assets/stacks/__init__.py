"""Stacks: the Dataverse datasets as daily partitions.

Source: the PostgreSQL of a stacks-blockchain-api (https://github.com/hirosystems/stacks-blockchain-api), its HTTP API
(https://docs.hiro.so), CoinGecko and, with a key, LunarCrush. Flow: one snapshot of the node's database gives a day's
rows of small tables in PostgreSQL, schema ``stacks``; the public objects are projections of these tables. Answers of
the APIs are kept as they came below ``raw/stacks`` in the lake, and everything that follows from them is made of what
was kept. Grain: UTC day, or the moment of a snapshot. Units: µSTX and satoshi, exact, inside; STX and BTC in public
objects. What is counted is canonical unless ``STACKS_COUNT_MODE=legacy``. Known gaps: docs/rooms/stacks.md.
"""
