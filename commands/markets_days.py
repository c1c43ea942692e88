"""``python -m commands.markets_days FROM TO``: prices, chains and what follows from both, in this process.

What ``make run-markets`` calls. Prices are fetched from 90 days earlier on, as far as volatility looks back: that
takes one request for each coin all the same. A chain that fails keeps no other from being built.
"""

import argparse
import sys

import dagster as dg

from assets.markets.tracked import chains
from commands.running import print_record, print_table, run
from core.errors import HeadwaterError
from core.settings.postgres import Postgres as PostgresSettings
from core.windows import ONE_DAY, DayWindow, parse_day
from resources.clients.postgres.database import Postgres
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


def main() -> int:
    """Run the days; the exit code says whether all of it went through."""
    parser = argparse.ArgumentParser(
        prog="python -m commands.markets_days", description="Materialize days of the markets."
    )
    parser.add_argument("first", type=parse_day, metavar="FROM", help="first UTC day, YYYY-MM-DD")
    parser.add_argument("last", type=parse_day, metavar="TO", help="last UTC day, included")
    arguments = parser.parse_args()
    try:
        window = DayWindow(arguments.first, arguments.last)
    except ValueError as error:
        parser.error(str(error))
    database = PostgresIOManager().postgres()
    plans = f"CoinGecko ({CoinGeckoResource().plan_in_force()}), Blockchair ({BlockchairResource().plan_in_force()})"
    print(f"Markets, {window}: {plans} -> {database.uri('raw')} -> dbt -> schema markets")
    with dg.DagsterInstance.get() as instance:
        done = _run_all(instance, window)
    if done:
        _print_summary(database, window)
    return 0 if done else 1


def _run_all(instance: dg.DagsterInstance, window: DayWindow) -> bool:
    first, last = str(window.first), str(window.last)
    before = str(window.first - HISTORY * ONE_DAY)
    done = run(instance, f"Prices and what follows, {before} to {last}", "markets_prices_job", before, last)
    for chain in chains():
        done &= run(instance, f"Chain {chain}, {window}", "markets_chains_job", f"{chain}|{first}", f"{chain}|{last}")
    done &= run(instance, f"What follows from the chains, {window}", "markets_chain_models_job", first, last)
    return done


def _print_summary(database: Postgres, window: DayWindow) -> None:
    days = [window.first, window.last]
    print_table("Prices, returns, volatility, dominance", database.records(PRICES, days))
    print_table("Chains", database.records(CHAINS, days))
    print_table("Spent", database.records(UNITS))
    print_record()
    print(f"The tables are in {PostgresSettings.read().database}, schemas raw and markets.")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except HeadwaterError as problem:
        sys.exit(f"{problem}")
