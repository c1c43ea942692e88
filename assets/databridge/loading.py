"""Reading a tree of configuration files: every fault is reported with path, key, value and remedy, and hides no other.

::

    databridge/<department>/<table>.yml
    knack/<environment>/<department>/<table>.yml
    airtable/<table>.yml
"""

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from assets.databridge.config import CONFIGS, NAME, NESTED
from assets.databridge.tables import BridgeTable
from core.plain import one_line
from resources.clients.databridge.connections import secret_of
from resources.clients.databridge.rolling_back import old_of
from resources.clients.databridge.schema import LONGEST_NAME

# The largest real file has 400 bytes, and no value in one lies deeper than a list.
LONGEST_FILE, DEEPEST, MOST_NODES, MOST_FILES = 64 << 10, 6, 2000, 20_000
# Characters of one value: YAML reads some tens of thousands of hexadecimal digits as a number that cannot be shown.
LONGEST_VALUE = 500
SHOWN = 80
# Parts of a path by kind.
DEPTHS = {"databridge": 3, "knack": 4, "airtable": 2}
# What Carto's temporary names leave.
LONGEST_TABLE = LONGEST_NAME - 4


@dataclass(frozen=True)
class Fault:
    """What is wrong with a file. key: None when it is about the file as a whole."""

    path: str
    key: str | None
    problem: str

    def __str__(self) -> str:
        text = f"{self.path}: {f'{self.key}: ' if self.key else ''}{self.problem}"
        return text.encode(errors="backslashreplace").decode()  # names of files need not be UTF-8


@dataclass(frozen=True)
class Loaded:
    """The tables of a tree, and what is wrong with the rest of it."""

    tables: tuple[BridgeTable, ...]
    faults: tuple[Fault, ...]


class _Refused(Exception):
    """The file is no configuration."""


class _Loader(yaml.CSafeLoader):
    """YAML in which no key occurs twice; the C library's, since a thousand files take a second by the other."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        if twice := [key for key in keys if keys.count(key) > 1]:
            raise _Refused(f"{twice[0]}: it occurs twice; keep one")
        return super().construct_mapping(node, deep)


def _refuse_large(text: str) -> None:
    """Refuse what makes little input large: no aliases, no tags; bounded depth, number and length."""
    depth = nodes = 0
    event: Any
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            raise _Refused(f"line {line}: an alias; write the value out")
        if tag := getattr(event, "tag", None):
            raise _Refused(f"line {line}: a tag, {tag[:SHOWN]}; write the value plainly")
        if isinstance(event, yaml.ScalarEvent) and len(event.value) > LONGEST_VALUE:
            raise _Refused(f"line {line}: a value of more than {LONGEST_VALUE} characters")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        nodes += isinstance(event, yaml.NodeEvent)
        if depth > DEEPEST or nodes > MOST_NODES:
            raise _Refused(f"deeper than {DEEPEST} levels or more than {MOST_NODES:,} values; see the room's page")


def load_tree(root: Path) -> Loaded:
    """Every table below ``root``, in the order of their paths."""
    tables: list[BridgeTable] = []
    faults: list[Fault] = []
    if not root.is_dir():
        return Loaded((), (Fault(str(root), None, "there is no such directory; set DATABRIDGE_CONFIG_DIR to one."),))
    for number, path in enumerate(sorted(_files(root))):
        if number >= MOST_FILES:
            faults.append(Fault(str(root), None, f"more than {MOST_FILES:,} files; point to a smaller tree."))
            break
        found = load_file(root, path.relative_to(root))
        if isinstance(found, BridgeTable):
            tables.append(found)
        else:
            faults += found
    kept, collisions = _apart(tables)
    return Loaded(tuple(kept), tuple(faults + collisions))


def _files(root: Path) -> Iterator[Path]:
    """Files of YAML that lie in no hidden folder, where version control and editors keep theirs."""
    for path in root.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(root).parts[:-1])
        if path.suffix in (".yml", ".yaml") and not hidden:
            yield path


def load_file(root: Path, path: Path) -> BridgeTable | list[Fault]:
    """The table of one file, or what is wrong with it. path: relative to ``root``."""
    shown = path.as_posix()
    try:
        *folders, file = path.parts
        kind, table = (folders or [""])[0], file.split(".", 1)[0]
        if DEPTHS.get(kind) != len(path.parts):
            raise _Refused(
                "it lies in no place that tables have: databridge/<department>/<table>.yml, "
                "knack/<environment>/<department>/<table>.yml or airtable/<table>.yml"
            )
        for part in (*folders, table):
            if not NAME.fullmatch(part) or len(part) > LONGEST_TABLE:
                raise _Refused(f"{part[:SHOWN]!r}: names are 1 to {LONGEST_TABLE} letters, digits and underscores")
        values = _values(root / path)
        environment = folders[1] if kind == "knack" else None
        strays = _strays(shown, environment, values)
        config = CONFIGS[kind](**values)
    except _Refused as refused:
        return [Fault(shown, None, f"{refused}.")]
    except ValidationError as wrong:
        return [_fault(shown, CONFIGS[kind].model_fields, error) for error in _own(wrong.errors())] + strays
    if strays:
        return strays
    department = "airtable" if kind == "airtable" else folders[-1]
    return BridgeTable(kind, department, table, config, shown, environment)  # type: ignore[arg-type]


def _strays(path: str, environment: str | None, values: dict[str, Any]) -> list[Fault]:
    """What is wrong with a file of Knack's that names another account than the folder that it lies in."""
    given = values.get("carto_conn_id")
    if environment is None or given == environment or not isinstance(given, str):
        return []
    problem = f"{given[:SHOWN]!r} is not {environment!r}, the folder that the file lies in; move or correct it."
    return [Fault(path, "carto_conn_id", problem)]


