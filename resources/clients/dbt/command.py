"""``dbt``, started as a program of its own: its own command line, but for what counts as a change of the project.

dbt parses a project anew, 3 to 5 seconds, when anything of its connection has changed: the path of a file, a port, the
name that a session gives itself. What parsing reads of the connection is its type, database and schema alone, and only
these count here, with the place of the project. Should dbt come to keep its parsing otherwise, it parses more often and
builds the same.
"""

from typing import Any

from dbt.cli.main import cli
from dbt.contracts.files import FileHash
from dbt.parser.manifest import ManifestLoader


def keep_parsing() -> None:
    """From now on in this process, a connection is the same if what parsing reads of it is."""
    whole = ManifestLoader.build_manifest_state_check

    def without_the_way_there(loader: ManifestLoader) -> Any:
        found = whole(loader)
        project = loader.root_project
        login = project.credentials
        found.profile_hash = FileHash.from_contents(
            f"{login.type} {login.database} {login.schema} {project.project_root}"
        )
        return found

    ManifestLoader.build_manifest_state_check = without_the_way_there  # type: ignore[method-assign]


if __name__ == "__main__":
    keep_parsing()
    cli()
