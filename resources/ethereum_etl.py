"""ethereum-etl as a resource: its commands, run in its own environment through Dagster Pipes."""

from collections.abc import Sequence
from pathlib import Path

import dagster as dg
from dagster_pipes import DagsterPipesError

from core.errors import NodeUnavailable
from core.plain import one_line
from resources.clients.ethereum_etl import runner as etl_runner
from resources.clients.ethereum_etl.environment import etl_command
from resources.configured import ReadsSettings


class EthereumEtlResource(ReadsSettings, dg.ConfigurableResource):
    """Runs ethereum-etl; what it logs is in the run's log. home: where its environment is, for tests."""

    home: str | None = None

    def run(self, context: dg.AssetExecutionContext, provider_uri: str, commands: Sequence[Sequence[str]]) -> None:
        """Run commands of ethereum-etl one after the other, in a process of its own.

        Raises:
            NodeUnavailable: when one fails, in its words.
        """
        home = Path(self.home) if self.home else self.of_stage().directory
        python = etl_command(home, context.log.info).with_name("python")
        client = dg.PipesSubprocessClient()
        try:
            done = client.run(
                context=context,
                # -P: names of our modules beside the program are not to hide those of the library.
                command=[str(python), "-P", etl_runner.__file__],
                # Not in the arguments, which every user of the machine may list.
                env={etl_runner.PROVIDER_VARIABLE: provider_uri},
                extras={"commands": [list(words) for words in commands]},
            )
        except (dg.DagsterError, DagsterPipesError) as error:
            raise NodeUnavailable(
                f"ethereum-etl: its process did not end well ({one_line(error, 500)}). Run again."
            ) from error
        for message in done.get_custom_messages():
            raise NodeUnavailable(
                f"ethereum-etl: {one_line(message['failed'], 100)} failed: {one_line(message['problem'], 500)} "
                "Check the node, then run again."
            )
