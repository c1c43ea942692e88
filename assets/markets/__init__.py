"""Markets: prices of coins (CoinGecko) and facts of their chains (Blockchair), in PostgreSQL.

CoinGecko -> raw.market_daily, raw.global_daily, raw.market_snapshot, raw.coin_list; Blockchair -> raw.blocks,
raw.tx_daily_aggregate, raw.chain_stats and, opt-in, raw.transactions -> dbt -> schema ``markets``.

Grain: a coin or a chain and a UTC day; money in the currency's own unit, amounts of a chain in its smallest. The close
of a day is the price at the midnight that ends it. Known gaps: no free plan has prices older than 365 days, and the
capitalisation of the whole market is only known for days on which it was asked. See docs/rooms/markets.md.
"""
