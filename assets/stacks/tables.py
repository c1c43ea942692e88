"""The room's tables, declared once. DDL, replacing days, asset keys and documentation derive from this."""

from core.merging import Merge
from core.tables import Column, ColumnType, Table

BIGINT, BOOLEAN, DATE, DOUBLE = ColumnType.BIGINT, ColumnType.BOOLEAN, ColumnType.DATE, ColumnType.DOUBLE
NUMERIC, TEXT, TIMESTAMP = ColumnType.NUMERIC, ColumnType.TEXT, ColumnType.TIMESTAMP

_DAY = Column("day", DATE, "UTC day.", nullable=False)
_LEGACY = "without looking at the canonical flags, as the old system did"
_OBSERVED = Column("observed_at", TIMESTAMP, "When the source answered.", nullable=False)

BLOCK_RANGE = Table(
    system="stacks",
    name="block_range",
    grain="one row per UTC day",
    description="The canonical blocks that balances of a day are summed over, and what proves that they still are.",
    columns=(
        _DAY,
        Column("height_before", BIGINT, "Last height of all days before; -1 before the first.", nullable=False),
        Column("last_height", BIGINT, "Highest canonical block before the day's end.", nullable=False),
        Column("last_block", TEXT, "Its index block hash; null when there is none yet."),
        Column("blocks", BIGINT, "Canonical blocks of these heights.", nullable=False),
        Column("minted_ustx", NUMERIC, "Minted by events.", nullable=False, unit="µSTX"),
        Column("burned_ustx", NUMERIC, "Burned by events.", nullable=False, unit="µSTX"),
        Column("coinbase_ustx", NUMERIC, "Coinbase that matured.", nullable=False, unit="µSTX"),
        Column("fees_ustx", NUMERIC, "Fees paid.", nullable=False, unit="µSTX"),
        Column("fee_rewards_ustx", NUMERIC, "Fees given to miners, matured.", nullable=False, unit="µSTX"),
    ),
    key=("day",),
    sort_key="day",
    day_column="day",
)

DAILY_TX_COUNT = Table(
    system="stacks",
    name="daily_tx_count",
    grain="one row per UTC day",
    description="Transactions of a day, by the time of the Bitcoin block.",
    columns=(
        _DAY,
        Column("tx_count", BIGINT, "Canonical transactions.", nullable=False),
        Column("tx_count_legacy", BIGINT, f"Transactions {_LEGACY}.", nullable=False),
    ),
    key=("day",),
    sort_key="day",
    day_column="day",
)

ADDRESS_ACTIVITY = Table(
    system="stacks",
    name="address_activity",
    grain="one row per UTC day and principal",
    description="Who sent or received STX on a day.",
    columns=(
        _DAY,
        Column("address", TEXT, "Principal: an account or a contract.", nullable=False),
        Column(
            "canonical",
            BOOLEAN,
            f"In a canonical event of the day; otherwise only in events of its heights, {_LEGACY}.",
            nullable=False,
        ),
    ),
    key=("day", "address"),
    sort_key="day",
    day_column="day",
)

STX_BALANCE_DELTA = Table(
    system="stacks",
    name="stx_balance_delta",
    grain="one row per UTC day and principal whose balance changed",
    description="What a day changed in a balance: events, fees paid and rewards matured. Locked STX is part of it.",
    columns=(
        _DAY,
        Column("address", TEXT, "Principal: an account or a contract.", nullable=False),
        Column("delta_ustx", NUMERIC, "Change of the balance, never 0.", nullable=False, unit="µSTX"),
    ),
    key=("day", "address"),
    sort_key="day",
    day_column="day",
)

BALANCE_CHECKPOINT = Table(
    system="stacks",
    name="balance_checkpoint",
    grain="one row per month's last day and principal",
    description="Balances at the end of a month, from which those of later days are summed: what a day costs does not "
    "grow with the years. Reading an earlier day anew removes it.",
    columns=(
        _DAY,
        Column("address", TEXT, "Principal: an account or a contract.", nullable=False),
        Column("balance_ustx", NUMERIC, "Balance at the day's end.", nullable=False, unit="µSTX"),
        Column("seen", BOOLEAN, "In a canonical event of a day until then.", nullable=False),
        Column("seen_legacy", BOOLEAN, f"In an event of a day until then, {_LEGACY}.", nullable=False),
    ),
    key=("day", "address"),
    sort_key="day",
    day_column="day",
)

NFT_DAILY = Table(
    system="stacks",
    name="nft_daily",
    grain="one row per UTC day and asset with mints or burns",
    description="NFTs minted and burned on a day.",
    columns=(
        _DAY,
        Column("asset", TEXT, "Asset identifier, contract::name.", nullable=False),
        Column("minted", BIGINT, "Canonical mints.", nullable=False),
        Column("burned", BIGINT, "Canonical burns.", nullable=False),
    ),
    key=("day", "asset"),
    sort_key="day",
    day_column="day",
)

