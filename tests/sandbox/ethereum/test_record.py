"""The recording can be made again: the script on a real client gives the recorded chain."""

import gzip
import json

import pytest

from sandbox.ethereum.anvil import Anvil, AnvilError, binary
from sandbox.ethereum.npm import NpmError
from sandbox.ethereum.record import CHAIN, play, record
from sandbox.ethereum.script import steps


def test_script_is_pure():
    """The same steps at every telling, or no recording could be compared with another."""
    assert list(steps()) == list(steps())


@pytest.mark.anvil
def test_replay_on_the_real_client_gives_the_recorded_chain():
    try:
        binary()
    except (AnvilError, NpmError) as missing:
        pytest.skip(f"no real client here: {missing}")
    recorded = json.loads(gzip.decompress(CHAIN.read_bytes()))
    with Anvil() as anvil:
        assert play(anvil.uri) == [entry["block"]["hash"] for entry in recorded["blocks"]]
        assert record(anvil.uri) == recorded
