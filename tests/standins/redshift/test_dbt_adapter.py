"""dbt's real Redshift adapter on the stand-in: every materialization and incremental strategy, and the catalog."""

import json
import subprocess

import pytest

from resources import dbt as dbt_resource

PROJECT = {
    "dbt_project.yml": "name: small\nversion: 1.0.0\nprofile: small\nflags: {send_anonymous_usage_stats: false}\n",
    "seeds/events.csv": "id,day,note\n1,2024-01-02,a\n2,2024-01-03,é\n3,2024-01-03,\n",
    "models/events_view.sql": """
        {{ config(materialized="view", bind=false, event_time="day") }}
        select id, cast(day as timestamp) as day, note from {{ ref("events") }}
    """,
    "models/kept.sql": """
        {{ config(materialized="table", dist="id", sort=["day", "id"], sort_type="compound", backup=false) }}
        select id, day, note, {{ dbt.dateadd("day", 1, "day") }} as next_day,
            {{ dbt.datediff("day", "getdate()", "day") }} as days_off, {{ dbt.length("note") }} as length
        from {{ ref("events_view") }}
    """,
    "models/listed.sql": """
        select day, {{ dbt.listagg("note", "', '", "order by id") }} as notes, median(id) as middle
        from {{ ref("events_view") }} group by day
    """,
    "models/by_key.sql": """
        {{ config(materialized="incremental", unique_key="id", incremental_strategy="delete+insert") }}
        select * from {{ ref("events_view") }}
    """,
    "models/merged.sql": """
        {{ config(materialized="incremental", unique_key="id", incremental_strategy="merge") }}
        select * from {{ ref("events_view") }}
    """,
    "models/appended.sql": """
        {{ config(materialized="incremental", incremental_strategy="append", on_schema_change="append_new_columns") }}
        select id, note {% if is_incremental() %}, day {% endif %} from {{ ref("events_view") }}
    """,
    "models/batched.sql": """
        {{ config(materialized="incremental", incremental_strategy="microbatch", event_time="day", batch_size="day",
                  begin="2024-01-02", lookback=1) }}
        select * from {{ ref("events_view") }}
    """,
    "models/contracted.sql": """
        select cast(id as bigint) as id, cast(note as varchar(9)) as note from {{ ref("events") }}
    """,
    "models/schema.yml": """
models:
  - name: contracted
    description: Has a contract.
    config: {materialized: table, contract: {enforced: true}, persist_docs: {relation: true, columns: true},
             grants: {select: [reader]}}
    columns:
      - {name: id, data_type: bigint, description: Key., constraints: [{type: not_null}, {type: primary_key}],
         data_tests: [unique, not_null]}
      - {name: note, data_type: varchar(9)}
  - name: listed
    columns: [{name: day, data_tests: [unique]}]
unit_tests:
  - name: notes_are_listed_in_order
    model: listed
    given:
      - input: ref('events_view')
        rows:
          - {id: 2, day: 2024-01-02, note: b}
          - {id: 1, day: 2024-01-02, note: a}
    expect:
      rows:
        - {day: 2024-01-02, notes: 'a, b', middle: 1.5}
""",
    "snapshots/history.yml": """
snapshots:
  - name: history
    relation: ref('events_view')
    config: {unique_key: id, strategy: check, check_cols: [note]}
""",
}


@pytest.fixture(params=[False, True], ids=["catalog queries", "show commands"])
def dbt(request, redshift, tmp_path):
    """Runs a dbt command on a small project, on a database of its own."""
    for name, text in PROJECT.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    output = {
        "type": "redshift", "host": redshift.host, "port": redshift.port, "user": redshift.user,
        "password": redshift.password, "dbname": redshift.database, "schema": "small", "threads": 1,
        "sslmode": "verify-full", "datasharing": request.param,
    }  # fmt: skip
    (tmp_path / "profiles.yml").write_text(json.dumps({"small": {"target": "it", "outputs": {"it": output}}}))
    redshift.standin.create_user("reader", "Reader-1")

    def run(*command):
        places = ["--project-dir", str(tmp_path), "--profiles-dir", str(tmp_path), "--quiet"]
        done = subprocess.run([*dbt_resource.Dbt().command, *command, *places], check=False)
        assert done.returncode == 0, "see what dbt printed"

    run.datasharing = request.param
    return run


def rows_of(redshift, model):
    return {row["id"]: row["note"] for row in redshift.query(f"select id, note from small.{model}")}


@pytest.mark.slow
def test_every_materialization_twice_and_the_catalog(dbt, redshift, tmp_path):
    until = ["--event-time-start", "2024-01-02", "--event-time-end", "2024-01-04"]
    dbt("build", *until)
    expected = rows_of(redshift, "events_view")
    assert len(expected) == 3
    models = ("kept", "by_key", "merged", "appended", "batched", "contracted", "history")
    for model in models:
        assert rows_of(redshift, model) == expected, model

    (tmp_path / "seeds/events.csv").write_text("id,day,note\n2,2024-01-03,c\n4,2024-01-03,d\n")
    dbt("build", *until)
    later = {2: "c", 4: "d"}
    assert rows_of(redshift, "by_key") == rows_of(redshift, "merged") == expected | later
    assert rows_of(redshift, "kept") == rows_of(redshift, "contracted") == rows_of(redshift, "batched") == later
    counted = redshift.query("select count(*) as rows, count(day) as dated from small.appended")
    assert counted == [{"rows": 5, "dated": 2}]
    ended = redshift.query("select id from small.history where dbt_valid_to is not null order by id")
    assert [row["id"] for row in ended] == [2]
    assert redshift.query("select diststyle, sortkey1, sortkey_num from svv_table_info where \"table\" = 'kept'") == [
        {"diststyle": "KEY(id)", "sortkey1": "day", "sortkey_num": 2}
    ]

    dbt("docs", "generate")
    catalog = json.loads((tmp_path / "target/catalog.json").read_text())
    described = {node["metadata"]["name"]: node for node in catalog["nodes"].values()}
    assert set(described) >= {*models, "events_view", "listed"}
    assert described["contracted"]["metadata"]["comment"] == "Has a contract."
    assert described["contracted"]["columns"]["id"]["comment"] == "Key."
    assert described["events_view"]["columns"]["note"]["type"].startswith("character varying")
    seen = [statement for statement in redshift.standin.statements if statement.database == redshift.database]
    shown = [statement.sql for statement in seen if "show tables from schema" in statement.sql.lower()]
    assert bool(shown) == dbt.datasharing
    reader = "select has_table_privilege('reader', 'small.contracted', 'select') as may"
    assert redshift.query(reader) == [{"may": True}]
    dbt("build", "--full-refresh", *until)
    assert rows_of(redshift, "merged") == later