DAILY_ADDRESSES = Table(
    system="stacks",
    name="daily_addresses",
    grain="one row per UTC day",
    description="Active addresses of a day.",
    columns=(
        _DAY,
        Column("active", BIGINT, "Principals in canonical events of the day.", nullable=False),
        Column("active_legacy", BIGINT, f"Principals in events of the day, {_LEGACY}.", nullable=False),
    ),
    key=("day",),
    sort_key="day",
    day_column="day",
)

WHALE_BALANCES = Table(
    system="stacks",
    name="whale_historical_stx_balances",
    grain="one row per UTC day and principal with 10,000 STX or more",
    description="Large balances at the end of a day.",
    columns=(
        _DAY,
        Column("timestamp", BIGINT, "The day's midnight, Unix seconds.", nullable=False, unit="s"),
        Column("whale_address", TEXT, "Principal.", nullable=False),
        Column("balance", DOUBLE, "Balance, rounded to a double.", nullable=False, unit="STX"),
        Column("balance_ustx", NUMERIC, "Balance, exact.", nullable=False, unit="µSTX"),
    ),
    key=("timestamp", "whale_address"),
    sort_key="timestamp",
    day_column="day",
    indexes=(("day",),),
)

BALANCE_TOTALS = Table(
    system="stacks",
    name="balance_totals",
    grain="one row per UTC day",
    description="All balances at the end of a day.",
    columns=(
        _DAY,
        Column("nonzero_bals", BIGINT, "Principals with more than nothing.", nullable=False),
        Column("whales", BIGINT, "Principals with 10,000 STX or more.", nullable=False),
        Column("negative", BIGINT, "Principals below zero: there are none on a complete chain.", nullable=False),
        Column("total_ustx", NUMERIC, "Sum over everyone, in and outside the universe.", nullable=False, unit="µSTX"),
        Column("expected_ustx", NUMERIC, "The same by mints, burns, coinbase and fees.", nullable=False, unit="µSTX"),
    ),
    key=("day",),
    sort_key="day",
    day_column="day",
)

HOURLY_PRICE = Table(
    system="stacks",
    name="hourly_price",
    grain="one row per symbol and moment",
    description="Prices as CoinGecko gave them, about one an hour.",
    columns=(
        Column("symbol", TEXT, "STX or BTC.", nullable=False),
        Column("unix_timestamp", BIGINT, "Moment of the price, Unix seconds.", nullable=False, unit="s"),
        Column("price_usd", NUMERIC, "Price.", nullable=False, unit="USD"),
        Column("fetched_at", TIMESTAMP, "When the source answered first.", nullable=False),
    ),
    key=("symbol", "unix_timestamp"),
    sort_key="unix_timestamp",
    merge=Merge(insert_only=True),
)

MEMPOOL_COUNT = Table(
    system="stacks",
    name="mempool_count",
    grain="one row per moment",
    description="Transactions waiting in the node's mempool.",
    columns=(_OBSERVED, Column("transactions", BIGINT, "Transactions not pruned.", nullable=False)),
    key=("observed_at",),
    sort_key="observed_at",
    merge=Merge(insert_only=True),
)

SPOT_STATS = Table(
    system="stacks",
    name="spot_stats_snapshot",
    grain="one row per moment",
    description="The figures of a moment, as they were published.",
    columns=(_OBSERVED, Column("payload", TEXT, "JSON object of the fields.", nullable=False, unbounded=True)),
    key=("observed_at",),
    sort_key="observed_at",
    merge=Merge(insert_only=True),
)

TIP_SEEN = Table(
    system="stacks",
    name="tip_seen",
    grain="one row per moment",
    description="How far the node's database was when it was looked at.",
    columns=(
        _OBSERVED,
        Column("height", BIGINT, "Highest canonical block.", nullable=False),
        Column("burn_block_time", BIGINT, "Its time, Unix seconds.", nullable=False, unit="s"),
    ),
    key=("observed_at",),
    sort_key="observed_at",
    merge=Merge(insert_only=True),
)

CDN_TOLD = Table(
    system="stacks",
    name="cdn_told",
    grain="one row per public object",
    description="What the CDN was told last of each public object.",
    columns=(
        Column("key", TEXT, "The object's key.", nullable=False),
        Column("sha256", TEXT, "Hash of the bytes that it was told of, hexadecimal.", nullable=False),
        Column("told_at", TIMESTAMP, "When it was told.", nullable=False),
        Column("invalidation", TEXT, "CloudFront's id of the invalidation.", nullable=False),
    ),
    key=("key",),
    sort_key="told_at",
    merge=Merge(),
)

FROM_NODE = (BLOCK_RANGE, DAILY_TX_COUNT, ADDRESS_ACTIVITY, STX_BALANCE_DELTA, NFT_DAILY)
FOLLOWING = (DAILY_ADDRESSES, WHALE_BALANCES, BALANCE_TOTALS)
SNAPSHOTS = (HOURLY_PRICE, MEMPOOL_COUNT, SPOT_STATS, TIP_SEEN)
