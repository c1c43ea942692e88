"""The Stacks node's PostgreSQL: read only, in one snapshot, and only when it has the columns that are read."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from core.errors import DatabaseUnavailable, InvalidAnswer, PermanentError
from resources.clients.postgres.connection import PostgresAddress

# The columns that are read. The indexer's schema is its own affair, and moves.
READ = {
    "blocks": "index_block_hash parent_index_block_hash block_hash block_height burn_block_time burn_block_height "
    "canonical",
    "txs": "id tx_id tx_index index_block_hash block_height burn_block_time type_id canonical microblock_canonical "
    "fee_rate sponsored sponsor_address sender_address token_transfer_recipient_address token_transfer_amount",
    "stx_events": "tx_id event_index block_height index_block_hash canonical microblock_canonical "
    "asset_event_type_id amount sender recipient",
    "mempool_txs": "pruned",
    "microblocks": "receive_timestamp",
    "miner_rewards": "index_block_hash mature_block_height canonical recipient coinbase_amount tx_fees_anchored "
    "tx_fees_streamed_confirmed tx_fees_streamed_produced",
    "burnchain_rewards": "canonical burn_block_height burn_amount reward_amount",
    "nft_events": "tx_id event_index block_height index_block_hash canonical microblock_canonical "
    "asset_event_type_id asset_identifier",
    "nft_custody": "asset_identifier recipient",
    "pox_cycles": "cycle_number canonical total_stacked_amount",
    "chain_tip": "block_height index_block_hash",
}

Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Snapshot:
    """One moment of the database: everything read through it agrees."""

    connection: psycopg.Connection[dict[str, Any]]
    address: str

    def records(self, statement: str, parameters: Parameters | None = None) -> list[dict[str, Any]]:
        """The rows of a query."""
        return self.connection.execute(statement.encode(), parameters).fetchall()

    def record(self, statement: str, parameters: Parameters | None = None) -> dict[str, Any]:
        """The only row of a query."""
        (row,) = self.records(statement, parameters)
        return row

    def copied(self, statement: str, parameters: Parameters) -> Iterator[bytes | memoryview]:
        """The rows of a query as PostgreSQL's own text, piece by piece: never all of them in memory."""
        query = sql.SQL("COPY ({}) TO STDOUT").format(sql.SQL(statement))
        with self.connection.cursor().copy(query, parameters) as copy:
            yield from copy


class Indexer:
    """The database of a stacks-blockchain-api.

    schema: where its tables are. seconds: a statement's longest. role: to become after the login, such as one that
    only reads, where the login is another's.
    """

    def __init__(self, address: PostgresAddress, schema: str, seconds: int, role: str | None = None):
        self.address, self.schema, self.seconds, self.role = address, schema, seconds, role

    def __str__(self) -> str:
        return f"{self.address}, schema {self.schema}"

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """One read-only moment of the database.

        Raises:
            InvalidAnswer: when a column that is read is not there.
            DatabaseUnavailable, PermanentError: when the server does not answer, or refuses the role.
        """
        try:
            with psycopg.Connection[dict[str, Any]].connect(**self._parameters(), row_factory=dict_row) as connection:
                connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                connection.read_only = True
                snapshot = Snapshot(connection, f"{self}")
                self._require_columns(snapshot)
                yield snapshot
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidAuthorizationSpecification) as error:
            raise PermanentError(
                f"Stacks database at {self}: refuses {self.address.user} ({_said(error)}). Grant the role SELECT on "
                "the schema's tables, or check STACKS_DB_USER and STACKS_DB_PASSWORD."
            ) from error
        except psycopg.errors.QueryCanceled as error:
            raise DatabaseUnavailable(
                f"Stacks database at {self}: a statement took longer than {self.seconds} s ({_said(error)}). Run "
                "again, or raise STACKS_DB_SECONDS."
            ) from error
        except psycopg.OperationalError as error:
            raise DatabaseUnavailable(
                f"Stacks database at {self}: {_said(error)}. Check that it runs and that STACKS_DB_HOST and "
                "STACKS_DB_PORT are right, then run again."
            ) from error

    def _parameters(self) -> dict[str, Any]:
        options = {"timezone": "UTC", "search_path": self.schema, "default_transaction_read_only": "on"}
        options |= {"statement_timeout": str(self.seconds * 1000)} | ({"role": self.role} if self.role else {})
        return self.address.parameters() | {
            "options": " ".join(f"-c {name}={value}" for name, value in options.items())
        }

    def _require_columns(self, snapshot: Snapshot) -> None:
        found = snapshot.records(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = %(schema)s",
            {"schema": self.schema},
        )
        there = {(row["table_name"], row["column_name"]) for row in found}
        wanted = {(table, column) for table, columns in READ.items() for column in columns.split()}
        if missing := sorted(f"{table}.{column}" for table, column in wanted - there):
            more = f" and {len(missing) - 8} more" if len(missing) > 8 else ""
            raise InvalidAnswer(
                f"Stacks database at {self}: no column {', '.join(missing[:8])}{more} that {self.address.user} may "
                "read. Check STACKS_DB_SCHEMA and the role's grants; if the indexer's schema has changed, so must the "
                "statements in assets/stacks."
            )


def _said(error: psycopg.Error) -> str:
    return (error.diag.message_primary or str(error)).strip().split("\n", maxsplit=1)[0]
