"""The raw tables, declared once. DDL, merging, asset keys, dbt's sources and documentation derive from this."""

from core.merging import Merge
from core.tables import Column, ColumnType, Table

BIGINT, BOOLEAN, DATE = ColumnType.BIGINT, ColumnType.BOOLEAN, ColumnType.DATE
NUMERIC, TEXT, TIMESTAMP = ColumnType.NUMERIC, ColumnType.TEXT, ColumnType.TIMESTAMP

_COIN = Column("coin_id", TEXT, "CoinGecko's id of the coin; symbols are not unique.", nullable=False, source="id")
_CURRENCY = Column("vs_currency", TEXT, "Currency of the money columns.", nullable=False)
_CHAIN = Column("chain", TEXT, "Blockchair's name of the chain.", nullable=False)
_SMALLEST = "the chain's smallest unit"

COIN_LIST = Table(
    system="markets",
    schema="raw",
    name="coin_list",
    grain="one row per coin",
    description="Every coin that CoinGecko lists, or listed: those that left the list are marked.",
    columns=(
        _COIN,
        Column("symbol", TEXT, "Ticker; several coins may have the same.", source="symbol"),
        Column("name", TEXT, "Name.", source="name"),
    ),
    key=("coin_id",),
    sort_key="coin_id",
    # The list comes whole: what it lacks is no longer there.
    merge=Merge(history=True, one_current=("coin_id",)),
)

MARKET_SNAPSHOT = Table(
    system="markets",
    schema="raw",
    name="market_snapshot",
    grain="one row per coin, currency and moment",
    description="A coin's market figures of one moment.",
    columns=(
        _COIN,
        _CURRENCY,
        Column("observed_at", TIMESTAMP, "Moment of the figures.", nullable=False, source="last_updated"),
        Column("price", NUMERIC, "Price.", source="current_price"),
        Column("market_cap", NUMERIC, "Capitalisation.", source="market_cap"),
        Column("market_cap_rank", BIGINT, "Place by capitalisation.", source="market_cap_rank"),
        Column(
            "fully_diluted_valuation", NUMERIC, "Capitalisation of all coins to come.", source="fully_diluted_valuation"
        ),
        Column("volume", NUMERIC, "Money traded in the 24 hours before.", source="total_volume"),
        Column("circulating_supply", NUMERIC, "Coins in circulation.", source="circulating_supply"),
        Column("total_supply", NUMERIC, "Coins in existence.", source="total_supply"),
        Column(
            "max_supply", NUMERIC, "Coins there can ever be; null when there is no such number.", source="max_supply"
        ),
    ),
    key=("coin_id", "vs_currency", "observed_at"),
    sort_key="observed_at",
    merge=Merge(insert_only=True),
)

MARKET_DAILY = Table(
    system="markets",
    schema="raw",
    name="market_daily",
    grain="one row per coin, currency and UTC day",
    description="A coin's close of the day: its figures at the midnight that ends the day.",
    columns=(
        _COIN,
        _CURRENCY,
        Column("price_date", DATE, "The day whose close this is.", nullable=False),
        Column("price", NUMERIC, "Price at the close; null when the source does not know it."),
        Column("volume", NUMERIC, "Money traded in the 24 hours before the close."),
        Column("market_cap", NUMERIC, "Capitalisation at the close."),
        Column(
            "observed_at", TIMESTAMP, "The source's own stamp of the midnight after the day, as it is.", nullable=False
        ),
    ),
    key=("coin_id", "vs_currency", "price_date"),
    sort_key="price_date",
    merge=Merge(history=True),
    day_column="price_date",
)

GLOBAL_DAILY = Table(
    system="markets",
    schema="raw",
    name="global_daily",
    grain="one row per currency and UTC day",
    description="The whole market after the end of the day. Only days on whose morrow it was asked have a row.",
    columns=(
        _CURRENCY,
        Column("price_date", DATE, "The day that had just ended.", nullable=False),
        Column("total_market_cap", NUMERIC, "Capitalisation of all coins.", source="total_market_cap"),
        Column("observed_at", TIMESTAMP, "Moment of the figures.", nullable=False),
    ),
    key=("vs_currency", "price_date"),
    sort_key="price_date",
    # Later figures are further from the close: the first stays.
    merge=Merge(insert_only=True),
    day_column="price_date",
)

BLOCKS = Table(
    system="markets",
    schema="raw",
    name="blocks",
    grain="one row per block, orphaned ones included",
    description="Blocks of the chains. Of those at one height, one at most is not an orphan.",
    columns=(
        _CHAIN,
        Column("block_hash", TEXT, "Hash of the block.", nullable=False, source="hash"),
        Column("height", BIGINT, "Height of the block.", nullable=False, source="id"),
        Column("block_date", DATE, "UTC day of the block's time.", nullable=False),
        Column("block_time", TIMESTAMP, "Time of the block, set by its producer.", nullable=False, source="time"),
        Column("size", BIGINT, "Size.", unit="bytes", source="size"),
        Column("weight", BIGINT, "Weight.", unit="weight units", source="weight"),
        Column("difficulty", NUMERIC, "Difficulty.", source="difficulty"),
        Column("transaction_count", BIGINT, "Transactions, the coinbase included.", source="transaction_count"),
        Column("input_count", BIGINT, "Inputs of all transactions; null on account chains.", source="input_count"),
        Column("output_count", BIGINT, "Outputs of all transactions; null on account chains.", source="output_count"),
        Column("fee_total", NUMERIC, "Fees of all transactions.", unit=_SMALLEST, source="fee_total"),
        Column("generation", NUMERIC, "Coins made by the block.", unit=_SMALLEST, source="generation"),
        Column("reward", NUMERIC, "Producer's income: coins made and fees.", unit=_SMALLEST, source="reward"),
        Column(
            "guessed_miner",
            TEXT,
            "Producer, as Blockchair guesses; its address on account chains.",
            source="guessed_miner",
        ),
        Column("gas_used", NUMERIC, "Gas used; account chains only.", unit="gas", source="gas_used"),
        Column("gas_limit", NUMERIC, "Most gas the block could use.", unit="gas", source="gas_limit"),
        Column("uncle_count", BIGINT, "Uncles; account chains only.", source="uncle_count"),
    ),
    key=("chain", "block_hash"),
    sort_key="height",
    merge=Merge(one_current=("chain", "height")),
    day_column="block_date",
    indexes=(("chain", "block_date"),),
)

