"""What every warehouse does alike: types, parts of a table, names, NUL characters, and tables of other people's."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from core.errors import DayMissing, LoadRejected
from core.frames import spooled
from core.layout import LakeLayout
from core.sql.contents import contents_of
from core.sql.ddl import relations
from core.tables import Column, ColumnType, Table
from core.windows import DayWindow
from resources.clients.duckdb.warehouse import DuckDbWarehouse
from resources.clients.lake.lake import Lake
from resources.clients.lake.s3_store import S3ObjectStore
from resources.clients.postgres.warehouse import PostgresWarehouse
from resources.clients.redshift.login import Login
from resources.clients.redshift.warehouse import Redshift, RedshiftAddress
from tests.standins.lakes import ITEMS, items

DAYS = [date(2024, 1, day) for day in (2, 3, 4)]
DAY, ALL = DayWindow(DAYS[0], DAYS[0]), DayWindow(DAYS[0], DAYS[-1])

TYPES = Table(
    system="test",
    name="types",
    grain="one row",
    description="A column of every type.",
    columns=(
        *(Column(kind.name.lower(), kind, f"{kind.name}.") for kind in ColumnType),
        Column("block_date", ColumnType.DATE, "Day.", nullable=False),
    ),
    key=("bigint",),
    sort_key="bigint",
    day_column="block_date",
)
ROWS = pa.Table.from_pylist(
    [
        {
            "bigint": -(2**63),
            "decimal": Decimal(10**38 - 1),
            "uint256": str(2**256 - 1),
            "double": 0.1 + 0.2,
            "text": "quotes ' \", commas, \\N,\nlines, ü € 🎉",
            "boolean": True,
            "date": date(1970, 1, 1),
            "numeric": Decimal("12345678901234567890.123456789012345678"),
            "timestamp": datetime(2024, 1, 2, 23, 59, 59, 999_999, tzinfo=UTC),
            "block_date": DAYS[0],
        },
        {"bigint": 2**63 - 1, "boolean": False, "double": -1e300, "text": "", "numeric": Decimal("1e-18")}
        | {"decimal": Decimal(-1), "uint256": "0", "block_date": DAYS[0]},
        {"bigint": None, "block_date": DAYS[0]},
    ],
    schema=TYPES.arrow_schema,
)
TRADES = Table(
    system="test",
    name="trades",
    grain="one row per job, day and number",
    description="Partitioned by the job and the day.",
    columns=(
        Column("job", ColumnType.TEXT, "Job.", nullable=False),
        Column("day", ColumnType.DATE, "Day.", nullable=False),
        Column("number", ColumnType.BIGINT, "Number.", nullable=False),
    ),
    key=("job", "day", "number"),
    sort_key="number",
    day_column="day",
)


@pytest.fixture(params=["duckdb", "postgres", "keyed", "redshift"])
def warehouse(request, tmp_path, s3_store):
    match request.param:
        case "duckdb":
            return DuckDbWarehouse(str(tmp_path / "warehouse.duckdb"))
        case "postgres":
            return PostgresWarehouse(request.getfixturevalue("database").address)
        case "keyed":
            return request.getfixturevalue("database")
    redshift = request.getfixturevalue("redshift")
    login = Login(redshift.user, redshift.password)
    address = RedshiftAddress(redshift.host, redshift.port, redshift.database, lambda: login)
    return Redshift(address, s3_store, redshift.iam_role)


@pytest.fixture
def s3_store(s3_bucket):
    return S3ObjectStore(s3_bucket, "headwater")


def _published(lake, table, rows, *days):
    tables = spooled(table, rows, list(days))
    for day in tables.days:
        lake.publish(table, tables, day, "run")
    return lake.open(table, days)


def _same(found, wanted):
    key = lambda row: str(row["bigint"])  # noqa: E731 - two lines of sorting
    assert sorted(found.to_pylist(), key=key) == sorted(wanted.to_pylist(), key=key)
    assert found.schema == wanted.schema


def _keyed(warehouse, rows):
    """Where the database keeps the key, no row is without one."""
    return rows.slice(0, 2) if warehouse.dialect.keyed else rows


def test_a_value_of_every_type_comes_back_as_it_went_in(warehouse):
    rows = _keyed(warehouse, ROWS)
    warehouse.replace_with(TYPES, DAY, rows)
    _same(warehouse.read(TYPES, DAY), rows)
    _same(warehouse.read(TYPES, None), rows)
    warehouse.replace_with(TYPES, DAY, rows.slice(0, 0))
    assert warehouse.read(TYPES, DAY).num_rows == 0


def test_so_does_one_from_the_lake(warehouse, s3_store, clock):
    rows = _keyed(warehouse, ROWS)
    warehouse.replace(TYPES, _published(Lake(s3_store, clock=clock), TYPES, rows, DAYS[0]))
    _same(warehouse.read(TYPES, DAY), rows)


def test_the_catalog_calls_every_type_as_declared(warehouse):
    warehouse.migrate(TYPES)
    with warehouse.transaction() as session:
        for relation in relations(TYPES, warehouse.dialect):
            found = {column.name: column.type for column in warehouse._found_columns(session, relation.address)}
            assert found == {column.name: warehouse.dialect.types[column.type] for column in relation.columns}
        assert warehouse._changes(session, TYPES) == []


@pytest.mark.parametrize("number", ["1e20", "1e-19"])
def test_a_number_with_more_digits_than_the_column_is_refused_and_never_rounded(warehouse, number):
    rows = pa.Table.from_pylist(
        [{"bigint": 1, "numeric": Decimal(number), "block_date": DAYS[0]}], schema=TYPES.arrow_schema
    )
    if warehouse.dialect.number is None:
        warehouse.replace_with(TYPES, DAY, rows)
        assert warehouse.read(TYPES, DAY).column("numeric").to_pylist() == [Decimal(number)]
        return
    with pytest.raises(LoadRejected, match=r"test\.types\.numeric holds .*\(38,18\).*unchanged"):
        warehouse.replace_with(TYPES, DAY, rows)


def _trades(job, day, *numbers):
    rows = [{"job": job, "day": day, "number": number} for number in numbers]
    return pa.Table.from_pylist(rows, schema=TRADES.arrow_schema)


def test_a_part_of_a_table_is_replaced_and_no_other(warehouse):
    kraken, gate = {"job": "it's kraken"}, {"job": "gate"}
    warehouse.replace_with(TRADES, ALL, pa.concat_tables([_trades(kraken["job"], day, 1, 2) for day in DAYS]), kraken)
    warehouse.replace_with(TRADES, ALL, pa.concat_tables([_trades("gate", day, 1) for day in DAYS]), gate)
    warehouse.replace_with(TRADES, DAY, _trades(kraken["job"], DAYS[0], 7), kraken)
    assert warehouse.count_by_day(TRADES, ALL, kraken) == {DAYS[0]: 1, DAYS[1]: 2, DAYS[2]: 2}
    assert warehouse.count_by_day(TRADES, ALL, gate) == dict.fromkeys(DAYS, 1)
    assert warehouse.read(TRADES, DAY, part=kraken).column("number").to_pylist() == [7]
    with pytest.raises(LoadRejected, match="1 of other parts, were to replace 2024-01-02 of job gate"):
        warehouse.replace_with(TRADES, DAY, _trades(kraken["job"], DAYS[0], 8), gate)
    warehouse.replace_with(TRADES, DAY, _trades("gate", DAYS[0]), gate)
    assert warehouse.count_by_day(TRADES, ALL) == {DAYS[0]: 1, DAYS[1]: 3, DAYS[2]: 3}


def test_two_systems_have_tables_of_one_name(warehouse):
    others = replace(ITEMS, system="other", layout=LakeLayout())
    apart = replace(ITEMS, system="third", schema="somewhere", layout=LakeLayout())
    for at, table in enumerate((ITEMS, others, apart)):
        warehouse.replace_with(table, DAY, items(DAYS[0], *range(at + 1)))
    warehouse.replace_with(others, DAY, items(DAYS[0], 9))
    found = [warehouse.read(table, DAY).column("block_number").to_pylist() for table in (ITEMS, others, apart)]
    assert found == [[0], [9], [0, 1, 2]]
    assert warehouse.columns("somewhere.items") == warehouse.columns("test.items")


@pytest.mark.parametrize("note", ["\0", "Error(\0\0reason)", "ü\0" * 40_000])
def test_nul_characters_are_taken_out_of_texts(warehouse, s3_store, clock, note):
    rows, without = items(DAYS[0], 1, 2, note=note), note.replace("\0", "")
    found = _published(Lake(s3_store, clock=clock), ITEMS, rows, DAYS[0])
    warehouse.replace(ITEMS, found)
    held = [None if warehouse.engine == "redshift" and len(without.encode()) > 65_535 else without] * 2
    assert warehouse.read(ITEMS, DAY).column("note").to_pylist() == held
    warehouse.replace_with(ITEMS, DAY, rows)
    assert warehouse.read(ITEMS, DAY).column("note").to_pylist() == held
    assert found.table().column("note").to_pylist() == [note] * 2  # the lake keeps them


def test_any_table_or_view_is_read_by_its_address_with_the_databases_columns(warehouse):
    warehouse.replace_with(TYPES, ALL, ROWS.slice(0, 1))
    with warehouse.transaction() as session:
        session.run("CREATE VIEW test.mart AS SELECT * FROM test.types")
    (wanted,) = ROWS.slice(0, 1).to_pylist()
    for address in ("test.types", "test.mart"):
        assert warehouse.read_address(address, DAY, "block_date").to_pylist() == [wanted]
        assert warehouse.read_address(address, None, "block_date").num_rows == 1
        assert warehouse.read_address(address, DayWindow(DAYS[1], DAYS[1]), "block_date").num_rows == 0
        assert warehouse.read_address(address, DAY, "block_date", ["text", "double"]).column_names == ["text", "double"]
    with pytest.raises(DayMissing, match=r"test\.nothing"):
        warehouse.read_address("test.nothing", DAY, "block_date")


def test_what_the_columns_hold_is_the_same_in_the_lake_exactly(warehouse, s3_store, clock):
    """Sums beyond what any engine's number holds, negative ones, bytes of texts; NUL and too long ones, too."""
    many = pa.concat_tables([ROWS.slice(0, 2)] * 3) if not warehouse.dialect.keyed else ROWS.slice(0, 2)
    warehouse.replace_with(TYPES, DAY, many)
    (found,) = warehouse.contents_by_day(TYPES, ALL).values()
    wanted = contents_of(many.to_batches(), TYPES, warehouse.dialect)
    assert found == wanted
    times = many.num_rows // 2
    assert wanted.totals["uint256"] == str(times * (2**256 - 1))
    assert wanted.totals["decimal"] == str(times * (10**38 - 2))
    assert wanted.totals["bigint"] == str(-times)

    rows = pa.concat_tables([items(DAYS[0], 1, note="ü\0" * 40_000), items(DAYS[0], 2, note="ü\0")])
    day = _published(Lake(s3_store, clock=clock), ITEMS, rows, DAYS[0])
    warehouse.replace(ITEMS, day)
    (found,) = warehouse.contents_by_day(ITEMS, ALL).values()
    assert list(found.differences(contents_of(day.days[0].batches(), ITEMS, warehouse.dialect))) == []
    assert found.totals["note"] == "80002"
    with warehouse.transaction() as session:
        session.run("UPDATE test.items SET amount = amount + 1 WHERE block_number = 2")
    (found,) = warehouse.contents_by_day(ITEMS, ALL).values()
    (difference,) = found.differences(contents_of(rows.to_batches(), ITEMS, warehouse.dialect))
    assert difference == f"amount adds up to {3 * 10**30 + 1} instead of {3 * 10**30}"
