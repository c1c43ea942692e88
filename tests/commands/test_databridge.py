"""The databridge's own commands: what they print, and what their exit codes say."""

import json

import pytest
import yaml
from click.testing import CliRunner

from assets.databridge.assets import configured
from assets.databridge.config import CONFIGS
from commands.databridge import main


def called(*arguments):
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / "tree/databridge/lni"
    folder.mkdir(parents=True)
    (folder / "good.yml").write_text("carto_users: [publicuser]\n")
    return tmp_path / "tree"


def test_lint_of_the_shipped_tree_is_clean():
    done = called("lint")
    assert (done.exit_code, done.stdout) == (0, "12 tables are good, 0 faults\n")


def test_lint_prints_every_fault_and_fails(tree):
    (tree / "databridge/lni/bad.yml").write_text("carto_users: []\nuplaod: 1\n")
    (tree / "databridge/lni/worse.yml").write_text("carto_users: [a\n")
    done = called("lint", "--tree", str(tree))
    assert done.exit_code == 1
    assert "1 tables are good, 3 faults" in done.stdout
    assert "databridge/lni/bad.yml: carto_users: []" in done.stderr
    assert "databridge/lni/bad.yml: uplaod: no such key" in done.stderr
    assert "databridge/lni/worse.yml: it is no YAML" in done.stderr


def test_tables_are_loaded_by_their_tree_whatever_the_other_settings_hold(tree, monkeypatch):
    """Definitions of all rooms are loaded beside them; what is wrong is told by the run that needs it."""
    monkeypatch.setenv("DATABRIDGE_RUNNER", "Batch")
    monkeypatch.setenv("DATABRIDGE_JOB_HOURS", "six")
    monkeypatch.setenv("DATABRIDGE_CONFIG_DIR", str(tree))
    assert [table.table for table in configured().tables] == ["good"]
    assert called("lint").stdout == "1 tables are good, 0 faults\n"
    planned = called("plan", "databridge/lni/good")
    assert planned.exit_code == 1
    assert "DATABRIDGE_RUNNER='Batch': expected one of local, batch." in planned.stderr


def test_a_tree_that_is_no_path_is_a_sentence(monkeypatch):
    monkeypatch.setenv("DATABRIDGE_CONFIG_DIR", "a\nb")
    done = called("lint")
    assert done.exit_code == 1
    assert done.stderr.startswith("DATABRIDGE_CONFIG_DIR='a\\nb': expected at most")


def test_the_schema_for_editors_knows_every_kind():
    assert set(json.loads(called("json-schema").stdout)) == set(CONFIGS)


def test_a_table_that_is_not_there_is_named(tree):
    done = called("plan", "nothing", "--tree", str(tree))
    assert done.exit_code == 2
    assert "no good table 'nothing'; there are databridge/lni/good" in done.stderr


def test_a_setting_that_is_missing_is_a_sentence(tree, monkeypatch):
    monkeypatch.setenv("HEADWATER_STAGE", "prod")
    done = called("plan", "databridge/lni/good", "--tree", str(tree))
    assert done.exit_code == 1
    assert "DATABRIDGE_SECRETS_REGION is not set" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_by_others_is_staged_and_judged(tree, home, tmp_path):
    (tree / "databridge/lni/good.yml").write_text("carto_users: [publicuser]\nmax_shrink_percent: 10\n")
    file = tmp_path / "good.csv"
    file.write_bytes(b"id,said\r\n1,caf\xe9\r\n2,b\r\n")
    done = called("stage", "databridge/lni/good", str(file), "--tree", str(tree))
    assert done.exit_code == 0, done.stderr
    assert "rows: 2 rows; the source counted 2." in done.stdout
    assert (home / "databridge/staging/lni/good.csv").read_bytes() == "id,said\r\n1,café\r\n2,b\r\n".encode()
    file.write_bytes(b"id,said\r\n1,a\r\n")
    done = called("stage", "databridge/lni/good", str(file), "--tree", str(tree))
    assert done.exit_code == 1
    assert "shrink: FAILED, 1 rows after 2: 50.0 % less, allowed 10." in done.stdout
    file.write_bytes(b"id,said\r\n1,a,b\r\n")
    done = called("stage", "databridge/lni/good", str(file), "--tree", str(tree))
    assert done.exit_code == 1
    assert "record 1 has 3 cells, the header 2" in done.stderr
    assert (home / "databridge/staging/lni/good.csv").read_bytes().endswith(b"2,b\r\n")


def test_files_of_the_old_system_move_over_as_they_are(tmp_path):
    old = {"schedule_interval": False, "upload_to_carto": True, "upload_to_ago": None, "carto_users": ["tileuser"]}
    (tmp_path / "databridge/ppr").mkdir(parents=True)
    (tmp_path / "databridge/ppr/sites.yml").write_text(yaml.safe_dump(old))
    assert called("lint", "--tree", str(tmp_path)).exit_code == 0


def test_a_tree_of_old_files_is_moved_by_one_command_and_what_is_wrong_is_told(tmp_path, home):
    old, new, schemas = tmp_path / "old", tmp_path / "new", tmp_path / "schemas"
    for name, text in {
        "databridge/ppr/sites.yml": "upload_to_carto: true\nupload_to_ago:\ncarto_users: [tileuser]",
        "databridge/ppr/bad.yml": "carto_users: []\n",
        "knack/carto_gsg/ppr/classes.yml": "carto_users: [a]\ncarto_conn_id: carto_gsg\nknack_object_id: 2\n"
        "knack_conn_id: knack\n",
    }.items():
        (old / name).parent.mkdir(parents=True, exist_ok=True)
        (old / name).write_text(text)
    schemas.mkdir()
    (schemas / "db_ppr_sites.json").write_text('{"fields": [{"name": "a", "type": "text"}]}')
    (schemas / "db_ppr_classes.json").write_text('{"fields": [{"name": "a", "srid":: 2272}]}')
    done = called("move", str(old), str(new), "--schemas", str(schemas))
    assert done.exit_code == 1
    assert "schemas/ppr/sites.json: stored" in done.stdout
    assert "2 tables are in" in done.stdout
    assert "databridge/ppr/bad.yml: carto_users" in done.stderr
    assert "db_ppr_classes.json" in done.stderr
    assert (new / "databridge/ppr/sites.yml").read_bytes() == (old / "databridge/ppr/sites.yml").read_bytes()
    assert not (new / "databridge/ppr/bad.yml").exists()
    (home / "databridge/schemas/ppr/sites.json").write_text('{"fields": [{"name": "b", "type": "text"}]}')
    (old / "databridge/ppr/bad.yml").unlink()
    (schemas / "db_ppr_classes.json").unlink()
    assert called("move", str(old), str(new), "--schemas", str(schemas)).exit_code == 0
    assert '"b"' in (home / "databridge/schemas/ppr/sites.json").read_text()
    (new / "databridge/ppr/sites.yml").write_text("carto_users: [other]\n")
    done = called("move", str(old), str(new))
    assert done.exit_code == 1
    assert "says something else" in done.stderr
