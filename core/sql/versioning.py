"""The columns that a table with a merge rule has beside its declared ones, and the history of its rows."""

from core.tables import Column, ColumnType, Table

HASH = Column("payload_sha256", ColumnType.TEXT, "Hash of the row's content.", nullable=False)
VERSIONING = (
    Column("source", ColumnType.TEXT, "Address the content came from, without credentials.", nullable=False),
    HASH,
    Column("first_seen_at", ColumnType.TIMESTAMP, "When the row was first received.", nullable=False),
    Column("last_seen_at", ColumnType.TIMESTAMP, "When its present content was received.", nullable=False),
    Column("revision", ColumnType.BIGINT, "How many contents the row has had.", nullable=False),
    Column("run_id", ColumnType.TEXT, "Dagster run that wrote the present content.", nullable=False),
)
ORPHAN = Column(
    "is_orphan",
    ColumnType.BOOLEAN,
    "No longer there at the source: another row took its place, or the newest complete answer lacks it.",
    nullable=False,
)
REPLACED_AT = Column("replaced_at", ColumnType.TIMESTAMP, "When a newer content took its place.", nullable=False)


def versioning(table: Table) -> tuple[Column, ...]:
    """Where a row's content came from, its hash, when it was received, how many came, and the run that wrote it."""
    if table.merge is None:
        return ()
    return (*VERSIONING, ORPHAN) if table.merge.one_current else VERSIONING


def versioned_columns(table: Table) -> tuple[Column, ...]:
    """The columns the table has where rows are merged into it."""
    return (*table.columns, *versioning(table))


def history_address(table: Table) -> str:
    return f"{table.address}_history"
