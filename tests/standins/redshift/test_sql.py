"""Redshift's SQL: what its functions give, what its DDL declares, what it refuses and PostgreSQL would not."""

import uuid
from datetime import date, datetime
from decimal import Decimal

import pytest
import redshift_connector

from tests.standins.redshift.conftest import refused, rows
from tests.standins.redshift.fixtures import USER, RedshiftDatabase


@pytest.fixture(scope="module")
def shared(redshift_standin):
    """A database for tests that leave nothing in it."""
    name = f"shared_{uuid.uuid4().hex}"
    redshift_standin.create_database(name, USER)
    yield RedshiftDatabase(redshift_standin, name)
    redshift_standin.drop_database(name)


@pytest.fixture
def inside(shared, trusted_redshift):
    """A transaction that is never committed."""
    with shared.connect() as connected:
        yield connected


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("nvl(null, 2)", 2),
        ("nvl(null, null, 3)", 3),
        ("nvl2(null, 1, 2)", 2),
        ("nvl2('x', 1, 2)", 1),
        ("decode(3, 1, 'one', 3, 'three', 'many')", "three"),
        ("decode(4, 1, 'one', 3, 'three', 'many')", "many"),
        ("decode(null::int, null, 'nothing')", "nothing"),
        ("dateadd(day, 2, date '2024-01-30')", datetime(2024, 2, 1)),
        ("dateadd('month', -1, timestamp '2024-03-31 01:02:03')", datetime(2024, 2, 29, 1, 2, 3)),
        ("dateadd(qtr, 1, '2024-01-02'::timestamp)", datetime(2024, 4, 2)),
        ("date_add('hour', 25, date '2024-01-01')", datetime(2024, 1, 2, 1)),
        ("datediff(day, '2024-01-01 23:59:59'::timestamp, '2024-01-02'::date)", 1),
        ("datediff(year, date '2023-12-31', date '2024-01-01')", 1),
        ("datediff(month, date '2024-03-31', date '2024-01-01')", -2),
        ("datediff('hour', timestamp '2024-01-01 01:59', timestamp '2024-01-01 03:00')", 2),
        ("datediff(week, date '2024-01-06', date '2024-01-07')", 1),
        ("date_diff('second', timestamp '2024-01-01', timestamp '2024-01-01 00:01:01')", 61),
        ("date_part(year, date '2024-05-06')", 2024),
        ("date_part_year(date '2024-05-06')", 2024),
        ("date_trunc('month', timestamp '2024-05-06 07:08')", datetime(2024, 5, 1)),
        ("trunc(timestamp '2024-05-06 07:08')", date(2024, 5, 6)),
        ("last_day(date '2024-02-03')", date(2024, 2, 29)),
        ("add_months(date '2024-01-31', 1)", datetime(2024, 2, 29)),
        ("convert_timezone('UTC', 'Europe/Berlin', timestamp '2024-07-01 12:00')", datetime(2024, 7, 1, 14)),
        ("timestamp 'epoch' + 1704164645 * interval '1 second'", datetime(2024, 1, 2, 3, 4, 5)),
        ("len('é')", 1),
        ("octet_length('é')", 2),
        ("charindex('b', 'abc')", 2),
        ("strtol('ff', 16)", 255),
        ("convert(bigint, '7')", 7),
        ("json_extract_path_text('{\"a\": {\"b\": 5}}', 'a', 'b')", "5"),
        ("sha2('abc', 256)", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("regexp_substr('varchar(12)', '[0-9]+')", "12"),
        ("'a\\\\b'", "a\\b"),
        ("1.5::decimal", Decimal(2)),
        ("cast(1.26 as numeric(10, 1))", Decimal("1.3")),
    ],
)  # fmt: skip
def test_functions(inside, expression, value):
    assert rows(inside.cursor(), f"select {expression}") == [(value,)]


def test_the_clock(cursor):
    ((first, second, day),) = rows(cursor, "select getdate(), sysdate, trunc(getdate())")
    assert first == second
    assert first.date() == day


def test_aggregates(cursor):
    cursor.execute("create table t (kind varchar(9), amount bigint)")
    cursor.execute("insert into t values ('a', 1), ('a', 4), ('a', 3), ('b', 2)")
    found = rows(
        cursor,
        "select kind, median(amount), listagg(amount, ', ') within group (order by amount desc), "
        "listagg(distinct kind), approximate count(distinct amount) from t group by kind order by kind",
    )
    assert found == [("a", 3.0, "4, 3, 1", "a", 3), ("b", 2.0, "2", "b", 1)]
    assert rows(cursor, "select kind from t minus select 'b'") == [("a",)]
    cursor.execute("delete t where kind = 'a'")
    assert rows(cursor, "select count(*) from t") == [(1,)]