TX_DAILY_AGGREGATE = Table(
    system="markets",
    schema="raw",
    name="tx_daily_aggregate",
    grain="one row per chain and UTC day",
    description="Sums over all transactions of a day, made by the source.",
    columns=(
        _CHAIN,
        Column("day", DATE, "UTC day.", nullable=False),
        Column(
            "tx_count", BIGINT, "Transactions, coinbases and failed ones included; rewards of account chains are none."
        ),
        Column("fee", NUMERIC, "Fees, those of failed transactions too.", unit=_SMALLEST),
        Column("fee_usd", NUMERIC, "Fees at the time.", unit="US dollars"),
        Column(
            "transferred",
            NUMERIC,
            "Amounts of all outputs, coinbases' too; on account chains values of transactions that did not fail.",
            unit=_SMALLEST,
        ),
        Column("transferred_usd", NUMERIC, "The same at the time.", unit="US dollars"),
        Column("is_final", BOOLEAN, "Asked late enough after the day's end not to change.", nullable=False),
    ),
    key=("chain", "day"),
    sort_key="day",
    merge=Merge(history=True),
    day_column="day",
)

TRANSACTIONS = Table(
    system="markets",
    schema="raw",
    name="transactions",
    grain="one row per transaction",
    description="The first transactions of a day: a bounded sample, fetched on demand.",
    columns=(
        _CHAIN,
        Column("tx_hash", TEXT, "Hash.", nullable=False, source="hash"),
        Column("block_id", BIGINT, "Height of its block; null while it waits for one.", source="block_id"),
        Column("block_hash", TEXT, "Hash of the block, if it was loaded before; null when not."),
        Column("block_date", DATE, "UTC day of its time.", nullable=False),
        Column("tx_time", TIMESTAMP, "Time.", nullable=False, source="time"),
        Column("size", BIGINT, "Size.", unit="bytes", source="size"),
        Column("is_coinbase", BOOLEAN, "Whether it pays the block's producer.", source="is_coinbase"),
        Column("input_count", BIGINT, "Inputs.", source="input_count"),
        Column("output_count", BIGINT, "Outputs.", source="output_count"),
        Column("failed", BOOLEAN, "Whether it moved nothing; null on chains where none fails.", source="failed"),
        Column("output_total", NUMERIC, "Amount of all outputs, or value.", unit=_SMALLEST, source="output_total"),
        Column("output_total_usd", NUMERIC, "The same at the time.", unit="US dollars", source="output_total_usd"),
        Column("fee", NUMERIC, "Fee.", unit=_SMALLEST, source="fee"),
        Column("fee_usd", NUMERIC, "Fee at the time.", unit="US dollars", source="fee_usd"),
    ),
    key=("chain", "tx_hash"),
    sort_key="tx_time",
    merge=Merge(),
    day_column="block_date",
    indexes=(("chain", "block_date"),),
)

CHAIN_STATS = Table(
    system="markets",
    schema="raw",
    name="chain_stats",
    grain="one row per chain and newest block",
    description="A chain's figures of one moment.",
    columns=(
        _CHAIN,
        Column("observed_at", TIMESTAMP, "Time of the newest block.", nullable=False, source="best_block_time"),
        Column("best_block_height", BIGINT, "Height of the newest block.", source="best_block_height"),
        Column("best_block_hash", TEXT, "Hash of the newest block.", source="best_block_hash"),
        Column("difficulty", NUMERIC, "Difficulty.", source="difficulty"),
        Column("hashrate_24h", NUMERIC, "Hashes a second over a day.", source="hashrate_24h"),
        Column("circulation", NUMERIC, "Coins in circulation.", unit=_SMALLEST, source="circulation"),
        Column("blocks_24h", BIGINT, "Blocks of the last 24 hours.", source="blocks_24h"),
        Column("transactions_24h", BIGINT, "Transactions of the last 24 hours.", source="transactions_24h"),
        Column("mempool_transactions", BIGINT, "Transactions that wait for a block.", source="mempool_transactions"),
        Column("market_price_usd", NUMERIC, "Price.", unit="US dollars", source="market_price_usd"),
        Column(
            "market_dominance_percentage",
            NUMERIC,
            "Share of all coins' capitalisation, in percent.",
            source="market_dominance_percentage",
        ),
    ),
    key=("chain", "observed_at"),
    sort_key="observed_at",
    merge=Merge(insert_only=True),
)

TABLES = (
    COIN_LIST,
    MARKET_SNAPSHOT,
    MARKET_DAILY,
    GLOBAL_DAILY,
    BLOCKS,
    TX_DAILY_AGGREGATE,
    TRANSACTIONS,
    CHAIN_STATS,
)
