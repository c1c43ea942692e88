"""The rules that carry the rest, read off the code itself."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("core", "sandbox", "resources", "assets", "benchmarks", "jobs", "schedules", "commands")
LAYERS = [
    "core",
    "sandbox",
    "resources.clients",
    "resources",
    "assets",
    "benchmarks",
    "jobs",
    "schedules",
    "definitions",
    "commands",
]
SOURCES = [
    *sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if "__pycache__" not in path.parts),
    ROOT / "definitions.py",
]

# Under assets/ only these import Dagster; core/ and resources/clients/ never do.
DAGSTER_FILES = {"assets.py", "checks.py", "engines.py", "factory.py", "partitions.py", "models.py"}
DAGSTER_FILES |= {"chain_state.py", "conventions.py", "evaluations.py"}
LONGEST_MODULE, LONGEST_FUNCTION = 300, 40
LONG_MODULES = {ROOT / "assets/ethereum/tables.py"}  # declarations, read by looking up


def _name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _layer(module):
    found = [layer for layer in LAYERS if module == layer or module.startswith(f"{layer}.")]
    return max(found, key=len) if found else None


def _room(module):
    parts = module.split(".")
    inside = len(parts) > 1 and parts[0] == "assets" and (ROOT / "assets" / parts[1]).is_dir()
    return parts[1] if inside and parts[1] != "dbt" else None


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_imports_point_left_and_rooms_never_meet(path):
    mine = _name(path)
    for imported in _imports(path):
        layer = _layer(imported)
        if layer:
            assert LAYERS.index(layer) <= LAYERS.index(_layer(mine)), f"{mine} imports {imported}, to its right"
        if _room(imported) and _room(mine):
            assert _room(imported) == _room(mine), f"room {_room(mine)} imports room {_room(imported)}"


PURE = [
    path
    for path in SOURCES
    if path.is_relative_to(ROOT / "core")
    or path.is_relative_to(ROOT / "resources/clients")
    or path.is_relative_to(ROOT / "sandbox")
    or path.is_relative_to(ROOT / "benchmarks")
    or (path.is_relative_to(ROOT / "assets") and path.name not in DAGSTER_FILES and "dbt" not in path.parts)
]


def test_pure_modules_load_without_dagster():
    program = "import sys; sys.modules['dagster'] = None\n" + "\n".join(f"import {_name(path)}" for path in PURE)
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", [p for p in SOURCES if p.name == "__init__.py"], ids=_name)
def test_packages_hold_a_docstring_only(path):
    (statement,) = ast.parse(path.read_text()).body
    assert isinstance(statement, ast.Expr)


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_modules_and_functions_stay_short(path):
    text = path.read_text()
    assert path in LONG_MODULES or len(text.splitlines()) <= LONGEST_MODULE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < LONGEST_FUNCTION, f"{path.name}: {node.name}"
    assert path.name not in {"utils.py", "helpers.py", "misc.py"}


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_modules_say_what_they_are(path):
    assert ast.get_docstring(ast.parse(path.read_text())), path


def test_one_place_knows_the_lakes_layout_and_dagsters_insides_stay_inside():
    texts = {str(path.relative_to(ROOT)) for path in SOURCES if "/block_date=" in path.read_text()}
    assert texts == {"assets/ethereum/tables.py"}
    assert not [path.name for path in SOURCES if "dagster._core" in path.read_text()]


# What others said, cut but not cleaned, inside a message: {str(answer)[:200]}, {answer.text[:100]}.
CUT_ONLY = re.compile(r"\{(?:str\([^{}]*\)|[\w.]+\.text|hidden\([^{}]*\))\[: ?\w+\](?:\.strip\(\))?\}")


def test_what_others_said_is_told_by_core_plain():
    """In one line and never too long; a repr may be cut, since it has no line break and no character of control."""
    found = [f"{path}: {match[0]}" for path in SOURCES for match in CUT_ONLY.finditer(path.read_text())]
    assert CUT_ONLY.search('f"no list: {str(page)[:200]}."')
    assert found == []


def test_answers_have_deadlines():
    """What the product opens over HTTP is made where the whole answer's time is bounded, or with that one's adapter."""
    makes = re.compile(r"boto3\.client\(|PoolManager\(|urlopen\(|requests\.(?:get|post|request|Session)\(")
    product = [path for path in SOURCES if path.relative_to(ROOT).parts[0] not in ("benchmarks", "sandbox")]
    found = {
        str(path.relative_to(ROOT))
        for path in product
        if makes.search(path.read_text()) and "BoundedAdapter" not in path.read_text()
    }
    assert found == {"resources/clients/aws/sdk.py", "resources/clients/http/bounded.py"}


def test_definitions_are_lists():
    text = (ROOT / "definitions.py").read_text()
    assert len(text.splitlines()) <= 60
    assert not [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.If | ast.For | ast.FunctionDef)]
