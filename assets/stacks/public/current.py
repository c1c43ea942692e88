"""What the objects by a single key hold: what there is now, of the node's database and of the kept answers."""

import json
from collections.abc import Sequence
from datetime import UTC, date
from typing import Any

from assets.stacks.extract import now, published
from assets.stacks.extract.sources import Sources
from assets.stacks.transform import lunar, mining, nfts, spot, stacking
from assets.stacks.transform.documents import indicator_series, indicators_csv, movements_csv
from assets.stacks.transform.indicators import Day, joined
from assets.stacks.transform.prices import OLDEST, Prices, series
from assets.stacks.transform.series import by_midnight, by_moment
from core.windows import ONE_DAY, start_of
from resources.clients.postgres.database import Postgres
from resources.clients.stacks.answers import Bundle, results

# The first day whose balances the old system kept.
NONZERO_SINCE = date(2022, 2, 28)
MEMPOOL_SAMPLED = 3


def nonzero_balances(stacks: Sources, database: Postgres) -> Any:
    """How many balances were more than nothing, by day since 2022-02-28; days that were not computed are left out."""
    first, last = NONZERO_SINCE, _today(stacks)
    return by_midnight(published.nonzero_balances(database, first, last)) if first <= last else {}


def whale_movements(stacks: Sources, database: Postgres) -> Any:
    """The newest transfers of 1,000,000 STX or more, at most 500."""
    given = stacks.figures()
    with stacks.indexer().snapshot() as snapshot:
        return movements_csv(now.whale_movements(snapshot, legacy=given.legacy), given.explorer)


def tx_per_block(stacks: Sources, database: Postgres) -> Any:
    """Transactions of the newest blocks, by height; blocks without any are left out."""
    given = stacks.figures()
    with stacks.indexer().snapshot() as snapshot:
        tip = now.require_tip(snapshot)
        return by_moment(now.transactions_by_block(snapshot, tip.height, given.blocks, legacy=given.legacy))


def sanity_check(stacks: Sources, database: Postgres) -> Any:
    """How far the node's database is; whether it advances is the check of raw/stacks/tip_seen."""
    with stacks.indexer().snapshot() as snapshot:
        return {"maxblock": now.require_tip(snapshot).height}


def microblocks(stacks: Sources, database: Postgres) -> Any:
    """Microblocks received, by day; there are no new ones since Nakamoto."""
    with stacks.indexer().snapshot() as snapshot:
        return by_moment(now.microblocks_by_day(snapshot))


def _prices_since(days: int, stacks: Sources, database: Postgres) -> Any:
    since = start_of(_newest_day(stacks) - (days - 1) * ONE_DAY)
    found = published.prices(database, "STX", since)
    return by_moment({at: round(price, 3) for at, price in found.items()})


def prices_7d(stacks: Sources, database: Postgres) -> Any:
    """Prices of the seven days that ended last, and of today so far, about one an hour."""
    return _prices_since(7, stacks, database)


def prices_30d(stacks: Sources, database: Postgres) -> Any:
    """Prices of the 30 days that ended last, and of today so far, about one an hour."""
    return _prices_since(30, stacks, database)


def prices_90d(stacks: Sources, database: Postgres) -> Any:
    """Prices of the 90 days that ended last, and of today so far, about one an hour."""
    return _prices_since(90, stacks, database)


def _rounded(stacks: Sources, name: str) -> dict[str, float]:
    found = series(stacks.raw().newest("market_series").document("series"), name)
    return by_moment({at: round(value, 3) for at, value in found.items()})


def volumes(stacks: Sources, database: Postgres) -> Any:
    """USD traded a day, of 180 days."""
    return _rounded(stacks, "total_volumes")


def caps(stacks: Sources, database: Postgres) -> Any:
    """Capitalisation, USD, of 180 days."""
    return _rounded(stacks, "market_caps")


def market_days(stacks: Sources) -> list[Day]:
    """The 180 days that indicators are computed of."""
    document = stacks.raw().newest("market_series").document("series")
    return joined(*(series(document, name) for name in ("prices", "market_caps", "total_volumes")))


def financial_indicators(stacks: Sources, database: Postgres) -> Any:
    """Indicators of 180 days of price, volume and capitalisation."""
    return indicators_csv(market_days(stacks))


def rsi(stacks: Sources, database: Postgres) -> Any:
    """The relative strength index of 180 days."""
    return indicator_series(market_days(stacks), "rsi")


def rvi(stacks: Sources, database: Postgres) -> Any:
    """The relative volatility index of 180 days."""
    return indicator_series(market_days(stacks), "rvi")


def ema(stacks: Sources, database: Postgres) -> Any:
    """The seven days' exponential average of the price, of 180 days."""
    return indicator_series(market_days(stacks), "7dayEMA")


def spot_stats(stacks: Sources, database: Postgres) -> Any:
    """The newest spot figures."""
    return json.loads(published.newest_spot(database))


def spot_history(stacks: Sources, database: Postgres) -> Any:
    """Three of the spot figures by day: those of each day's first snapshot, which later ones never change."""
    return spot.historical(published.spot_snapshots(database))


