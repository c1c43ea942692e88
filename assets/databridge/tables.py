"""A configured table and all that follows from where its file lies: keys of objects and assets, names of jobs."""

from dataclasses import dataclass
from typing import Literal

from assets.databridge.config import AirtableConfig, DatabridgeConfig, KnackConfig, TableConfig
from resources.clients.databridge.staging import StagedKeys

ROOM = "databridge"
Kind = Literal["databridge", "knack", "airtable"]
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class BridgeTable:
    """One configured table.

    environment: of Knack, the folder that its files lie in. path: the file, relative to the tree.
    """

    kind: Kind
    department: str
    table: str
    config: TableConfig
    path: str
    environment: str | None = None

    @property
    def name(self) -> str:
        """What messages, and a selection on the command line, call it."""
        return "/".join(self.parts)

    @property
    def parts(self) -> tuple[str, ...]:
        """Those of the file's path."""
        return tuple(self.path.split(".", 1)[0].split("/"))

    @property
    def dag(self) -> str:
        """What the old DAG was called: ``<department>__<table>[__<environment>]``."""
        return "__".join((self.department, self.table, *((self.environment,) if self.environment else ())))

    @property
    def staged_department(self) -> str:
        """The department in keys of objects and names of jobs: apart for a test environment of Knack's."""
        testing = isinstance(self.config, KnackConfig) and "test" in self.config.knack_conn_id
        return f"{self.department}_test" if testing else self.department

    @property
    def keys(self) -> StagedKeys:
        return StagedKeys(self.staged_department, self.table)

    @property
    def staged_key(self) -> list[str]:
        """The asset of the staged object."""
        return ["lake", ROOM, *self.parts]

    @property
    def carto_key(self) -> list[str]:
        return ["carto", ROOM, self.config.carto_conn_id, self.department, self.table]

    @property
    def postgres_key(self) -> list[str]:
        return ["postgres", ROOM, self.config.postgres_conn_id, self.department, self.table]

    @property
    def source_connection(self) -> str:
        """The connection that the rows come through."""
        config = self.config
        if isinstance(config, DatabridgeConfig):
            return config.source_conn_id
        if isinstance(config, KnackConfig):
            return config.knack_conn_id
        return config.airtable_conn_id if isinstance(config, AirtableConfig) else ""

    @property
    def postgres_schema(self) -> str:
        """The schema in PostgreSQL: a department of digits is spelled out, 311 is threeoneone."""
        name = self.department
        return "".join(DIGITS[int(digit)] for digit in name) if name.isdigit() else name.lower()

    def job(self, step: Literal["staged", "carto", "postgres"]) -> str:
        """The name of a step's job on Batch."""
        if self.kind == "airtable" and step == "staged":
            return f"extract_airtable_{self.table}"
        source = "oracle" if self.kind == "databridge" else self.kind
        names = {"staged": f"{source}_to_s3", "carto": "s3_to_carto", "postgres": "s3_to_postgres"}
        return f"{names[step]}_{self.staged_department}_{self.table}"

    def definition(self, step: Literal["staged", "carto", "postgres"]) -> str:
        """What the job definition of a step begins with; ``-airflow-<environment>`` follows."""
        return self.kind if step == "staged" and self.kind != "databridge" else "carto-db2"
