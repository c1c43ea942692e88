"""Trees of files: each good one is one table, each bad one is named with key, value and remedy, and hides no other."""

import itertools
import os
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._utils.schedules import schedule_execution_time_iterator
from dagster._vendored.croniter import croniter
from jsonschema import Draft202012Validator

from assets.databridge import loading
from assets.databridge.config import CONFIGS
from assets.databridge.factory import assets_of
from assets.databridge.loading import json_schema, load_tree
from jobs.databridge import job_of
from resources.databridge import DatabridgeResource

SHIPPED = Path(loading.__file__).parent / "configs"
GOOD = {"schedule_interval": "0 5 * * *", "upload_to_carto": True, "upload_to_ago": None, "carto_users": ["publicuser"]}
KNACK = GOOD | {"carto_conn_id": "carto_phl", "knack_object_id": 4, "knack_conn_id": "knack"}


def put(root, path, values):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(values if isinstance(values, str) else yaml.safe_dump(values))


def faults(root):
    return [str(fault) for fault in load_tree(root).faults]


def test_the_shipped_files_are_good_and_use_every_key():
    loaded = load_tree(SHIPPED)
    assert loaded.faults == ()
    assert len(loaded.tables) == 12
    assert Counter(table.kind for table in loaded.tables) == {"databridge": 9, "knack": 2, "airtable": 1}
    used = {(table.kind, key) for table in loaded.tables for key in table.config.model_fields_set}
    for kind, model in CONFIGS.items():
        own = set(model.model_fields) - set(CONFIGS["databridge"].model_fields)
        assert {key for key in own if (kind, key) not in used} <= {"time_zone", "airtable_conn_id", "ais_conn_id"}
    assert set(CONFIGS["databridge"].model_fields) - {key for _, key in used} <= {"postgres_conn_id"}


def test_the_oddities_of_the_old_files():
    tables = {table.name: table for table in load_tree(SHIPPED).tables}
    audit = tables["databridge/311/quarterly_audit"]
    assert audit.config.schedule_interval == "0 4 * Feb,May,Aug,Nov 0#1"
    assert audit.department == "311"
    assert audit.postgres_schema == "threeoneone"
    assert audit.keys.csv == "staging/311/quarterly_audit.csv"
    assert audit.config.carto_users[1] == "cartodb_user_00000000-aaaa-4bbb-8ccc-000000000001"
    assert not audit.config.upload_to_carto
    assert tables["databridge/streets/legal_cards"].config.schedule_interval is None
    assert tables["databridge/police/incidents"].config.schedule_interval == "00 15 * * *"
    assert tables["knack/carto_gsg/ppr/classes"].keys.csv == "staging/ppr_test/classes.csv"
    assert tables["knack/carto_phl/ppr/classes"].keys.csv == "staging/ppr/classes.csv"
    assert tables["airtable/oia_services"].keys.csv == "staging/airtable/oia_services.csv"


def test_quarterly_ticks_are_first_sundays_and_two_to_six_is_tuesday_to_saturday():
    start = datetime(2022, 1, 1, tzinfo=UTC)
    ticks = croniter("0 5 * Jan,Apr,Jul,Oct 0#1", start)
    assert [str(ticks.get_next(datetime).date()) for _ in range(4)] == [
        "2022-01-02",
        "2022-04-03",
        "2022-07-03",
        "2022-10-02",
    ]
    ticks = croniter("0 8 * * 2-6", start)
    assert {ticks.get_next(datetime).strftime("%a") for _ in range(50)} == {"Tue", "Wed", "Thu", "Fri", "Sat"}


def test_names_of_jobs_and_definitions_are_the_old_ones(tmp_path):
    put(tmp_path, "databridge/lni/permits.yml", GOOD)
    put(
        tmp_path,
        "knack/carto_gsg/ppr/classes.yml",
        KNACK | {"carto_conn_id": "carto_gsg", "knack_conn_id": "knack_test"},
    )
    put(tmp_path, "airtable/services.yml", GOOD | {"airtable_table": "services"})
    airtable, oracle, knack = load_tree(tmp_path).tables
    assert (oracle.job("staged"), oracle.definition("staged")) == (
        "oracle_to_s3_lni_permits",
        "carto-db2",
    )
    assert (knack.job("staged"), knack.definition("staged")) == (
        "knack_to_s3_ppr_test_classes",
        "knack",
    )
    assert (knack.job("carto"), knack.definition("carto")) == (
        "s3_to_carto_ppr_test_classes",
        "carto-db2",
    )
    assert oracle.job("postgres") == "s3_to_postgres_lni_permits"
    assert (airtable.job("staged"), airtable.definition("staged")) == (
        "extract_airtable_services",
        "airtable",
    )


