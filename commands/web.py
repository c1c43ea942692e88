"""``python -m commands.web``: Dagster's web server behind the guard, with the options of ``dagster-webserver``."""

from dagster_webserver import app, cli
from dagster_webserver.webserver import DagsterWebserver
from starlette.middleware import Middleware

from commands.guard import Guard, host_of
from core.settings.stage import Stage


class GuardedWebserver(DagsterWebserver):
    """Dagster's web server with the guard before everything else."""

    def build_middleware(self) -> list[Middleware]:
        """The guard first: what it refuses reaches nothing of Dagster's."""
        guard = Middleware(Guard, hosts=host_of(Stage.read().url))
        return [guard, *super().build_middleware()]


if __name__ == "__main__":
    # The command makes its server by this name.
    app.DagsterWebserver = GuardedWebserver  # type: ignore[misc]
    cli.main()
