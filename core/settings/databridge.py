"""The databridge."""

from pathlib import Path
from typing import Annotated, Literal

from core.settings.base import Between, Settings, Text, environment, listed, setting
from core.settings.stage import Stage

SHIPPED = Path(__file__).parents[2] / "assets" / "databridge" / "configs"


class Databridge(Settings):
    """The databridge."""

    config_dir: Text | None = setting(
        "DATABRIDGE_CONFIG_DIR",
        "Tree of the files that configure tables; the dozen that ships with the project when not set.",
        "/etc/databridge",
    )
    uri: Text | None = setting(
        "DATABRIDGE_URI",
        "Where tables are staged: s3://bucket or a directory; $HEADWATER_HOME/databridge locally.",
        "s3://citygeo-airflow-databridge2",
    )
    secrets_region: Text | None = setting(
        "DATABRIDGE_SECRETS_REGION",
        "AWS region whose Secrets Manager holds the connections; locally the sandbox serves them when it is not set.",
        "us-east-1",
    )
    runner: Literal["local", "batch"] = setting(
        "DATABRIDGE_RUNNER",
        "Where a table's steps run: local, in the run's own process, or batch, as jobs on AWS Batch.",
        "batch",
        "local",
    )
    job_hours: Annotated[float, Between(0.1, 48)] = setting(
        "DATABRIDGE_JOB_HOURS",
        "Hours after which AWS Batch ends a job.",
        "6",
        6.0,
    )

    @classmethod
    def tree_in_force(cls) -> Path:
        """The tree of files, whatever the other settings hold: definitions are loaded by it, of all rooms.

        Raises:
            SettingError: when it is not set to a path.
        """
        name = listed(cls.model_fields["config_dir"]).name
        return cls.read({name: environment().get(name, "")}).tree

    @property
    def tree(self) -> Path:
        """The tree of files."""
        return Path(self.config_dir).absolute() if self.config_dir else SHIPPED

    def root(self, stage: Stage) -> str:
        """Where tables are staged; embedded only in the local stage.

        Raises:
            SettingError: when it is not set elsewhere.
        """
        if self.uri is None and stage.stage == "local":
            return str(stage.directory / "databridge")
        (uri,) = self.require("uri")
        return str(uri)