WRONG = [
    ("schedule_interval", "0 5 * *", "five fields"),
    ("schedule_interval", "0 25 * * *", "hour is '25'"),
    ("schedule_interval", True, "true"),
    ("schedule_interval", 5, "5"),
    ("upload_to_carto", "yes please", "boolean"),
    ("upload_to_carto", 1, "boolean"),
    ("upload_to_ago", True, "none"),
    ("carto_users", [], "at least 1"),
    ("carto_users", "publicuser", "expected a list"),
    ("carto_users", None, "expected a list"),
    ("indexes", "a", "expected a list"),
    ("carto_users", ["a", "a"], "'a' occurs twice"),
    ("carto_users", ['x"; DROP'], "name of a role"),
    ("carto_users", [3], "string"),
    ("indexes", ["a", "a"], "'a' occurs twice"),
    ("indexes", ["a++b"], "a column"),
    ("schema_drift", "ignore", "'fail', 'warn' or 'evolve'"),
    ("bounding_box", [3, 0, 1, 1], "west < east"),
    ("bounding_box", [1, 2, 3], "bounding_box.3: it is missing"),
    ("max_shrink_percent", 101, "less than or equal to 100"),
    ("max_shrink_percent", float("nan"), "finite"),
    ("fresh_within_hours", 0, "greater than 0"),
    ("source_schema", "a.b", "letters, digits"),
    ("uplaod_to_carto", True, "no such key"),
    ("incremental", {"key": ["objectid"]}, "incremental.watermark: it is missing; add it, such as incremental: {key"),
    ("incremental", {"key": [], "watermark": "seen"}, "at least 1"),
    ("incremental", {"key": "objectid", "watermark": "seen"}, "incremental.key: 'objectid': expected a list"),
    ("incremental", {"key": ["id", "id"], "watermark": "seen"}, "'id' occurs twice"),
    ("incremental", {"key": ["id"], "watermark": 'x"; DROP'}, "letters, digits"),
    ("incremental", {"key": ["id"], "watermark": "seen", "overlap": -1}, "greater than or equal to 0"),
    ("incremental", {"key": ["id"], "watermark": "seen", "overlap": "1 h"}, "integer"),
    ("incremental", {"key": ["id"], "watermark": "seen", "full_every_days": 0}, "greater than or equal to 1"),
    ("incremental", {"key": ["id"], "watermark": "seen", "ovrlap": 1}, "is it overlap? The keys are key, watermark, "),
    ("incremental", ["id"], "such as incremental: {key"),
]


@pytest.mark.parametrize(("key", "value", "reason"), WRONG, ids=lambda value: str(value)[:20])
def test_a_wrong_value_is_named_and_hides_no_other_file(tmp_path, key, value, reason):
    put(tmp_path, "databridge/lni/bad.yml", GOOD | {key: value})
    put(tmp_path, "databridge/lni/good.yml", GOOD)
    loaded = load_tree(tmp_path)
    assert [table.table for table in loaded.tables] == ["good"]
    (fault, *_) = loaded.faults
    assert fault.path == "databridge/lni/bad.yml"
    assert fault.key.split(".")[0] == key
    assert reason.lower() in str(fault).lower()


@pytest.mark.parametrize("key", ["knack_object_id", "knack_conn_id", "carto_conn_id", "carto_users"])
def test_a_missing_key_is_named(tmp_path, key):
    put(tmp_path, "knack/carto_phl/ppr/t.yml", {name: value for name, value in KNACK.items() if name != key})
    (fault,) = faults(tmp_path)
    assert fault.startswith(f"knack/carto_phl/ppr/t.yml: {key}: it is missing; add it, such as {key}")


