"""Three tables of the sandbox from source to live target, and what a reader saw of them meanwhile.

The tables have no days: the window is ignored, and each is what its source holds now.
"""

from collections.abc import Iterator
from dataclasses import replace

from core.settings.stage import Stage
from core.windows import DayWindow
from jobs.databridge import JOBS_BY_TABLE
from jobs.plan import Plan, Rows, Step
from resources.clients.postgres.embedded import embedded_postgres
from resources.databridge import DatabridgeResource, sample_world
from sandbox.databridge.watching import Watcher
from sandbox.databridge.world import ACCOUNTS

SHOWN = ("databridge/ppr/bench_inventory", "databridge/planning/land_use", "knack/carto_phl/ppr/classes")
ROLE, ACCOUNT = "tileuser", "carto-prod"
_watchers: list[Watcher] = []


def _route() -> str:
    (said,) = DatabridgeResource().in_force().values()
    return said


def _steps(window: DayWindow) -> list[Step]:
    if _in_sandbox():
        stage = Stage.read()
        sample_world(stage.directory)
        address = replace(embedded_postgres(stage.directory), database=ACCOUNTS[ACCOUNT])
        names = [name.rsplit("/", 1)[1] for name in _shown()]
        _watchers.append(Watcher(address.parameters(), names, ROLE))
    return [Step(f"Replacing {name}", JOBS_BY_TABLE[name].name, "", "") for name in _shown()]


def _summaries(window: DayWindow) -> Iterator[tuple[str, Rows]]:
    for watcher in _watchers:
        watcher.stop()
        yield (
            f"What a reader ({ROLE}) saw in {watcher.looks:,} looks, refused {len(watcher.refused)} times",
            [
                {
                    "table": table,
                    "rows, in order": " -> ".join("no table" if rows is None else str(rows) for rows in saw),
                }
                for table, saw in watcher.saw.items()
            ],
        )
    _watchers.clear()


def _closing() -> str:
    return "Plans, lint and roll back: python -m commands.databridge --help"


def _shown() -> list[str]:
    return [name for name in SHOWN if name in JOBS_BY_TABLE]


def _in_sandbox() -> bool:
    return "sandbox" in _route()


PLAN = Plan("Databridge", _route, _steps, _summaries, _closing, ("databridge",))
