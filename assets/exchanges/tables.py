"""What the lake and the warehouse hold of the exchanges, beside the raw objects: one declaration for each table."""

from core.layout import LakeLayout
from core.tables import Column, ColumnType, Table

SYSTEM = "exchanges"
# A job's day is a folder of its own: a rerun replaces it and nothing else.
LAYOUT = LakeLayout(folder="{system}/{dataset}/job={job}/day={day}/")

_OF_DAY = (
    Column("job", ColumnType.TEXT, "The job, vendor.exchange.contract.universe", nullable=False),
    Column("day", ColumnType.DATE, "UTC day", nullable=False),
    Column("currency_pair", ColumnType.TEXT, "The pair as universes spell it, BTC_USDT", nullable=False),
)
_TIME = Column("timestamp", ColumnType.BIGINT, "Open time", nullable=False, unit="ms of Unix time, UTC")
_PRICES = tuple(
    Column(name, ColumnType.NUMERIC, text, nullable=False, unit="quote currency")
    for name, text in (
        ("open", "Price of the first trade"),
        ("high", "Highest price"),
        ("low", "Lowest price"),
        ("close", "Price of the last trade"),
    )
)
_AMOUNTS = (
    Column("volume", ColumnType.NUMERIC, "Amount traded", nullable=False, unit="base currency"),
    Column(
        "quote_volume", ColumnType.NUMERIC, "Amount traded; null where the vendor does not tell", unit="quote currency"
    ),
    Column("trades", ColumnType.BIGINT, "Number of trades; null where the vendor does not tell"),
)

OHLCV_1M = Table(
    system=SYSTEM,
    name="ohlcv_1m",
    grain="one row per job, pair and minute that has a bar on the minute",
    description="Minute bars, each with the value known last; nothing is filled in.",
    columns=(
        *_OF_DAY,
        _TIME,
        *_PRICES,
        *_AMOUNTS,
        Column("knowledge_timestamp", ColumnType.TIMESTAMP, "When this value was first known", nullable=False),
        Column("status", ColumnType.TEXT, "traded, no_trade or revised", nullable=False),
        Column(
            "after_gap", ColumnType.BOOLEAN, "Whether the minute before it, of the same day, is missing", nullable=False
        ),
    ),
    key=("job", "currency_pair", "timestamp"),
    sort_key="timestamp",
    layout=LAYOUT,
)

OHLCV_GAPS = Table(
    system=SYSTEM,
    name="ohlcv_gaps",
    grain="one row per job, pair and run of missing minutes with one explanation",
    description="Minutes without a bar, as intervals, with the reason; a gap across midnight is two that adjoin.",
    columns=(
        *_OF_DAY,
        Column(
            "first_missing",
            ColumnType.BIGINT,
            "Open time of the first missing minute",
            nullable=False,
            unit="ms of Unix time, UTC",
        ),
        Column(
            "last_missing",
            ColumnType.BIGINT,
            "Open time of the last missing minute",
            nullable=False,
            unit="ms of Unix time, UTC",
        ),
        Column("minutes", ColumnType.BIGINT, "How many minutes are missing", nullable=False),
        Column(
            "gap_class",
            ColumnType.TEXT,
            "source_gap, unfetched, no_trade, before_listing, after_delisting or off_grid",
            nullable=False,
        ),
        Column(
            "status", ColumnType.TEXT, "What the minutes count as: outage, unavailable, no_trade, ...", nullable=False
        ),
        Column("reason", ColumnType.TEXT, "What that was concluded from", nullable=False),
    ),
    key=("job", "currency_pair", "first_missing"),
    sort_key="first_missing",
    layout=LAYOUT,
)


def _longer(name: str, word: str, minutes: int) -> Table:
    return Table(
        system=SYSTEM,
        name=name,
        grain=f"one row per job, pair and {word} with at least one minute",
        description=f"Bars of a {word}, made of the minutes; [t, t + 1 {word}), labelled by the open time.",
        columns=(
            *_OF_DAY,
            _TIME,
            *_PRICES,
            *_AMOUNTS,
            Column("n_minutes", ColumnType.BIGINT, "Minutes that it is made of", nullable=False),
            Column("is_complete", ColumnType.BOOLEAN, f"Whether these are all {minutes:,}", nullable=False),
            Column("vwap", ColumnType.NUMERIC, "Mean price by volume; null without a trade", unit="quote currency"),
        ),
        key=("job", "currency_pair", "timestamp"),
        sort_key="timestamp",
        layout=LAYOUT,
    )


OHLCV_1H, OHLCV_1D = _longer("ohlcv_1h", "hour", 60), _longer("ohlcv_1d", "day", 1440)


def _findings(name: str, description: str, kinds: str) -> Table:
    return Table(
        system=SYSTEM,
        name=name,
        grain="one row per job, pair, comparison, time and field",
        description=description,
        columns=(
            *_OF_DAY,
            Column("kind", ColumnType.TEXT, kinds, nullable=False),
            _TIME,
            Column("field", ColumnType.TEXT, "The column compared; all when every one agrees", nullable=False),
            Column("severity", ColumnType.TEXT, "ok, info, warn or error", nullable=False),
            Column("ours", ColumnType.NUMERIC, "Our value"),
            Column("theirs", ColumnType.NUMERIC, "The other value"),
            Column("difference", ColumnType.NUMERIC, "The difference as a share of theirs"),
            Column("note", ColumnType.TEXT, "Why something was not compared, or is missing", nullable=False),
        ),
        key=("job", "currency_pair", "kind", "timestamp", "field"),
        sort_key="timestamp",
        layout=LAYOUT,
    )


VENDOR_CROSSCHECK = _findings(
    "vendor_crosscheck",
    "Our bars beside the exchange's own hours and days, the second vendor's minutes and the perpetual.",
    "exchange_1h, exchange_1d, second_vendor or spot_perpetual",
)
MARKET_CROSSCHECK = _findings(
    "market_crosscheck",
    "Our daily closes beside the prices that the room markets has of the same midnight, from CoinGecko.",
    "market_close",
)

# What the warehouse holds of these: a day of minutes is queried in the lake.
TABLES = (OHLCV_GAPS, OHLCV_1H, OHLCV_1D)
LAKE_TABLES = (OHLCV_1M, *TABLES, VENDOR_CROSSCHECK, MARKET_CROSSCHECK)