def test_only_a_table_of_a_database_is_read_in_part(tmp_path):
    part = {"incremental": {"key": ["id"], "watermark": "seen"}}
    put(tmp_path, "knack/carto_phl/ppr/t.yml", KNACK | part)
    put(tmp_path, "airtable/t.yml", GOOD | {"airtable_table": "t"} | part)
    assert [fault.split(";")[0] for fault in faults(tmp_path)] == [
        "airtable/t.yml: incremental: no such key",
        "knack/carto_phl/ppr/t.yml: incremental: no such key",
    ]


@pytest.mark.parametrize("value", [0, -1, "4", 4.0, True, None])
def test_an_object_of_knack_is_a_number(tmp_path, value):
    put(tmp_path, "knack/carto_phl/ppr/t.yml", KNACK | {"knack_object_id": value})
    assert "knack_object_id" in faults(tmp_path)[0]


def test_the_environment_is_the_account(tmp_path):
    put(tmp_path, "knack/carto_gsg/ppr/t.yml", KNACK)
    assert "carto_conn_id: 'carto_phl' is not 'carto_gsg'" in faults(tmp_path)[0]


def test_all_that_is_wrong_with_a_file_is_told_at_once(tmp_path):
    wrong = {"carto_users": "a", "knack_object_id": "4", "time_zone": "US/Nowhere", "indexs": ["a"]}
    put(tmp_path, "knack/carto_gsg/ppr/t.yml", KNACK | wrong)
    said = "\n".join(faults(tmp_path))
    assert "carto_users: 'a': expected a list, such as [a, b].\n" in said
    assert "knack_object_id: '4': input should be a valid integer, such as knack_object_id: 4.\n" in said
    assert "time_zone: 'US/Nowhere': expected a time zone, such as America/New_York.\n" in said
    assert "indexs: no such key; is it indexes? The keys are schedule_interval, " in said
    assert "carto_conn_id: 'carto_phl' is not 'carto_gsg'" in said


@pytest.mark.parametrize(
    ("users", "said"),
    [
        (["Public User"], "carto_users.0: 'Public User': expected the name of a role, such as publicuser."),
        ([], "carto_users: []: expected at least 1 entry, such as carto_users: [publicuser, tileuser]."),
    ],
)
def test_an_entry_that_is_wrong_is_no_empty_list(tmp_path, users, said):
    put(tmp_path, "databridge/a/t.yml", GOOD | {"carto_users": users})
    assert faults(tmp_path) == [f"databridge/a/t.yml: {said}"]


def test_two_files_with_one_target_or_one_key_are_named(tmp_path):
    put(tmp_path, "databridge/a/t.yml", GOOD)
    put(tmp_path, "databridge/b/t.yml", GOOD)
    put(tmp_path, "databridge/ppr/classes.yml", GOOD)
    put(tmp_path, "knack/carto_gsg/ppr/classes.yml", KNACK | {"carto_conn_id": "carto_gsg"})
    put(tmp_path, "databridge/c/other.yml", GOOD)
    loaded = load_tree(tmp_path)
    assert [table.path for table in loaded.tables] == ["databridge/a/t.yml", "databridge/c/other.yml",
                                                       "databridge/ppr/classes.yml"]  # fmt: skip
    twin, key = map(str, loaded.faults)
    assert "databridge/b/t.yml: its table of Carto, carto_phl t, is that of databridge/a/t.yml" in twin
    assert "its object staging/ppr/classes.csv is that of databridge/ppr/classes.yml" in key


