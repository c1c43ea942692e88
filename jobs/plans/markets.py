"""Prices, chains and what follows from both, for a range of days.

Prices are fetched from 90 days earlier on, as far as volatility looks back: that takes one request for each coin all
the same. A chain that fails keeps no other from being built.
"""

from collections.abc import Iterator

from assets.markets.tracked import chains
from core.settings.postgres import Postgres as PostgresSettings
from core.windows import ONE_DAY, DayWindow
from jobs.plan import Plan, Rows, Step
from resources.io_managers.postgres import PostgresIOManager
from resources.markets import BlockchairResource, CoinGeckoResource

HISTORY = 90
PRICES = """
    SELECT prices.day, prices.coin_id AS coin, prices.price_usd AS "close $", returns.simple_return AS "return",
        volatility_7d AS "volatility 7d", volatility_30d AS "30d", volatility_90d AS "90d",
        tracked_dominance AS "share of tracked", global_dominance AS "share of all"
    FROM markets.fct_prices_daily AS prices
    LEFT JOIN markets.fct_returns_daily AS returns USING (coin_id, day)
    LEFT JOIN markets.fct_volatility_daily USING (coin_id, day)
    LEFT JOIN markets.fct_dominance_daily USING (coin_id, day)
    WHERE prices.day BETWEEN %s AND %s ORDER BY prices.day, prices.coin_id
"""
CHAINS = """
    SELECT days.day, days.chain, blocks, mean_interval_seconds AS "seconds between", tx_count AS transactions,
        fees_native AS "fees, coins", fees_usd AS "fees $", fee_per_tx_usd AS "$ per transaction", nvt AS "NVT"
    FROM markets.fct_chain_daily AS days LEFT JOIN markets.fct_network_value AS value USING (chain, day)
    WHERE days.day BETWEEN %s AND %s ORDER BY days.day, days.chain
"""
UNITS = """
    SELECT api, day, spent AS "request units spent" FROM raw.request_units ORDER BY day DESC, api LIMIT 1
"""


def _route() -> str:
    plans = f"CoinGecko ({CoinGeckoResource().plan_in_force()}), Blockchair ({BlockchairResource().plan_in_force()})"
    return f"{plans} -> {PostgresIOManager().postgres().uri('raw')} -> dbt -> schema markets"


def _steps(window: DayWindow) -> list[Step]:
    first, last = str(window.first), str(window.last)
    before = str(window.first - HISTORY * ONE_DAY)
    return [
        Step(f"Prices and what follows, {before} to {last}", "markets_prices_job", before, last),
        *(
            Step(f"Chain {chain}, {window}", "markets_chains_job", f"{chain}|{first}", f"{chain}|{last}")
            for chain in chains()
        ),
        Step(f"What follows from the chains, {window}", "markets_chain_models_job", first, last),
    ]


def _summaries(window: DayWindow) -> Iterator[tuple[str, Rows]]:
    database, days = PostgresIOManager().postgres(), [window.first, window.last]
    yield "Prices, returns, volatility, dominance", database.records(PRICES, days)
    yield "Chains", database.records(CHAINS, days)
    yield "Spent", database.records(UNITS)


def _closing() -> str:
    return f"The tables are in {PostgresSettings.read().database}, schemas raw and markets."


PLAN = Plan("Markets", _route, _steps, _summaries, _closing, ("coingecko", "blockchair", "postgres"), goes_on=True)
