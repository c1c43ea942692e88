"""The published objects, declared once: keys and ACLs as consumers have known them since 2021."""

from core.objects import PublishedObject

PUBLIC = "public-read"


def _dated(name: str) -> PublishedObject:
    """An object for each day, private, with a public copy of the newest one."""
    return PublishedObject(
        "stacks", name, key=f"{name}/{{day}}.json.gz", latest=f"{name}/latest.json.gz", latest_acl=PUBLIC
    )


def _single(name: str, key: str, acl: str | None = PUBLIC) -> PublishedObject:
    return PublishedObject("stacks", name, key=key, acl=acl)


DAILY_TXS = _dated("daily_txs")
ADDX_DAILYACTIVE = _dated("addx_dailyactive")
ADDX_GROWTH = _dated("addx_growth")
WALLET_BALANCES_RAW = _dated("wallet_balances_raw")
WALLET_BALANCES = _dated("wallet_balances")
STX_STACKED = _dated("stx_stacked_over_time")

NONZERO = _single("latest_nonzero", "wallet_balances/latest_nonzero.json.gz")
WHALE_MOVEMENTS = _single("latest_movements", "whales/latest_movements.csv.gz")
TX_PER_BLOCK = _single("tx_per_block", "tx_per_block/latest.json.gz")
SANITY_CHECK = _single("sanity_check", "sanity_check.json.gz", acl=None)
MICROBLOCKS = _single("microblocks", "microblocks/latest.json.gz")
PRICES_7D = _single("price_7d", "price_over_time/latest_7d.json.gz")
PRICES_30D = _single("price_30d", "price_over_time/latest_30d.json.gz")
PRICES_90D = _single("price_90d", "price_over_time/latest_90d.json.gz")
VOLUMES = _single("vols", "vols/latest_180d.json.gz")
CAPS = _single("caps", "caps/latest_180d.json.gz")
INDICATORS = _single("financial_indicators", "financial_indicators/latest.csv.gz")
RSI = _single("rsi", "financial_indicators/rsi_latest.json.gz")
RVI = _single("rvi", "financial_indicators/rvi_latest.json.gz")
EMA = _single("ema", "financial_indicators/ema_latest.json.gz")
SPOT = _single("spot_stats", "spot_stats/latest.json.gz")
SPOT_HISTORY = _single("spot_stats_historical", "spot_stats/historical.json.gz")

MINING_OVERVIEW = _single("mining_overview", "mining_data/last100_overview.json.gz")
RISK_REWARD = _single("mining_riskreward", "mining_data/riskreward.json.gz")
SUCCESSFUL_MINERS = _single("most_successful_miners", "mining_data/most_successful.json.gz")
REWARDS = _single("recent_rewards", "stacking_data/recent_rewards.json.gz")
REWARDS_SMALL = _single("recent_rewards_small", "stacking_data/recent_rewards_small.json.gz")
MEMPOOL = _single("mempool", "mempool/latest.json.gz")
POOLS = _single("pools_number", "pools/number.json.gz")
TOP_POOLS = _single("top_pools", "pools/top_pools.json.gz")
NFTS = _single("nfts_in_existence", "nft/in_existence_now.json.gz")
NFTS_OVER_TIME = _single("nfts_over_time", "nft/in_existence_over_time.json.gz")
NFTS_BY_MINTS = _single("nfts_by_mints", "nft/top_by_mints_last100.json.gz")
NFTS_GROWING = _single("nfts_fastest_growing", "nft/fastest_growing.json.gz")
NFTS_BY_HOLDERS = _single("nfts_by_holders", "nft/top_by_holders.json.gz")
LUNAR_SPOT = _single("lunar_spot", "lunar/spot.json.gz")
LUNAR_HISTORY = _single("lunar_history", "lunar/hist.json.gz")
