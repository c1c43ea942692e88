"""The stage, its directory and its address."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

from core.settings.base import Address, Settings, Text, setting

StageName = Literal["local", "test", "preprod", "prod"]
STAGES: tuple[StageName, ...] = get_args(StageName)


class Stage(Settings):
    """The stage, its directory and its address."""

    stage: StageName = setting(
        "HEADWATER_STAGE",
        "Which set of resources serves the assets; outside local, nothing falls back to an embedded default.",
        "prod",
        "local",
    )
    home: Text = setting(
        "HEADWATER_HOME",
        "Directory of the embedded defaults: lake, warehouse file, Dagster's storage.",
        "/var/lib/headwater",
        ".headwater",
    )
    url: Address | None = setting(
        "HEADWATER_URL",
        "Address of the web server as people reach it; notices link to the failed run there.",
        "https://headwater.example.com",
    )

    @property
    def directory(self) -> Path:
        """The directory of the embedded defaults, absolute."""
        return Path(self.home).absolute()

    @property
    def warehouse_file(self) -> Path:
        """The embedded warehouse's database file."""
        return self.directory / "warehouse.duckdb"


def stage_from(environ: Mapping[str, str] | None = None) -> StageName:
    """The stage of ``environ``, or the one in force.

    Raises:
        SettingError: listing them.
    """
    return Stage.read(environ).stage
