"""The databridge's store, connections and runner, by the settings: the sandbox where nothing else is named locally."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg

from core.clock import Clock
from core.settings import databridge
from resources.batch import PipesBatchClient
from resources.clients.aws.sdk import aws_client
from resources.clients.aws.secrets import Secrets, SecretsManager
from resources.clients.databridge.connections import Connections
from resources.clients.lake.object_store import ObjectStore
from resources.clients.lake.store_of_uri import store_for
from resources.clients.postgres.embedded import embedded_postgres
from resources.configured import ReadsSettings
from resources.retries import Retries
from resources.samples import SAMPLE, sample_for
from sandbox.databridge.world import World, build_world

# The old DAGs tried twice more, 5 minutes apart, and in production only.
RETRIES = {"local": Retries(0, 0), "test": Retries(0, 0), "preprod": Retries(0, 0), "prod": Retries(2, 300)}


class DatabridgeResource(ReadsSettings, dg.ConfigurableResource):
    """Where tables are staged, what they are read from and loaded to, and where their steps run.

    Each field stands in for the setting of its name.
    """

    uri: str | None = None
    secrets_region: str | None = None
    runner: str | None = None
    job_hours: float | None = None

    def connections(self) -> Connections:
        """Clients by the id of a connection; secrets are read when one is asked for."""
        given, stage = self._settings(), self.of_stage()
        if sample_for(given.secrets_region, stage):
            return Connections(sample_world(stage.directory), Clock())
        (region,) = given.require("secrets_region")
        return Connections(_secrets(region), Clock())

    def store(self) -> ObjectStore:
        """Where tables are staged."""
        return store_for(self._settings().root(self.of_stage()))

    def on_batch(self) -> bool:
        """Whether steps are jobs on AWS Batch."""
        return self._settings().runner == "batch"

    def batch(self) -> PipesBatchClient:
        """Runs a step as a job."""
        return PipesBatchClient(aws_client("batch"), by_stage=RETRIES)

    def submission(self, name: str, definition: str, command: list[str]) -> dict[str, Any]:
        """A job as it is submitted: its command names things, and holds no secret."""
        environment = self.environment()
        return {
            "jobName": name,
            "jobQueue": f"airflow-{environment}",
            "jobDefinition": f"{definition}-airflow-{environment}",
            "containerOverrides": {"command": command},
            "timeout": {"attemptDurationSeconds": int(self._settings().job_hours * 3600)},
        }

    def environment(self) -> str:
        """The old system's word for the stage, in names of queues and definitions."""
        return "prod" if self.of_stage().stage == "prod" else "test"

    def in_force(self) -> dict[str, str]:
        """What tables are read from and loaded to, and where they are staged."""
        given, stage = self._settings(), self.of_stage()
        if sample_for(given.secrets_region, stage):
            said = f"sandbox: {SAMPLE} city, apps and Carto accounts"
        else:
            said = f"secrets of Secrets Manager in {given.require('secrets_region')[0]}"
        return {"databridge": f"{said}; staged in {given.root(stage)}; steps run {given.runner}"}

    def _settings(self) -> databridge.Databridge:
        return self.settings(databridge.Databridge)


@cache
def sample_world(home: Path) -> World:
    """The sandbox in the embedded PostgreSQL, served from this process, once."""
    address = embedded_postgres(home)
    return build_world(lambda name: replace(address, database=name).parameters())


def _secrets(region: str) -> Secrets:
    return SecretsManager(aws_client("secretsmanager", region_name=region))
