"""What a process imports, and has read, before the first program is forked from it. Threads are not taken along."""

import functools
import gc
import importlib
import os
import pkgutil
import runpy
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from threading import Event

from client import COLD, DBT, MODULES

DAGSTER = ("dagster._cli", "dagster._daemon.cli", "dagster_dbt", "dagster_postgres", "dagster_webserver.cli")
OURS = ("core", "resources", "assets", "jobs", "commands")
ADAPTERS = ("dbt.adapters.duckdb", "dbt.adapters.postgres", "dbt.adapters.redshift")
PARSED = "partial_parse.msgpack"
# They see to memory and to a full disk, each in the process that imported them, and do nothing in another's stead.
HARMLESS_THREADS = {"jemalloc_bg_thd", "polars-ooc-clea"}


class LooksAtSettings(Exception):
    """A module reads settings when it is imported, or imports one that does: each program has to do that by itself."""


def prepare_dagster(root: Path) -> None:
    """Import Dagster, and all of ours but what looks at settings meanwhile, and programs themselves."""
    for name in DAGSTER:
        importlib.import_module(name)
    instances = importlib.import_module("tests.standins.instances")
    instances.make_cheaper()
    instances.keep_connections()
    is_over = _refusing_settings()
    for top in OURS:
        for module in pkgutil.walk_packages([str(root / top)], f"{top}."):
            if module.name not in MODULES and not module.name.endswith(".__main__"):
                with suppress(LooksAtSettings):
                    importlib.import_module(module.name)
    is_over.set()


def _refusing_settings() -> Event:
    """Settings are not to be had until this is set."""
    base = importlib.import_module("core.settings.base")
    is_over, read = Event(), base.environment

    def environment() -> dict[str, str]:
        if is_over.is_set():
            return read()
        raise LooksAtSettings

    base.environment = environment
    return is_over


def prepare_dbt(root: Path) -> None:
    """Import all adapters, have dbt read the project once, in a place of its own, and look for plugins, and compile
    all macros.

    Its parser in Rust would start threads: a command that parses would wait for them for ever.
    """
    for name in ADAPTERS:
        importlib.import_module(name)
    from dbt.cli.main import dbtRunner
    from dbt.plugins.manager import PluginManager
    from dbt_common.clients.jinja import template_cache

    project = root / "dbt_project"
    runpy.run_path(str(root / DBT))["keep_parsing"]()
    PluginManager.get_prefixed_modules = functools.cache(PluginManager.get_prefixed_modules)
    with tempfile.TemporaryDirectory(prefix="dbt-") as scratch:
        if (project / "target" / PARSED).exists():
            shutil.copyfile(project / "target" / PARSED, Path(scratch) / PARSED)
        places = ["--project-dir", str(project), "--profiles-dir", str(project)]
        places += ["--target-path", scratch, "--log-path", scratch]
        done = dbtRunner().invoke(["parse", "--quiet", "--no-static-parser", *places])
        if not done.success:
            raise SystemExit(f"dbt cannot read {project}: {done.exception}")
    for macro in done.result.macros.values():
        template_cache.get_node_template(macro)


KINDS = {"dagster": prepare_dagster, "dbt": prepare_dbt}


def prepare(kind: str, root: Path) -> None:
    """Be ready to fork programs of a kind.

    Raises:
        SystemExit: when that would leave a thread behind.
    """
    gc.disable()
    os.environ[COLD] = "1"
    sys.path[0] = str(root)
    KINDS[kind](root)
    tasks = Path("/proc/self/task")
    threads = {(task / "comm").read_text().strip() for task in tasks.iterdir() if task.name != str(os.getpid())}
    if threads - HARMLESS_THREADS:
        raise SystemExit(f"{threads - HARMLESS_THREADS} were started before a program was forked")
    gc.collect()
    gc.freeze()
