"""The Stacks node's PostgreSQL: read only, in one snapshot, and only when it has the columns that are read."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from core.errors import DatabaseUnavailable, InvalidAnswer, PermanentError
from resources.clients.postgres.connection import PostgresAddress, refuses_login, said

# The columns that are read, by what they must hold. The indexer's schema is its own affair, and moves.
READ: Mapping[str, Mapping[str, str]] = {
    "blocks": {
        "bytes": "index_block_hash parent_index_block_hash",
        "number": "block_height burn_block_time burn_block_height",
        "flag": "canonical",
    },
    "txs": {
        "bytes": "tx_id index_block_hash",
        "number": "id tx_index block_height burn_block_time type_id status fee_rate token_transfer_amount",
        "flag": "canonical microblock_canonical sponsored",
        "text": "sponsor_address sender_address token_transfer_recipient_address",
    },
    "stx_events": {
        "bytes": "tx_id index_block_hash",
        "number": "event_index block_height asset_event_type_id amount",
        "flag": "canonical microblock_canonical",
        "text": "sender recipient",
    },
    "mempool_txs": {"flag": "pruned"},
    "microblocks": {"moment": "receive_timestamp"},
    "miner_rewards": {
        "bytes": "index_block_hash from_index_block_hash",
        "number": "mature_block_height coinbase_amount tx_fees_anchored tx_fees_streamed_confirmed "
        "tx_fees_streamed_produced",
        "flag": "canonical",
        "text": "recipient",
    },
    "burnchain_rewards": {
        "bytes": "burn_block_hash",
        "number": "burn_block_height burn_amount reward_amount reward_index",
        "flag": "canonical",
    },
    "nft_events": {
        "bytes": "tx_id index_block_hash",
        "number": "event_index block_height asset_event_type_id",
        "flag": "canonical microblock_canonical",
        "text": "asset_identifier",
    },
    "nft_custody": {"text": "asset_identifier recipient"},
    "pox_cycles": {"number": "cycle_number total_stacked_amount", "flag": "canonical"},
    "chain_tip": {"number": "block_height", "bytes": "index_block_hash"},
}
TYPES = {
    "bytes": {"bytea"},
    "number": {"smallint", "integer", "bigint", "numeric"},
    "flag": {"boolean"},
    "text": {"text", "character varying"},
    # Without a zone: the indexer writes UTC.
    "moment": {"timestamp without time zone"},
}
# Columns that are named when some are missing or of another type.
NAMED = 8

Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Snapshot:
    """One moment of the database: everything read through it agrees."""

    connection: psycopg.Connection[dict[str, Any]]
    address: str

    def records(self, statement: str, parameters: Parameters | None = None) -> list[dict[str, Any]]:
        """The rows of a query."""
        with _explained(self.address):
            return self.connection.execute(statement.encode(), parameters).fetchall()

    def record(self, statement: str, parameters: Parameters | None = None) -> dict[str, Any]:
        """The only row of a query."""
        (row,) = self.records(statement, parameters)
        return row

    def copied(self, statement: str, parameters: Parameters) -> Iterator[bytes | memoryview]:
        """The rows of a query as PostgreSQL's own text, piece by piece: never all of them in memory."""
        query = sql.SQL("COPY ({}) TO STDOUT").format(sql.SQL(statement))
        with _explained(self.address), self.connection.cursor().copy(query, parameters) as copy:
            yield from copy


@contextmanager
def _explained(address: str) -> Iterator[None]:
    """What the server complains of, as our errors, by its own name: the reader's caller may hold another database."""
    try:
        yield
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidAuthorizationSpecification) as error:
        raise PermanentError(
            f"Stacks database at {address}: access refused ({said(error)}). Grant the role SELECT on the schema's "
            "tables, or check STACKS_DB_USER and STACKS_DB_PASSWORD."
        ) from error
    except psycopg.errors.QueryCanceled as error:
        raise DatabaseUnavailable(
            f"Stacks database at {address}: a statement took too long ({said(error)}). Run again, or raise "
            "STACKS_DB_SECONDS."
        ) from error
    except psycopg.OperationalError as error:
        if refuses_login(error):
            raise PermanentError(
                f"Stacks database at {address}: access refused ({said(error)}). Check STACKS_DB_USER, "
                "STACKS_DB_PASSWORD and STACKS_DB_DATABASE."
            ) from error
        raise DatabaseUnavailable(
            f"Stacks database at {address}: {said(error)}. Check that it runs and that STACKS_DB_HOST and "
            "STACKS_DB_PORT are right, then run again."
        ) from error


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
            InvalidAnswer: when a column that is read is not there, or of another type.
            DatabaseUnavailable, PermanentError: when the server does not answer, or refuses the role.
        """
        with (
            _explained(f"{self}"),
            psycopg.Connection[dict[str, Any]].connect(**self._parameters(), row_factory=dict_row) as connection,
        ):
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            snapshot = Snapshot(connection, f"{self}")
            self._require_columns(snapshot)
            yield snapshot

    def _parameters(self) -> dict[str, Any]:
        # Quoted: unquoted, PostgreSQL would look for the schema by its name in lower case.
        options = {"timezone": "UTC", "search_path": sql.Identifier(self.schema).as_string()}
        options |= {"default_transaction_read_only": "on", "statement_timeout": str(self.seconds * 1000)}
        options |= {"role": self.role} if self.role else {}
        return self.address.parameters() | {
            "options": " ".join(f"-c {name}={_unbroken(value)}" for name, value in options.items())
        }

    def _require_columns(self, snapshot: Snapshot) -> None:
        found = snapshot.records(
            "SELECT table_name || '.' || column_name AS name, data_type FROM information_schema.columns "
            "WHERE table_schema = %(schema)s",
            {"schema": self.schema},
        )
        types, problems = {row["name"]: row["data_type"] for row in found}, []
        for table, kinds in READ.items():
            for kind, columns in kinds.items():
                for name in (f"{table}.{column}" for column in columns.split()):
                    if name not in types:
                        problems.append(f"no column {name} that {self.address.user} may read")
                    elif types[name] not in TYPES[kind]:
                        problems.append(f"column {name} is {types[name]}, not {' or '.join(sorted(TYPES[kind]))}")
        if problems:
            more = f", and {len(problems) - NAMED} more" if len(problems) > NAMED else ""
            raise InvalidAnswer(
                f"Stacks database at {self}: {'; '.join(problems[:NAMED])}{more}. Check STACKS_DB_SCHEMA and the "
                "role's grants; if the indexer's schema has changed, so must the statements in assets/stacks."
            )


def _unbroken(value: str) -> str:
    """A value among a connection's options, which are told apart by spaces."""
    return re.sub(r"([\\ ])", r"\\\1", value)
