"""The tables of the room: ethereum-etl 2.4.2's schema in its column order, then our own columns.

``source`` names the field of the node's answer. Fields of the answers left out on purpose are listed in
``IGNORED_FIELDS`` of ``transform/answers.py``; any other field is reported.
"""

from dataclasses import replace
from functools import partial

from assets.ethereum.spans import BLOCKS_FACT
from core.layout import LakeLayout
from core.tables import Column, ColumnType, Table
from resources.clients.ethereum_etl.files import ETHEREUM_ETL_FILES

BIGINT, DECIMAL, UINT256 = ColumnType.BIGINT, ColumnType.DECIMAL, ColumnType.UINT256
TEXT, BOOLEAN, DOUBLE, DATE = ColumnType.TEXT, ColumnType.BOOLEAN, ColumnType.DOUBLE, ColumnType.DATE

# The keys of the old Airflow export, kept.
LAYOUT = LakeLayout(
    folder="export/{dataset}/block_date={day}/",
    staging="staging/{dataset}/",
    facts=(BLOCKS_FACT,),
    formats=(ETHEREUM_ETL_FILES,),
)
_table = partial(Table, system="ethereum", layout=LAYOUT, day_column="block_date")

BLOCK_DATE = Column(
    "block_date", DATE, "UTC day of the block; the partition the row belongs to.", nullable=False, extension=True
)


def _block_number(source: str | None = "blockNumber") -> Column:
    return Column("block_number", BIGINT, "Height of the block.", nullable=False, source=source)


# How values are known to be true, with ETHEREUM_VERIFY=full.
PROVED = "Proved by the block's header."
RECOMPUTED = "Recomputed from what the header proves."
NODES_WORD = "The node's word: no header commits to it."


def _trusted(
    columns: tuple[Column, ...], recomputed: tuple[str, ...] = (), nodes_word: tuple[str, ...] = ()
) -> tuple[Column, ...]:
    """The columns, each with how its values are known to be true: proved, or as it is named here."""
    kinds = dict.fromkeys((*recomputed, "block_date"), RECOMPUTED) | dict.fromkeys(nodes_word, NODES_WORD)
    return tuple(replace(column, trust=kinds.get(column.name, PROVED)) for column in columns)


BLOCKS_META = _table(
    name="blocks_meta",
    grain="one row per UTC day that has blocks",
    description="The block range of the day, the old system's blocks_meta.txt.",
    columns=(
        Column("start_block", BIGINT, "First block of the day.", nullable=False),
        Column("end_block", BIGINT, "Last block of the day.", nullable=False),
        Column("start_hash", TEXT, "Hash of the first block; null from a csv lake.", extension=True),
        Column("end_hash", TEXT, "Hash of the last block; null from a csv lake.", extension=True),
        BLOCK_DATE,
    ),
    key=("block_date",),
    sort_key="start_block",
    csv_layout="txt",
)

