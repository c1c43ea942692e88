"""Puts a chain into a PostgreSQL as the indexer would have: its schema, its rows, and a role that only reads."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from sandbox.stacks.chain import Chain

SCHEMA_SQL = Path(__file__).with_name("schema.sql")
# Where the indexer has kept its tables since 2025-12-03.
SCHEMA = "stacks_blockchain_api"
READER = "stacks_reader"


def install(connection: psycopg.Connection[Any], chain: Chain) -> None:
    """Schema and rows of a chain, in one transaction; an earlier one is replaced."""
    with connection.transaction():
        connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {0} CASCADE").format(sql.Identifier(SCHEMA)))
        create(connection)
        for table, rows in chain.tables.items():
            load(connection, table, rows)
        load(connection, "chain_tip", [tip_row(chain)])
        held = [{"address": who, "token": "stx", "balance": amount} for who, amount in chain.balances.items()]
        load(connection, "ft_balances", held)
        connection.execute(CUSTODY.encode())


def create(connection: psycopg.Connection[Any]) -> None:
    """The empty tables, and the role that reads them."""
    schema = sql.Identifier(SCHEMA)
    connection.execute(sql.SQL("CREATE SCHEMA {0}; SET LOCAL search_path = {0}").format(schema))
    connection.execute(SCHEMA_SQL.read_bytes())
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [READER]).fetchall():
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(READER)))
    for grant in ("GRANT USAGE ON SCHEMA {} TO {}", "GRANT SELECT ON ALL TABLES IN SCHEMA {} TO {}"):
        connection.execute(sql.SQL(grant).format(schema, sql.Identifier(READER)))


def load(connection: psycopg.Connection[Any], table: str, rows: list[dict[str, Any]]) -> None:
    """Rows into a table; columns that a row does not name are null or the default of the first rows' columns."""
    if not rows:
        return
    names = sorted({name for row in rows for name in row})
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(SCHEMA, table), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    with connection.cursor().copy(statement) as copy:
        for row in rows:
            copy.write_row([_value(name, row.get(name)) for name in names])


def tip_row(chain: Chain) -> dict[str, Any]:
    """The only row of chain_tip."""
    tip, tables = chain.tip, chain.tables
    counted = [row for row in tables["txs"] if row["canonical"] and row["microblock_canonical"]]
    names = ("block_height", "block_hash", "index_block_hash", "burn_block_height")
    return {name: tip[name] for name in names} | {
        "block_count": sum(row["canonical"] for row in tables["blocks"]),
        "microblock_count": 0,
        "tx_count": len(counted),
        "tx_count_unanchored": len(counted),
        "mempool_tx_count": sum(not row["pruned"] for row in tables["mempool_txs"]),
        "stx_supply": chain.supply,
    }


# Who holds an NFT: whoever received it last.
CUSTODY = f"""
    INSERT INTO {SCHEMA}.nft_custody
    SELECT DISTINCT ON (asset_identifier, value) asset_identifier, value, recipient, block_height, index_block_hash,
        parent_index_block_hash, microblock_hash, microblock_sequence, tx_id, tx_index, event_index
    FROM {SCHEMA}.nft_events WHERE canonical AND microblock_canonical
    ORDER BY asset_identifier, value, block_height DESC, tx_index DESC, event_index DESC
"""


def _value(name: str, value: Any) -> Any:
    return datetime.fromtimestamp(value, UTC).replace(tzinfo=None) if name == "receive_timestamp" else value