POSTGRES = {"upload_to_postgres": True, "upload_to_carto": False}


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (("databridge/a/t.yml", GOOD), ("databridge/b/t_old.yml", GOOD), "table of Carto, carto_phl t_old,"),
        (("databridge/a/t_old.yml", GOOD), ("databridge/b/t.yml", GOOD), "table before in Carto, carto_phl t_old,"),
        (("databridge/a/T.yml", GOOD), ("databridge/b/t.yml", GOOD), "table of Carto, carto_phl t,"),
        (("databridge/a/t.yml", GOOD), ("databridge/b/t.yml", GOOD | {"carto_conn_id": "carto-prod"}),
         "table of Carto, carto-prod t,"),
        (("databridge/311/t.yml", GOOD | POSTGRES), ("databridge/threeoneone/t.yml", GOOD | POSTGRES),
         "table of PostgreSQL, databridge2 threeoneone.t,"),
        (("databridge/311/t.yml", GOOD | POSTGRES), ("databridge/threeoneone/t_old.yml", GOOD | POSTGRES),
         "table of PostgreSQL, databridge2 threeoneone.t_old,"),
        (("databridge/a/b__c.yml", GOOD), ("databridge/a__b/c.yml", GOOD), "job a__b__c"),
        (("databridge/ppr/classes__carto_phl.yml", GOOD), ("knack/carto_phl/ppr/classes.yml", KNACK),
         "job ppr__classes__carto_phl"),
        (("databridge/airtable/t.yml", GOOD), ("airtable/t.yml", GOOD | {"airtable_table": "x"}),
         "object staging/airtable/t.csv"),
        (("knack/a/b__c/t.yml", KNACK | {"carto_conn_id": "a"}),
         ("knack/a__b/c/t.yml", KNACK | {"carto_conn_id": "a__b"}), "step lake__databridge__knack__a__b__c__t"),
    ],
)  # fmt: skip
def test_two_tables_that_would_be_one_anywhere_are_named_and_the_rest_is_there(tmp_path, first, second, said):
    """Also where Dagster would refuse both with all the others, and where one would drop the other's table."""
    put(tmp_path, *first)
    put(tmp_path, *second)
    put(tmp_path, "databridge/z/good.yml", GOOD)
    loaded = load_tree(tmp_path)
    (fault,) = map(str, loaded.faults)
    assert f"its {said} is that of " in fault
    assert len(loaded.tables) == 2
    assets = [asset for table in loaded.tables for asset in assets_of(table)]
    jobs = [job_of(table) for table in loaded.tables]
    dg.Definitions(assets, jobs=jobs, resources={"databridge": DatabridgeResource()}).resolve_all_job_defs()


def test_an_empty_list_of_indexes_is_none(tmp_path):
    put(tmp_path, "databridge/a/t.yml", "carto_users: [a]\nindexes:\n")
    (table,) = load_tree(tmp_path).tables
    assert table.config.indexes == ()
    assert as_an_editor_sees_it("databridge", {"carto_users": ["a"], "indexes": None}) == []


def test_what_lies_in_hidden_folders_is_not_ours(tmp_path):
    put(tmp_path, ".github/workflows/lint.yml", "on: push")
    put(tmp_path, "databridge/a/.idea/x.yml", "a: 1")
    put(tmp_path, "databridge/a/t.yml", GOOD)
    loaded = load_tree(tmp_path)
    assert ([table.table for table in loaded.tables], loaded.faults) == (["t"], ())


ODD_GOOD = [
    "\ufeffcarto_users: [a]\n", "carto_users: [a]\r\nupload_to_carto: yes   \r\n", "---\ncarto_users: [a]\n...\n",
    "%YAML 1.1\n---\ncarto_users: [a]", "{carto_users: [a], upload_to_carto: True}", "carto_users:\n- a\n- b-c\n\n\n",
    "carto_users: [a]\nschedule_interval: off", "carto_users: [a]\nschedule_interval: '0 5 * * *' # five",
    "carto_users: [a]\nschedule_interval: >\n  0 5 * * *\n", "'carto_users': ['a']\nupload_to_carto: ~",
]  # fmt: skip


@pytest.mark.parametrize("text", ODD_GOOD, ids=range(len(ODD_GOOD)))
def test_odd_yaml_that_says_the_same_is_taken(tmp_path, text):
    put(tmp_path, "databridge/a/t.yml", text)
    loaded = load_tree(tmp_path)
    assert loaded.faults == ()
    assert loaded.tables[0].config.carto_users[0] == "a"


