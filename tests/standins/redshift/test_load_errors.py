"""Whatever a file holds and however its load ends: the record of it stays, and the tables have all of it or nothing."""

import uuid

import pytest
import redshift_connector
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.standins.redshift.conftest import rows

LINES = st.lists(st.sampled_from(["good", "text", "long", "short"]), min_size=1, max_size=8)
WRITTEN = {"good": "{}|fine", "text": "x|fine", "long": "{}|far too long", "short": "{}"}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    files=st.lists(LINES, min_size=1, max_size=3),
    allowed=st.integers(0, 4),
    ends=st.sampled_from(["commit", "rollback"]),
)
def test_load_errors_survive_a_rollback(redshift, bucket, files, allowed, ends):
    prefix, name = uuid.uuid4().hex, f"t_{uuid.uuid4().hex}"
    bad, good = [], 0
    for number, lines in enumerate(files):
        text = "".join(WRITTEN[kind].format(at) + "\n" for at, kind in enumerate(lines))
        uri = bucket.put(f"{prefix}/{number}", text.encode())
        bad += [(uri, at) for at, kind in enumerate(lines, 1) if kind != "good"]
        good += lines.count("good")
    with redshift.connect() as connected:
        cursor = connected.cursor()
        cursor.execute(f"create table {name} (id bigint, note varchar(5))")
        connected.commit()
        cursor.execute(f"insert into {name} values (-1, 'own')")
        copy = f"copy {name} from 's3://{bucket.name}/{prefix}/' iam_role 'arn' maxerror {allowed}"
        loads = len(bad) <= allowed
        if loads:
            cursor.execute(copy)
            assert rows(cursor, "select pg_last_copy_count()") == [(good,)]
        else:
            with pytest.raises(redshift_connector.ProgrammingError, match="stl_load_errors"):
                cursor.execute(copy)
        getattr(connected, ends)()
    recorded = redshift.query(f"select filename, line_number from stl_load_errors where filename like '%{prefix}%'")
    assert [(row["filename"], row["line_number"]) for row in recorded] == bad[: allowed + 1]
    files_loaded = redshift.query(f"select filename from stl_load_commits where filename like '%{prefix}%'")
    assert len(files_loaded) == (len(files) if loads else 0)
    (count,) = redshift.query(f"select count(*) as rows from {name}")
    assert count["rows"] == (good + 1 if loads and ends == "commit" else 0)


def test_the_record_is_seen_inside_an_older_transaction(redshift, bucket):
    """System tables are no part of a transaction's snapshot."""
    uri = bucket.put("in/file", b"x|a\n")
    with redshift.connect() as reading, redshift.connect() as loading:
        looking, cursor = reading.cursor(), loading.cursor()
        assert rows(looking, "select count(*) from stl_load_errors") == [(0,)]
        cursor.execute("create table t (id bigint, note varchar(5))")
        with pytest.raises(redshift_connector.ProgrammingError):
            cursor.execute(f"copy t from '{uri}' iam_role 'arn'")
        assert rows(looking, "select count(*) from stl_load_errors") == [(1,)]
