"""The exchanges as a resource: settings in, what a job's day is fetched with out; and how often a day is tried."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import dagster as dg

from core.settings.base import environment, listed
from core.settings.exchanges import Exchanges, words
from resources.configured import ReadsSettings
from resources.ecs import EcsPlace, PipesEcsTasks
from resources.in_force import origins
from resources.retries import Retries, failures_explained
from resources.samples import SAMPLE, sample_for

# As the old DAG had it: once more where mail is sent of what fails after that.
RETRIES = {"local": Retries(0, 0), "test": Retries(0, 0), "preprod": Retries(1, 300), "prod": Retries(1, 300)}


class ExchangesResource(ReadsSettings, dg.ConfigurableResource):
    """The settings of the exchanges as they were when the run set them up; each field stands in for its setting."""

    source: str | None = None
    url: str | None = None
    on_missing: str | None = None
    min_completeness: float | None = None
    off_grid: str | None = None
    execution: str | None = None

    def environ(self) -> dict[str, str]:
        """The variables in force, for what is made of them."""
        self.of_stage()
        fields = self.fields_of(Exchanges).items()
        chosen = {listed(Exchanges.model_fields[field]).name: str(value) for field, value in fields}
        return dict(self._environ or environment()) | chosen

    def given(self) -> Exchanges:
        return self.settings(Exchanges)

    def in_force(self) -> dict[str, str]:
        """Which exchanges are asked, and where their bars are fetched."""
        given = self.given()
        if sample_for(given.chosen, self.of_stage()) or given.chosen == SAMPLE:
            said = "sandbox: the embedded sample"
        else:
            if given.chosen is None:
                given.require("source")
            said = f"live, asked through {origins(given.url)}" if given.url else "live"
        return {"Exchanges": f"{said}; steps run {given.execution}"}

    def ecs(self) -> PipesEcsTasks:
        """What starts tasks, with AWS's own settings."""
        return PipesEcsTasks()

    def place(self) -> EcsPlace:
        """Where tasks run.

        Raises:
            SettingError: naming what is not set.
        """
        given = self.given()
        cluster, subnets, groups = given.require("ecs_cluster", "ecs_subnets", "ecs_security_groups")
        return EcsPlace(cluster, given.ecs_launch_type, words(subnets), words(groups))

    def failures_explained(self) -> AbstractContextManager[None]:
        """Our errors as Dagster's: a transient one is tried again as the stage has it, a permanent one never."""
        return failures_explained(self.of_stage().stage, RETRIES)


def environ_of_task(environ: Mapping[str, str], stage: str) -> dict[str, str]:
    """The settings of this run that its task fetches by; what else it needs, its definition has. None is secret."""
    own = {name: value for name, value in environ.items() if name.startswith("EXCHANGES_") and not _of_launch(name)}
    lake = {name: environ[name] for name in ("LAKE_URI", "LAKE_KMS_KEY") if name in environ}
    return {"HEADWATER_STAGE": stage, **own, **lake}


def _of_launch(name: str) -> bool:
    return name == "EXCHANGES_EXECUTION" or name.startswith("EXCHANGES_ECS_")


def tags_of_task(environ: dict[str, str], job: str, day: str) -> dict[str, Any]:
    """What a task is found by in AWS."""
    user = environ.get("EXCHANGES_USER", "")
    return {"room": "exchanges", "job": job, "day": day} | ({"user": user} if user else {})
