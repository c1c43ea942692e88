"""ethereum-etl's own words, with a node's address that holds keys: none of them is in the run or in its output."""

import os

import dagster as dg
import pytest

from resources.clients.ethereum_etl.runner import PROVIDER
from resources.ethereum_etl import EthereumEtlResource
from tests.standins.echo import EchoServer
from tests.standins.postgres_tcp import free_port
from tests.standins.runs import failures

pytestmark = pytest.mark.xdist_group("ethereum-etl")

NODE = "http://user:planted-word@{}/v3/planted-key?apikey=planted-parameter"
COMMANDS = [
    ["export_blocks_and_transactions", "-s", "1", "-e", "2", "-p", PROVIDER, "--blocks-output", os.devnull],
    ["get_block_range_for_date", "-p", PROVIDER, "-d", "2024-01-02"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
@pytest.mark.parametrize("status", [None, 401], ids=["nobody listens", "echo"])
def test_a_failing_command_does_not_show_the_nodes_key(ethereum_etl, command, status, capfd):
    echo = EchoServer(status) if status else None
    host = echo.host if echo else f"127.0.0.1:{free_port()}"

    @dg.asset
    def exported(context: dg.AssetExecutionContext, etl: EthereumEtlResource):
        etl.run(context, NODE.format(host), [command])

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([exported], resources={"etl": ethereum_etl}, instance=instance, raise_on_error=False)
        told = [str(entry) for entry in instance.all_logs(result.run_id)]
    if echo:
        echo.stop()
    assert not result.success
    assert "ethereum-etl" in str(failures(result))
    printed = capfd.readouterr()
    assert "Error" in printed.err
    assert "planted" not in "\n".join([*told, printed.out, printed.err])
