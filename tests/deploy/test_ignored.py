"""What neither git nor the image takes: secrets and local databases, by one table for both lists."""

import subprocess
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IGNORED = (
    *(".env", ".env.prod", "secrets.env", "password", "password.txt", "operators.htpasswd", "tls.key", "tls.crt"),
    *("server.pem", "store.p12", "secrets.json", "my-secret.json", "credentials.json", "id_ed25519"),
    *("x.duckdb", "x.duckdb.wal", "x.db", "x.sqlite"),
)
FOLDERS = ("", "deploy/compose/", "a/b/c/")


@pytest.mark.parametrize("list_", [".gitignore", ".dockerignore"])
@pytest.mark.parametrize("folder", FOLDERS)
def test_secrets_and_databases_are_ignored(list_, folder):
    assert _ignored(list_, [folder + name for name in IGNORED]) == [folder + name for name in IGNORED]


@pytest.mark.parametrize("list_", [".gitignore", ".dockerignore"])
def test_nothing_that_is_kept_is_ignored(list_):
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    found = _ignored(list_, tracked)
    assert [name for name in found if not (list_ == ".dockerignore" and name.startswith("tests/"))] == []
    assert {".env.example", "deploy/compose/env.example", "deploy/compose/code.env.example"} <= set(tracked)


def _ignored(list_, names):
    """Those that the list alone takes out, read by git; a name without **/ is one of the root to Docker."""
    lines = (ROOT / list_).read_text().splitlines()
    if list_ == ".dockerignore":
        lines = [f"/{line}" if line and not line.startswith(("**/", "!", "#")) else line for line in lines]
    command = ["git", "ls-files", "--others", "--ignored", "-z", "--exclude-from=.git/list"]
    with tempfile.TemporaryDirectory() as place:
        subprocess.run(["git", "init", "-q"], cwd=place, check=True)
        Path(place, ".git/list").write_text("\n".join(lines))
        for name in names:
            path = Path(place, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        found = subprocess.run(command, cwd=place, check=True, capture_output=True, text=True).stdout.split("\0")
    return sorted((name for name in found if name), key=names.index)
