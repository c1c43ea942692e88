"""The lake."""

from typing import Literal

from core.settings.base import Settings, Text, setting
from core.settings.stage import Stage


class Lake(Settings):
    """The lake."""

    uri: Text | None = setting(
        "LAKE_URI",
        "Root of the lake: s3://bucket/prefix or a directory; $HEADWATER_HOME/lake locally.",
        "s3://my-lake/headwater",
    )
    format: Literal["parquet", "csv"] = setting(
        "LAKE_FORMAT",
        "parquet, or csv for the files and names of the old export (csv and JSON), where a table has them.",
        "csv",
        "parquet",
    )
    kms_key: Text | None = setting(
        "LAKE_KMS_KEY",
        "KMS key, by id or ARN, that objects on S3 are encrypted with; the bucket decides when not set.",
        "alias/headwater-lake",
    )

    def root(self, stage: Stage) -> str:
        """Where the lake is; embedded only in the local stage.

        Raises:
            SettingError: when it is not set elsewhere.
        """
        if self.uri is None and stage.stage == "local":
            return str(stage.directory / "lake")
        (uri,) = self.require("uri")
        return str(uri)