BLOCKS = _table(
    name="blocks",
    grain="one row per canonical block",
    description="Block headers with their sizes and withdrawals.",
    columns=_trusted(
        (
            Column("number", BIGINT, "Block height.", nullable=False, source="number"),
            Column("hash", TEXT, "Hash of the block header.", nullable=False, source="hash"),
            Column("parent_hash", TEXT, "Hash of the parent block.", nullable=False, source="parentHash"),
            Column("nonce", TEXT, "Proof-of-work nonce, 8 bytes; zero since the merge.", source="nonce"),
            Column("sha3_uncles", TEXT, "Hash of the list of uncle headers.", source="sha3Uncles"),
            Column("logs_bloom", TEXT, "Bloom filter over the block's log addresses and topics.", source="logsBloom"),
            Column("transactions_root", TEXT, "Root of the transaction trie.", source="transactionsRoot"),
            Column("state_root", TEXT, "Root of the state trie after the block.", source="stateRoot"),
            Column("receipts_root", TEXT, "Root of the receipt trie.", source="receiptsRoot"),
            Column("miner", TEXT, "Address that received the block's fees.", source="miner", lower_case=True),
            Column("difficulty", DECIMAL, "Proof-of-work difficulty; zero since the merge.", source="difficulty"),
            Column(
                "total_difficulty",
                DECIMAL,
                "Sum of difficulties up to the block; null where the node no longer sends it.",
                source="totalDifficulty",
            ),
            Column(
                "size",
                BIGINT,
                "Size of the encoded block; of one with uncles the node's word.",
                unit="bytes",
                source="size",
            ),
            Column("extra_data", TEXT, "Free bytes set by the block's producer.", source="extraData"),
            Column("gas_limit", BIGINT, "Most gas the block may use.", unit="gas", source="gasLimit"),
            Column("gas_used", BIGINT, "Gas used by all its transactions.", unit="gas", source="gasUsed"),
            Column(
                "timestamp", BIGINT, "Time of the block.", nullable=False, unit="Unix seconds, UTC", source="timestamp"
            ),
            Column("transaction_count", BIGINT, "Number of transactions in the block.", nullable=False),
            Column(
                "base_fee_per_gas",
                DECIMAL,
                "Fee burnt per unit of gas; null before London (12,965,000).",
                unit="wei",
                source="baseFeePerGas",
            ),
            Column(
                "withdrawals_root",
                TEXT,
                "Root of the withdrawal trie; null before Shanghai (17,034,870).",
                source="withdrawalsRoot",
            ),
            Column(
                "withdrawals",
                TEXT,
                "Validator withdrawals as comma-joined JSON objects (index, validator_index, address, amount in gwei).",
                joined=True,
            ),
            Column(
                "blob_gas_used",
                BIGINT,
                "Blob gas used; null before Cancun (19,426,587).",
                unit="blob gas",
                source="blobGasUsed",
            ),
            Column(
                "excess_blob_gas",
                BIGINT,
                "Running excess of blob gas that sets the blob fee; null before Cancun.",
                unit="blob gas",
                source="excessBlobGas",
            ),
            Column(
                "parent_beacon_block_root",
                TEXT,
                "Root of the parent beacon block; null before Cancun.",
                source="parentBeaconBlockRoot",
                extension=True,
            ),
            Column(
                "requests_hash",
                TEXT,
                "Commitment to execution-layer requests; null before Prague (22,431,084).",
                source="requestsHash",
                extension=True,
            ),
            Column(
                "block_access_list_hash",
                TEXT,
                "Hash of the accounts and storage that the block touches; null before Amsterdam.",
                source="blockAccessListHash",
                extension=True,
            ),
            Column(
                "slot_number",
                BIGINT,
                "Slot of the beacon chain; null before Amsterdam.",
                source="slotNumber",
                extension=True,
            ),
            BLOCK_DATE,
        ),
        recomputed=("size", "transaction_count"),
        nodes_word=("total_difficulty",),
    ),
    key=("number",),
    sort_key="timestamp",
    distribution_key="number",
    schema_version=2,
)

TRANSACTIONS = _table(
    name="transactions",
    grain="one row per transaction of a canonical block",
    description="Transactions as they stand in their blocks.",
    columns=_trusted(
        (
            Column("hash", TEXT, "Transaction hash.", nullable=False, source="hash"),
            Column("nonce", BIGINT, "Transactions sent before by the sender.", nullable=False, source="nonce"),
            Column("block_hash", TEXT, "Hash of the block.", nullable=False, source="blockHash"),
            _block_number(),
            Column("transaction_index", BIGINT, "Position in the block.", nullable=False, source="transactionIndex"),
            Column("from_address", TEXT, "Sender.", nullable=False, source="from", lower_case=True),
            Column("to_address", TEXT, "Receiver; null when a contract is created.", source="to", lower_case=True),
            Column("value", DECIMAL, "Ether transferred.", nullable=False, unit="wei", source="value"),
            Column("gas", BIGINT, "Gas provided by the sender.", unit="gas", source="gas"),
            Column(
                "gas_price",
                DECIMAL,
                "Price per gas offered; since London the price paid, as nodes report it.",
                unit="wei",
                source="gasPrice",
            ),
            Column("input", TEXT, "Call data or creation code.", source="input", unbounded=True),
            Column("block_timestamp", BIGINT, "Time of the block.", nullable=False, unit="Unix seconds, UTC"),
            Column(
                "max_fee_per_gas",
                DECIMAL,
                "Most the sender pays per gas, base fee included (type 2 and later).",
                unit="wei",
                source="maxFeePerGas",
            ),
            Column(
                "max_priority_fee_per_gas",
                DECIMAL,
                "Most the sender pays per gas above the base fee (type 2 and later).",
                unit="wei",
                source="maxPriorityFeePerGas",
            ),
            Column(
                "transaction_type",
                BIGINT,
                "0 legacy, 1 access list, 2 dynamic fee, 3 blob, 4 set code.",
                source="type",
            ),
            Column(
                "max_fee_per_blob_gas",
                DECIMAL,
                "Most paid per blob gas (type 3).",
                unit="wei",
                source="maxFeePerBlobGas",
            ),
            Column(
                "blob_versioned_hashes",
                TEXT,
                "Versioned hashes of the blobs, comma-joined (type 3).",
                source="blobVersionedHashes",
                joined=True,
            ),
            Column(
                "access_list",
                TEXT,
                "Addresses and storage keys announced, as JSON (types 1 to 4).",
                source="accessList",
                extension=True,
                unbounded=True,
            ),
            Column(
                "authorization_list",
                TEXT,
                "Signed code delegations of EIP-7702, as JSON (type 4).",
                source="authorizationList",
                extension=True,
                unbounded=True,
            ),
            BLOCK_DATE,
        ),
        recomputed=("from_address", "gas_price", "transaction_index", "block_timestamp"),
    ),
    key=("hash",),
    sort_key="block_number",
    distribution_key="block_number",
)