def test_words_inside_strings_and_names_are_left_alone(cursor):
    cursor.execute('create table "nvl(returning)" ("distkey" varchar(40) encode lzo, note text)')
    cursor.execute("insert into \"nvl(returning)\" values ('median(x) on conflict; sysdate', 'it''s -- fine')")
    cursor.execute('/* returning */ select * from "nvl(returning)" -- on conflict')
    assert [tuple(row) for row in cursor.fetchall()] == [("median(x) on conflict; sysdate", "it's -- fine")]


DEFINITION = """
    create table if not exists made (
        id bigint identity(10, 5) primary key,
        day date not null encode az64 sortkey,
        name varchar encode lzo unique,
        amount decimal,
        parent bigint references made (id),
        body varchar(max),
        note text default 'none',
        constraint two unique (day, name),
        foreign key (parent) references made (id)
    )
    backup no diststyle key distkey (day)
"""


def test_tables_are_declared_as_redshift_does(cursor):
    cursor.execute(DEFINITION)
    assert rows(cursor, "select diststyle, sortkey1, sortkey_num from svv_table_info") == [("KEY(day)", "day", 1)]
    found = rows(cursor, 'select "column", type, encoding, distkey, sortkey, "notnull" from pg_table_def')
    assert found == [
        ("id", "bigint", "none", False, 0, True),
        ("day", "date", "az64", True, 1, True),
        ("name", "character varying(256)", "lzo", False, 0, False),
        ("amount", "numeric(18,0)", "none", False, 0, False),
        ("parent", "bigint", "none", False, 0, False),
        ("body", "character varying(65535)", "none", False, 0, False),
        ("note", "character varying(256)", "none", False, 0, False),
    ]


def test_keys_are_not_enforced_but_not_null_is(cursor):
    cursor.execute(DEFINITION)
    for _ in range(2):
        cursor.execute("insert into made (id, day, name, parent) values (1, '2024-01-02', 'same', 99)")
    cursor.execute("insert into made (day) values ('2024-01-02')")
    assert [row[0] for row in rows(cursor, "select id from made order by id")] == [1, 1, 10]
    assert "null value" in refused(cursor, "insert into made (id, day) values (null, '2024-01-02')")


@pytest.mark.parametrize(
    ("layout", "diststyle", "sortkey"),
    [
        ("diststyle all sortkey (a)", "ALL", "a"),
        ("diststyle even compound sortkey (b, a)", "EVEN", "b"),
        ("distkey (b) interleaved sortkey (a, b)", "KEY(b)", "a"),
        ("sortkey auto", "AUTO(ALL)", "AUTO(SORTKEY)"),
        ("", "AUTO(ALL)", "AUTO(SORTKEY)"),
    ],
)
@pytest.mark.parametrize("form", ["create table t (a int, b int) {}", "create table t {} as select 1 as a, 2 as b",
                                  "create temporary table t {} as (select 1 as a, 2 as b)"])  # fmt: skip
def test_layouts_of_tables(cursor, form, layout, diststyle, sortkey):
    cursor.execute(form.format(layout))
    assert rows(cursor, "select diststyle, sortkey1 from svv_table_info") == [(diststyle, sortkey)]
    cursor.execute("alter table t rename to u")
    cursor.execute("alter table u alter sortkey (b)")
    cursor.execute("alter table u alter distkey a")
    assert rows(cursor, 'select "table", diststyle, sortkey1 from svv_table_info') == [("u", "KEY(a)", "b")]


def test_texts_are_measured_in_bytes_however_they_come(cursor):
    cursor.execute("create table t (note varchar(4))")
    cursor.execute("create temp table u (like t)")
    cursor.execute("create table v as select * from t")
    for name in "tuv":
        cursor.execute(f"insert into {name} values ('éé')")
        assert "value too long for type character varying(4)" in refused(cursor, f"insert into {name} values ('ééa')")
    cursor.execute("alter table t alter column note type varchar(6)")
    cursor.execute("insert into t values ('ééé')")
    cursor.execute("alter table t add column more varchar(2) default 'x'")
    assert "varying(2)" in refused(cursor, "update t set more = 'éa'")