def mining_overview(stacks: Sources, database: Postgres) -> Any:
    """The last 101 blocks whose rewards have matured: what miners paid, who won, what it brought."""
    return mining.overview(*_mined(stacks))


def risk_and_reward(stacks: Sources, database: Postgres) -> Any:
    """What all miners of a block spent and what its winner was rewarded, in USD of that hour."""
    blocks, bitcoin = _mined(stacks)
    since = min((row["burn_block_time"] for row in blocks), default=0) - OLDEST
    return mining.risk_and_reward(blocks, bitcoin, *_known_prices(database, since))


def most_successful_miners(stacks: Sources, database: Postgres) -> Any:
    """How many of these blocks each miner won."""
    return mining.most_successful(_mined(stacks)[0])


def _mined(stacks: Sources) -> tuple[Sequence[Any], Sequence[Any]]:
    with stacks.indexer().snapshot() as snapshot:
        blocks = now.mined_blocks(snapshot, now.require_tip(snapshot).height)
        first = min((row["burn_block_height"] for row in blocks), default=0)
        return blocks, now.bitcoin_blocks(snapshot, first)


def _known_prices(database: Postgres, since: int) -> tuple[Prices, Prices]:
    return Prices(published.prices(database, "BTC", since)), Prices(published.prices(database, "STX", since))


def recent_rewards(stacks: Sources, database: Postgres) -> Any:
    """BTC that stackers were rewarded by Bitcoin block, in this cycle and the one before."""
    return _rewards(stacks, database)[0]


def recent_rewards_small(stacks: Sources, database: Postgres) -> Any:
    """The same of the last 20 Bitcoin blocks, in USD of that hour."""
    return _rewards(stacks, database)[1]


def _rewards(stacks: Sources, database: Postgres) -> tuple[Any, Any]:
    cycles = _cycles(stacks)
    with stacks.indexer().snapshot() as snapshot:
        blocks = now.bitcoin_blocks(snapshot, cycles.start(cycles.number - 1))
    since = min((row["time"] for row in blocks if row["time"]), default=0) - OLDEST
    return stacking.reward_objects(blocks, _known_prices(database, since)[0])


def mempool(stacks: Sources, database: Postgres) -> Any:
    """Waiting transactions at every third moment they were counted, and at the newest."""
    return by_moment(published.mempool(database), MEMPOOL_SAMPLED)


def pools_number(stacks: Sources, database: Postgres) -> Any:
    """How many signers stack for others."""
    found = _pools(stacks)
    return found and found[0]


def top_pools(stacks: Sources, database: Postgres) -> Any:
    """The ten signers that stack most for others."""
    found = _pools(stacks)
    return found and found[1]


def _pools(stacks: Sources) -> tuple[Any, Any] | None:
    pages = stacks.raw().newest("node_state").pages("signers")
    return stacking.pools(results(pages, "signing_key"), stacks.figures().names_of_pools) if pages else None


def nfts_now(stacks: Sources, database: Postgres) -> Any:
    """NFTs minted and not burned until the end of the newest day that is loaded."""
    found = published.nfts_by_day(database, _newest_day(stacks))
    return {"result": found[max(found)] if found else 0}


def nfts_over_time(stacks: Sources, database: Postgres) -> Any:
    """NFTs minted and not burned at the end of each day."""
    return by_midnight(published.nfts_by_day(database, _newest_day(stacks)))


def nfts_by_mints(stacks: Sources, database: Postgres) -> Any:
    """The assets with the most mints in the newest blocks."""
    with stacks.indexer().snapshot() as snapshot:
        return nfts.top(now.recent_mints(snapshot, now.require_tip(snapshot).height, stacks.figures().blocks))


def nfts_growing(stacks: Sources, database: Postgres) -> Any:
    """The assets whose mints grew most from the day before the newest that is loaded to that one, in percent."""
    day = published.newest_loaded(database, _newest_day(stacks))
    return nfts.top(nfts.growth(published.mints(database, day), published.mints(database, day - ONE_DAY)))


def nfts_by_holders(stacks: Sources, database: Postgres) -> Any:
    """The assets with the most holders."""
    with stacks.indexer().snapshot() as snapshot:
        return nfts.top(now.holders(snapshot, nfts.TOP))


def lunar_spot(stacks: Sources, database: Postgres) -> Any:
    """LunarCrush's scores; the rank of 30 days is no longer offered, so it is null."""
    return lunar.spot(_lunar(stacks).document("spot"))


def lunar_history(stacks: Sources, database: Postgres) -> Any:
    """LunarCrush's scores by day."""
    return by_moment(lunar.history(_lunar(stacks).document("history")))


def _lunar(stacks: Sources) -> Bundle:
    return stacks.raw().newest("lunar")


def _cycles(stacks: Sources) -> stacking.Cycles:
    return stacking.Cycles.of(stacks.raw().newest("node_state").document("pox"))


def _today(stacks: Sources) -> date:
    return stacks.clock().now().astimezone(UTC).date()


def _newest_day(stacks: Sources) -> date:
    """The day that has just ended."""
    return _today(stacks) - ONE_DAY