RECEIPTS = _table(
    name="receipts",
    grain="one row per transaction",
    description="What came of each transaction.",
    columns=_trusted(
        (
            Column("transaction_hash", TEXT, "Transaction hash.", nullable=False, source="transactionHash"),
            Column("transaction_index", BIGINT, "Position in the block.", nullable=False, source="transactionIndex"),
            Column("block_hash", TEXT, "Hash of the block.", nullable=False, source="blockHash"),
            _block_number(),
            Column(
                "cumulative_gas_used",
                BIGINT,
                "Gas used in the block up to and including the transaction.",
                unit="gas",
                source="cumulativeGasUsed",
            ),
            Column("gas_used", BIGINT, "Gas used by the transaction.", unit="gas", source="gasUsed"),
            Column(
                "contract_address",
                TEXT,
                "Contract created, also when the creation failed.",
                source="contractAddress",
                lower_case=True,
            ),
            Column("root", TEXT, "State root after the transaction; only before Byzantium (4,370,000).", source="root"),
            Column("status", BIGINT, "1 success, 0 failure; null before Byzantium.", source="status"),
            Column("effective_gas_price", DECIMAL, "Price paid per gas.", unit="wei", source="effectiveGasPrice"),
            Column("l1_fee", DECIMAL, "Fee for the parent chain, on rollups.", unit="wei", source="l1Fee"),
            Column("l1_gas_used", DECIMAL, "Gas used on the parent chain, on rollups.", source="l1GasUsed"),
            Column(
                "l1_gas_price", DECIMAL, "Gas price of the parent chain, on rollups.", unit="wei", source="l1GasPrice"
            ),
            Column("l1_fee_scalar", DOUBLE, "Factor on the parent chain's fee, on rollups.", source="l1FeeScalar"),
            Column("blob_gas_price", DECIMAL, "Price paid per blob gas.", unit="wei", source="blobGasPrice"),
            Column("blob_gas_used", BIGINT, "Blob gas used (type 3).", unit="blob gas", source="blobGasUsed"),
            BLOCK_DATE,
        ),
        recomputed=(
            "transaction_hash",
            "transaction_index",
            "gas_used",
            "contract_address",
            "effective_gas_price",
            "blob_gas_price",
            "blob_gas_used",
        ),
        nodes_word=("l1_fee", "l1_gas_used", "l1_gas_price", "l1_fee_scalar"),
    ),
    key=("transaction_hash",),
    sort_key="block_number",
    distribution_key="block_number",
)

LOGS = _table(
    name="logs",
    grain="one row per log entry",
    description="Events emitted by contracts.",
    columns=_trusted(
        (
            Column(
                "log_index", BIGINT, "Position in the block, over all transactions.", nullable=False, source="logIndex"
            ),
            Column("transaction_hash", TEXT, "Transaction hash.", nullable=False, source="transactionHash"),
            Column("transaction_index", BIGINT, "Position in the block.", nullable=False, source="transactionIndex"),
            Column("block_hash", TEXT, "Hash of the block.", nullable=False, source="blockHash"),
            _block_number(),
            Column("address", TEXT, "Contract that emitted the event, as the node wrote it.", source="address"),
            Column("data", TEXT, "Unindexed event data.", source="data", unbounded=True),
            Column("topics", TEXT, "Indexed event data, 0 to 4 words, comma-joined.", source="topics", joined=True),
            BLOCK_DATE,
        ),
        recomputed=("log_index", "transaction_hash", "transaction_index"),
    ),
    key=("block_number", "log_index"),
    sort_key="block_number",
    distribution_key="block_number",
    csv_layout="json",
)

