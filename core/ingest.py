"""The ingest log: one row for each batch that was fetched, with what it cost and what became of its rows."""

from core.tables import Column, ColumnType, Table

INGEST_LOG = Table(
    system="ingest",
    schema="raw",
    name="ingest_log",
    grain="one row per fetched batch, failed ones included",
    description="What each fetch from a source cost and what became of its rows.",
    columns=(
        Column("run_id", ColumnType.TEXT, "Dagster run.", nullable=False),
        Column("asset", ColumnType.TEXT, "Asset key.", nullable=False),
        Column("partition", ColumnType.TEXT, "Partition key; empty for a table without partitions.", nullable=False),
        Column("logged_at", ColumnType.TIMESTAMP, "When the batch was merged, or failed.", nullable=False),
        Column("outcome", ColumnType.TEXT, "merged or failed.", nullable=False),
        Column("endpoint", ColumnType.TEXT, "Address fetched from, without credentials."),
        Column("requests", ColumnType.BIGINT, "Requests made, one per page; null when it failed."),
        Column("units", ColumnType.NUMERIC, "Request units spent; null when it failed."),
        Column("rows_in", ColumnType.BIGINT, "Rows received: the sum of the next four."),
        Column("rows_inserted", ColumnType.BIGINT, "Rows that are new."),
        Column("rows_updated", ColumnType.BIGINT, "Rows whose content changed, or that came back."),
        Column("rows_unchanged", ColumnType.BIGINT, "Rows that were there already, as they are."),
        Column("rows_rejected", ColumnType.BIGINT, "Rows received and left out."),
        Column("rows_orphaned", ColumnType.BIGINT, "Rows of the table that lost their place."),
        Column("detail", ColumnType.TEXT, "Why rows were rejected, or why the batch failed."),
    ),
    key=("run_id", "asset", "partition", "logged_at"),
    sort_key="logged_at",
)

REQUEST_UNITS = Table(
    system="ingest",
    schema="raw",
    name="request_units",
    grain="one row per API and UTC day",
    description="Request units spent at APIs that count them, over all runs.",
    columns=(
        Column("api", ColumnType.TEXT, "Name of the API.", nullable=False),
        Column("day", ColumnType.DATE, "UTC day; the API's counter starts anew at 00:00.", nullable=False),
        Column("spent", ColumnType.NUMERIC, "Units spent.", nullable=False),
    ),
    key=("api", "day"),
    sort_key="day",
    day_column="day",
)