BOMB = "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (BOMB, "an alias"),
        ("a: " + "[" * 5000, "deeper than"),
        ("carto_users: [" + "a, " * 3000 + "a]", "more than"),
        ("x" * (1 << 17), "bytes"),
        ("carto_users: [a]\ncarto_users: [b]", "carto_users: it occurs twice"),
        ("a: b: c", "no YAML"),
        ("a: !!python/object/apply:os.system [ls]", "a tag, tag:yaml.org,2002:python/object/apply:os.system"),
        ("a: !!bool maybe", "a tag"),
        ("carto_users: !!timestamp x", "a tag"),
        ("carto_users: 0x" + "F" * 20_000, "more than 500 characters"),
        ("carto_users: [1" + ":59" * 2000 + "]", "more than 500 characters"),
        ("? 0x" + "F" * 20_000 + "\n: 1", "more than 500 characters"),
        ("- a", "no keys"),
        ("", "no keys"),
        ("1: 2", "no keys"),
        ("? [a]\n: 1", "no YAML"),
        ("a: 2024-99-99", "no YAML"),
        ("\x00", "no YAML"),
    ],
    ids=range(18),
)
def test_what_is_no_yaml_of_ours_is_named_and_hides_no_other_file(tmp_path, text, reason):
    put(tmp_path, "databridge/lni/bad.yml", text)
    put(tmp_path, "databridge/lni/good.yml", GOOD)
    started = time.process_time()
    loaded = load_tree(tmp_path)
    assert time.process_time() - started < 2
    assert [table.table for table in loaded.tables] == ["good"]
    assert loaded.faults[0].path == "databridge/lni/bad.yml"
    assert reason in str(loaded.faults[0])


@pytest.mark.parametrize("path", ["t.yml", "databridge/t.yml", "databridge/a/b/t.yml", "knack/a/t.yml", "other/a/t.yml",
                                  "databridge/a-b/t.yml", "databridge/a/x y.yml",
                                  f"databridge/a/{'t' * 60}.yml"])  # fmt: skip
def test_files_in_the_wrong_place_are_named(tmp_path, path):
    put(tmp_path, path, GOOD)
    assert faults(tmp_path)[0].startswith(f"{path}: ")
    assert load_tree(tmp_path).tables == ()


ODD = ["0x" + "F" * 400, "1e999999", "-.inf", ".nan", "2024-01-01", "{<<: {a: 1}}", '"\\ud800"', '"\\0"', "~", "''",
       "|\n  x", "1_000", "[0x" + "F" * 400 + "]", "[[[[1]]]]", "&a b", "-1", "0"]  # fmt: skip


@pytest.mark.parametrize("kind", CONFIGS)
def test_any_odd_value_of_any_key_is_taken_or_named_and_never_ends_the_reading(tmp_path, kind):
    path = {"databridge": "databridge/a/t.yml", "knack": "knack/carto_phl/a/t.yml", "airtable": "airtable/t.yml"}[kind]
    for key in [*CONFIGS[kind].model_fields, "<<", '"\\ud800"', "0x" + "F" * 400]:
        for value in ODD:
            put(tmp_path, path, f"{key}: {value}\n")
            (fault, *_) = load_tree(tmp_path).faults
            assert str(fault).encode().startswith(path.encode())


def test_names_of_files_that_are_no_text_are_named(tmp_path):
    put(tmp_path, os.fsdecode(b"databridge/a\xff/t\xfe.yml"), GOOD)
    put(tmp_path, "databridge/a/folder.yml/x.txt", "")
    assert [fault.encode().split(b": ")[0] for fault in faults(tmp_path)] == [
        b"databridge/a/folder.yml",
        b"databridge/a\\udcff/t\\udcfe.yml",
    ]


def test_links_are_not_followed(tmp_path):
    put(tmp_path, "outside.txt", GOOD)
    put(tmp_path, "tree/databridge/a/t.yml", GOOD)
    (tmp_path / "tree/databridge/a/link.yml").symlink_to(tmp_path / "outside.txt")
    assert "no plain file" in faults(tmp_path / "tree")[0]


def test_a_tree_that_is_not_there_is_named(tmp_path):
    assert "DATABRIDGE_CONFIG_DIR" in faults(tmp_path / "none")[0]


def test_a_table_is_named_up_to_the_first_dot(tmp_path):
    put(tmp_path, "databridge/a/t.v2.yml", GOOD)
    assert load_tree(tmp_path).tables[0].table == "t"