TOKEN_TRANSFERS = _table(
    name="token_transfers",
    grain="one row per ERC-20 or ERC-721 Transfer event",
    description="Token transfers read from Transfer events of four words.",
    columns=(
        Column("token_address", TEXT, "Token contract.", nullable=False),
        Column("from_address", TEXT, "Sender; zero when tokens are minted.", nullable=False),
        Column("to_address", TEXT, "Receiver; zero when tokens are burnt.", nullable=False),
        Column("value", UINT256, "Amount in the token's smallest unit, or the ERC-721 token id.", nullable=False),
        Column("transaction_hash", TEXT, "Transaction hash; not unique here.", nullable=False),
        Column("log_index", BIGINT, "Position of the event in the block.", nullable=False),
        _block_number(None),
        BLOCK_DATE,
    ),
    key=("block_number", "log_index"),
    sort_key="block_number",
    distribution_key="block_number",
)

ERC1155_TRANSFERS = _table(
    name="erc1155_transfers",
    grain="one row per token id of an ERC-1155 TransferSingle or TransferBatch event",
    description="Multi-token transfers, single and batch.",
    columns=(
        Column("token_address", TEXT, "Token contract.", nullable=False),
        Column("operator", TEXT, "Address that made the transfer.", nullable=False),
        Column("from_address", TEXT, "Sender; zero when tokens are minted.", nullable=False),
        Column("to_address", TEXT, "Receiver; zero when tokens are burnt.", nullable=False),
        Column("token_id", UINT256, "Token id inside the contract.", nullable=False),
        Column("value", UINT256, "Amount of that id.", nullable=False),
        Column("transaction_hash", TEXT, "Transaction hash.", nullable=False),
        Column("log_index", BIGINT, "Position of the event in the block.", nullable=False),
        Column("batch_index", BIGINT, "Position of the id in the event; 0 for a single transfer.", nullable=False),
        _block_number(None),
        BLOCK_DATE,
    ),
    key=("block_number", "log_index", "batch_index"),
    sort_key="block_number",
    distribution_key="block_number",
)

ETHER_TRANSFERS = _table(
    name="ether_transfers",
    grain="one row per movement of ether to another account, or burning of it by a self-destruct",
    description="Ether moved by transactions and contracts, as logs tell it since Amsterdam; no rows before.",
    columns=(
        Column("from_address", TEXT, "Account that the ether left.", nullable=False),
        Column("to_address", TEXT, "Account that received it; null where it was burnt."),
        Column("value", DECIMAL, "Ether moved or burnt.", nullable=False, unit="wei"),
        Column("transaction_hash", TEXT, "Transaction hash; not unique here.", nullable=False),
        Column("log_index", BIGINT, "Position of the event in the block.", nullable=False),
        _block_number(None),
        BLOCK_DATE,
    ),
    key=("block_number", "log_index"),
    sort_key="block_number",
    distribution_key="block_number",
)

TRACES = _table(
    name="traces",
    grain="one row per message call, creation, self-destruct or reward",
    description="Internal calls of every transaction, and rewards where the node reports them.",
    columns=(
        _block_number(),
        Column("transaction_hash", TEXT, "Transaction hash; null for rewards.", source="transactionHash"),
        Column("transaction_index", BIGINT, "Position in the block.", source="transactionPosition"),
        Column("from_address", TEXT, "Caller or creator.", lower_case=True),
        Column("to_address", TEXT, "Callee, created contract or beneficiary.", lower_case=True),
        Column(
            "value",
            DECIMAL,
            "Ether that was to be moved; moved where status is 1. Null beyond 38 digits, see value_text.",
            unit="wei",
            wider="value_text",
        ),
        Column("input", TEXT, "Call data or creation code.", unbounded=True),
        Column("output", TEXT, "Returned data or deployed code.", unbounded=True),
        Column("trace_type", TEXT, "call, create, suicide, reward, genesis or daofork.", nullable=False),
        Column("call_type", TEXT, "call, callcode, delegatecall or staticcall."),
        Column("reward_type", TEXT, "block or uncle."),
        Column("gas", BIGINT, "Gas provided.", unit="gas"),
        Column("gas_used", BIGINT, "Gas used, calls inside it included.", unit="gas"),
        Column("subtraces", BIGINT, "Number of calls directly inside it.", source="subtraces"),
        Column(
            "trace_address",
            TEXT,
            "Path of positions in the call tree, comma-joined; empty for an outermost trace.",
            nullable=False,
            joined=True,
        ),
        Column("error", TEXT, "Why it failed, in the node's words; null on success.", source="error", unbounded=True),
        Column("status", BIGINT, "1 when neither it nor a call around it failed, else 0."),
        Column("trace_id", TEXT, "Name of the trace: type, transaction and path, or type, block and position."),
        Column(
            "value_text",
            UINT256,
            "All digits of a value with more than 38: a call may ask to send any amount, and fails for want of it.",
            unit="wei",
            extension=True,
        ),
        BLOCK_DATE,
    ),
    key=("trace_id",),
    schema_version=2,
    sort_key="block_number",
    distribution_key="block_number",
)