def _values(path: Path) -> dict[str, Any]:
    """The mapping that a file holds."""
    try:
        if path.is_symlink() or not path.is_file():
            raise _Refused("it is no plain file; put the file itself there")
        with path.open("rb") as file:
            data = file.read(LONGEST_FILE + 1)
        if len(data) > LONGEST_FILE:
            raise _Refused(f"it has more than {LONGEST_FILE:,} bytes")
        text = data.decode("utf-8-sig")
        _refuse_large(text)
        values = yaml.load(text, _Loader)  # noqa: S506 - a safe one
    except OSError as error:
        raise _Refused(f"it cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError, RecursionError, TypeError, LookupError, AttributeError) as error:
        raise _Refused(f"it is no YAML; correct it: {one_line(error, 200)}") from None
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise _Refused("it holds no keys; it should begin like schedule_interval: 0 5 * * *")
    return values


def _own(errors: list[ErrorDetails]) -> Iterator[ErrorDetails]:
    """Those that no other one causes: a list is too short for pydantic, too, where an entry of it is wrong."""
    for error in errors:
        inside = any(other["loc"][: len(error["loc"])] == error["loc"] for other in errors if other is not error)
        if error["type"] != "too_short" or not inside:
            yield error


def _fault(path: str, fields: Iterable[str], error: ErrorDetails) -> Fault:
    """The fault that a message of pydantic's tells."""
    key = ".".join(
        str(part) for part in error["loc"] if not str(part).startswith(("function-", "tuple", "constrained"))
    )
    if error["type"] == "missing":
        top = key.split(".")[0]
        return Fault(path, key, f"it is missing; add it, such as {EXAMPLES.get(top, top)}.")
    if error["type"] == "extra_forbidden":
        fields = NESTED[key.split(".")[0]].model_fields if "." in key else fields
        near = difflib.get_close_matches(key.rsplit(".", 1)[-1], fields, 1)
        question = f"is it {near[0]}? The" if near else "the"
        return Fault(path, key, f"no such key; {question} keys are {', '.join(fields)}.")
    given = error["input"]
    shown = repr(list(given) if isinstance(given, tuple) else given)
    value = shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}..."
    said = "expected at least 1 entry" if error["type"] == "too_short" else error["msg"]
    said = str(error.get("ctx", {}).get("error") or said)
    example = f", such as {EXAMPLES[key]}" if key in EXAMPLES and "such as" not in said else ""
    return Fault(path, key, f"{value}: {said[0].lower()}{said[1:]}{example}.")


EXAMPLES = {
    "schedule_interval": "schedule_interval: 0 5 * * * (UTC), or false",
    "upload_to_carto": "upload_to_carto: true",
    "upload_to_ago": "upload_to_ago: (empty; the key is dead)",
    "carto_users": "carto_users: [publicuser, tileuser]",
    "carto_conn_id": "carto_conn_id: carto_phl",
    "indexes": "indexes: [opa_account_num]",
    "knack_object_id": "knack_object_id: 4",
    "knack_conn_id": "knack_conn_id: knack",
    "airtable_table": "airtable_table: services",
    "bounding_box": "bounding_box: [2660000, 204000, 2750000, 305000]",
    "schema_drift": "schema_drift: fail",
    "incremental": "incremental: {key: [objectid], watermark: updated_at}",
}


def _apart(tables: list[BridgeTable]) -> tuple[list[BridgeTable], list[Fault]]:
    """The tables that share no target, no object and no name, and a fault for each that does."""
    owners: dict[str, BridgeTable] = {}
    kept, faults = [], []
    for table in tables:
        claims = _claims(table)
        taken = next((place for place in claims if place in owners), None)
        if taken is None:
            owners |= dict.fromkeys(claims, table)
            kept.append(table)
        else:
            problem = f"its {claims[taken]} is that of {owners[taken].path}; rename one of them."
            faults.append(Fault(table.path, None, problem))
    return kept, faults


def _claims(table: BridgeTable) -> dict[str, str]:
    """What no other table may have, with what messages call it. The table before a live one keeps an ending."""
    config, name = table.config, table.table.lower()
    claims, keys = {table.keys.csv.lower(): f"object {table.keys.csv}"}, [table.staged_key]
    places = []
    if config.upload_to_carto:
        places.append(("Carto", config.carto_conn_id, name))
        keys.append(table.carto_key)
    if config.upload_to_postgres:
        places.append(("PostgreSQL", config.postgres_conn_id, f"{table.postgres_schema}.{name}"))
        keys.append(table.postgres_key)
    for kind, connection, target in places:
        before = f"table before in {kind}, {connection} {old_of(target)},"
        claims[f"{kind} {secret_of(connection)} {target}"] = f"table of {kind}, {connection} {target},"
        claims.setdefault(f"{kind} {secret_of(connection)} {old_of(target)}", before)
    # Dagster knows jobs and steps by these names.
    claims[f"job {table.dag}"] = f"job {table.dag}"
    return claims | {step: f"step {step}" for step in ("__".join(key).replace("-", "_") for key in keys)}


def json_schema() -> dict[str, Any]:
    """A JSON schema of the files by kind, for editors."""
    return {kind: model.model_json_schema() for kind, model in CONFIGS.items()}