def test_late_binding_views_and_maintenance(cursor):
    cursor.execute("create table t (a bigint)")
    cursor.execute("create view w as select a from t with no schema binding")
    columns = rows(
        cursor,
        "select view_name, col_name, col_type from pg_get_late_binding_view_cols() "
        "cols(view_schema name, view_name name, col_name name, col_type varchar, col_num int)",
    )
    assert columns == [("w", "a", "bigint")]
    cursor.execute("create materialized view m backup no auto refresh yes as select a from t")
    for statement in ("vacuum full t to 99 percent", "vacuum delete only t", "analyze t predicate columns", "analyze"):
        cursor.execute(statement)


def test_rights_of_roles_users_and_groups(cursor, redshift):
    standin = redshift.standin
    standin.create_user("reader", "Reader-1")
    cursor.execute("create table t (a bigint)")
    cursor.execute("insert into t values (1)")
    cursor.execute("create role analysts_" + redshift.database)
    cursor.execute(f"grant select on t to role analysts_{redshift.database}")
    cursor.execute(f"grant role analysts_{redshift.database} to reader")
    with redshift.connect(user="reader", password="Reader-1") as connected:
        reading = connected.cursor()
        assert rows(reading, "select a from t") == [(1,)]
        connected.rollback()
        assert "permission denied" in refused(reading, "delete from t")
    privileges = "select privilege_type, identity_type from svv_relation_privileges where relation_name = 't'"
    assert ("select", "role") in rows(cursor, privileges)
    cursor.execute(f"revoke select on t from role analysts_{redshift.database}")
    assert ("select", "role") not in rows(cursor, privileges)


def test_show(cursor, redshift):
    cursor.execute("create schema s")
    cursor.execute("create table s.t (a varchar(7), b decimal(9,2))")
    cursor.execute("comment on table s.t is 'Of all things.'")
    database = redshift.database
    cursor.execute(f'show tables from schema "{database}"."s"')
    names = [column[0] for column in cursor.description]
    (row,) = [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]
    assert (row["table_name"], row["table_type"], row["remarks"]) == ("t", "TABLE", "Of all things.")
    cursor.execute(f'show columns from table "{database}"."s"."t"')
    names = [column[0] for column in cursor.description]
    found = [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]
    assert [(row["column_name"], row["character_maximum_length"], row["numeric_scale"]) for row in found] == [
        ("a", 7, None),
        ("b", None, 2),
    ]
    assert ("s",) in [row[-1:] for row in rows(cursor, f"show schemas from database {database}")]
    assert rows(cursor, f'show grants on table "{database}"."s"."t"') == []
    assert rows(cursor, "show timezone") == [("UTC",)]


@pytest.mark.parametrize("setting", ["query_group", "enable_result_cache_for_session", "wlm_query_slot_count"])
def test_settings_of_redshift(cursor, setting):
    cursor.execute(f"set {setting} to 'off'")
    assert rows(cursor, f"show {setting}") == [("off",)]
    cursor.execute(f"reset {setting}")
    assert rows(cursor, f"show {setting}") != [("off",)]


@pytest.mark.parametrize(
    "statement",
    [
        "insert into t values (1) on conflict do nothing",
        "insert into t values (1) returning id",
        "delete from t returning id",
        "create index i on t (id)",
        "create unique index i on t (id)",
        "select distinct on (id) id from t",
        "select count(*) filter (where id > 1) from t",
        "select '{}'::jsonb",
        "select '{}'::json",
        "create table u (a jsonb)",
        "create table u (a text[])",
        "create table u (a serial)",
        "create table u (a uuid)",
        "select array[1, 2]",
        "select (array[1, 2])[1]",
        "select array_agg(id) from t",
        "select string_agg(name, ',') from t",
        "select unnest(x) from t",
        "select * from generate_series(1, 3)",
        "select * from t, lateral (select 1) as x",
        "select * from t for update",
        "savepoint one",
        "alter table t add column if not exists a bigint",
        "alter table t add column a bigint, add column b bigint",
        "create temp table u (a int) on commit drop",
        "create table u as select 1 as a with no data",
        "create extension hstore",
        "create sequence s",
        "copy t from stdin",
        "create table u (a varchar(65536))",
        "select pg_advisory_lock(1)",
        "select * from t tablesample system (10)",
    ],
)
def test_what_redshift_lacks_is_refused(inside, statement):
    cursor = inside.cursor()
    cursor.execute("create table t (id bigint, name varchar(9), x varchar(9))")
    refused(cursor, statement)
    with pytest.raises(redshift_connector.ProgrammingError, match="current transaction is aborted"):
        cursor.execute("select 1")
    inside.rollback()
    assert rows(cursor, "select 1") == [(1,)]