def test_a_thousand_files_load_in_seconds(tmp_path):
    for department, number in itertools.product(range(20), range(50)):
        put(tmp_path, f"databridge/d{department}/t{department}_{number}.yml", GOOD | {"indexes": ["a", "b"]})
    started = time.process_time()
    loaded = load_tree(tmp_path)
    assert (len(loaded.tables), loaded.faults) == (1000, ())
    # About 1, where nothing else runs.
    assert time.process_time() - started < 15


def test_editors_get_a_schema_of_every_key():
    for kind, model in CONFIGS.items():
        document = json_schema()[kind]
        assert set(document["properties"]) == set(model.model_fields)
        assert document["additionalProperties"] is False


def as_an_editor_sees_it(kind, values):
    """What is wrong by the JSON schema, as an editor underlines it."""
    return [error.json_path for error in Draft202012Validator(json_schema()[kind]).iter_errors(values)]


def test_editors_find_the_shipped_files_good_and_wrong_ones_wrong():
    for table in load_tree(SHIPPED).tables:
        values = yaml.safe_load((SHIPPED / table.path).read_text())
        assert as_an_editor_sees_it(table.kind, values) == [], table.path
    assert as_an_editor_sees_it("databridge", GOOD | {"schedule_interval": True}) == ["$.schedule_interval"]
    assert as_an_editor_sees_it("databridge", GOOD | {"uplaod_to_carto": True}) == ["$"]
    assert as_an_editor_sees_it("databridge", GOOD | {"carto_users": []}) == ["$.carto_users"]
    part = {"key": ["id"], "watermark": "seen", "overlap": "1 h"}
    assert as_an_editor_sees_it("databridge", GOOD | {"incremental": part}) == ["$.incremental"]
    assert as_an_editor_sees_it("knack", KNACK | {"knack_object_id": "4"}) == ["$.knack_object_id"]
    assert as_an_editor_sees_it("airtable", GOOD) == ["$"]


NAMES = {"Jan": 1, "Feb": 2, "Mar": 3, "Apr": 4, "May": 5, "Jun": 6,
         "Jul": 7, "Aug": 8, "Sep": 9, "Oct": 10, "Nov": 11, "Dec": 12}  # fmt: skip


def ticks_by_hand(cron, start, number):
    """The next ticks, by looking at every minute of every day: nothing of a cron library's."""

    def numbers(text, least, most):
        found = set()
        for part in text.split(","):
            ends = [int(NAMES.get(end, end)) for end in part.split("-")] if part != "*" else [least, most]
            found |= set(range(ends[0], ends[-1] + 1))
        return found

    minute, hour, day, month, weekday = cron.split()
    weekday, _, nth = weekday.partition("#")
    minutes, hours = numbers(minute, 0, 59), numbers(hour, 0, 23)
    days, months, weekdays = numbers(day, 1, 31), numbers(month, 1, 12), {n % 7 for n in numbers(weekday, 0, 6)}
    found, date = [], start
    while len(found) < number:
        fits = date.month in months and date.day in days and date.isoweekday() % 7 in weekdays
        if fits and (not nth or (date.day - 1) // 7 + 1 == int(nth)):
            found += [date.replace(hour=at, minute=past) for at in sorted(hours) for past in sorted(minutes)]
        date += timedelta(days=1)
    return found[:number]


OLD_CRONS = ["0 5 * Jan,Apr,Jul,Oct 0#1", "0 5 * * *", "15 6 * * *", "0 10 * * 0", "00 15 * * *", "0 15 * * 6",
             "0 8 * * 1", "0 7 1 * *", *(f"{minute} 8 * * 2-6" for minute in range(0, 50, 5)),
             *(f"{minute} 11 * * *" for minute in (1, 10, 12, 14, 16))]  # fmt: skip


@pytest.mark.parametrize("cron", [*OLD_CRONS, *sorted(
    {table.config.schedule_interval for table in load_tree(SHIPPED).tables} - {None})])  # fmt: skip
def test_crons_tick_in_dagster_when_they_should(cron):
    start = datetime(2022, 1, 1, tzinfo=UTC)
    ticks = schedule_execution_time_iterator(start.timestamp(), cron, "UTC", ascending=True)
    assert list(itertools.islice(ticks, 3)) == ticks_by_hand(cron, start, 3)