CONTRACTS = _table(
    name="contracts",
    grain="one row per successful contract creation",
    description="Contracts created, with the standards their code announces.",
    columns=(
        Column("address", TEXT, "Address of the contract.", nullable=False),
        Column("bytecode", TEXT, "Deployed code.", unbounded=True),
        Column(
            "function_sighashes",
            TEXT,
            "Function selectors found in the first basic block, sorted, comma-joined.",
            joined=True,
            unbounded=True,
        ),
        Column(
            "is_erc20",
            BOOLEAN,
            "All six ERC-20 selectors are in the first basic block; false for many tokens.",
            nullable=False,
        ),
        Column("is_erc721", BOOLEAN, "The ERC-721 selectors are in the first basic block.", nullable=False),
        _block_number(None),
        BLOCK_DATE,
    ),
    key=("block_number", "address"),
    sort_key="block_number",
    distribution_key="block_number",
    csv_layout="json",
)

TOKENS = _table(
    name="tokens",
    grain="one row per ERC-20 or ERC-721 contract created",
    description="What token contracts say of themselves, asked at the newest block.",
    columns=(
        Column("address", TEXT, "Address of the token contract.", nullable=False),
        Column("symbol", TEXT, "Ticker; null when the contract does not answer.", unbounded=True),
        Column("name", TEXT, "Name; null when the contract does not answer.", unbounded=True),
        Column("decimals", BIGINT, "Decimal places of an amount; null when the contract does not answer."),
        Column("total_supply", UINT256, "Tokens in existence, in the smallest unit, at the time of the export."),
        _block_number(None),
        BLOCK_DATE,
    ),
    key=("block_number", "address"),
    sort_key="block_number",
    distribution_key="block_number",
)

TRANSFERRED_TOKENS = _table(
    name="transferred_tokens",
    grain="one row per token contract and UTC day on which it emitted a transfer",
    description=(
        "What the contracts of the day's token transfers say of themselves, asked at the newest block. Found by their "
        "transfers: proxies and contracts whose code announces no standard are among them."
    ),
    columns=(
        Column("address", TEXT, "Address of the token contract.", nullable=False),
        Column("symbol", TEXT, "Ticker; null when the contract does not answer.", unbounded=True),
        Column("name", TEXT, "Name; null when the contract does not answer.", unbounded=True),
        Column("decimals", BIGINT, "Decimal places of an amount; null when the contract does not answer."),
        Column("block_number", BIGINT, "Block of its first transfer of the day.", nullable=False),
        BLOCK_DATE,
    ),
    key=("block_date", "address"),
    sort_key="block_number",
    distribution_key="address",
)

WITHDRAWALS = _table(
    name="withdrawals",
    grain="one row per validator withdrawal",
    description="Ether moved from validators' stakes to accounts, since Shanghai.",
    columns=_trusted(
        (
            Column("index", BIGINT, "Number of the withdrawal since Shanghai.", nullable=False, source="index"),
            Column("validator_index", BIGINT, "Validator.", nullable=False, source="validatorIndex"),
            Column("address", TEXT, "Receiver.", nullable=False, source="address", lower_case=True),
            Column("amount", BIGINT, "Amount.", nullable=False, unit="gwei", source="amount"),
            _block_number(None),
            BLOCK_DATE,
        )
    ),
    key=("index",),
    sort_key="block_number",
    distribution_key="block_number",
)

TABLES = (
    BLOCKS_META,
    BLOCKS,
    TRANSACTIONS,
    WITHDRAWALS,
    RECEIPTS,
    LOGS,
    TOKEN_TRANSFERS,
    ERC1155_TRANSFERS,
    TRANSFERRED_TOKENS,
    ETHER_TRANSFERS,
    TRACES,
    CONTRACTS,
    TOKENS,
)
