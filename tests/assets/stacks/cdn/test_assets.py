"""The asset tells the CDN once of each state, and nothing where there is none."""

from types import SimpleNamespace

import dagster as dg
import pytest

from assets.stacks import objects as of
from assets.stacks.cdn.assets import cdn_told
from core.errors import TransientError
from resources.clients.lake.object_store import MemoryObjectStore
from resources.clients.lake.objects import PublishedObjects
from resources.io_managers.postgres import PostgresIOManager
from resources.stacks import StacksObjectIOManager, StacksResource

GIVEN = SimpleNamespace(cdn=None, objects=None)


class Sources(StacksResource):
    def cdn(self):
        return GIVEN.cdn

    def _sample(self):
        return None


class Objects(StacksObjectIOManager):
    def objects(self):
        return GIVEN.objects


class Recorder:
    """Stands for a distribution; fails as often as it is told to."""

    def __init__(self):
        self.told, self.failing = [], 0

    def __str__(self):
        return "CloudFront E1"

    def invalidate(self, keys, reference):
        self.told.append((keys, reference))
        if self.failing:
            self.failing -= 1
            raise TransientError("CloudFront E1: too many under way. Run again.")
        return "I1"


@pytest.fixture
def tell(database):
    GIVEN.cdn, GIVEN.objects = Recorder(), PublishedObjects(MemoryObjectStore())

    def run(**tags):
        resources = {"stacks": Sources(stage="local"), "postgres": PostgresIOManager(stage="local")}
        result = dg.materialize(
            [cdn_told],
            resources=resources | {"stacks_objects": Objects(stage="local")},
            raise_on_error=False,
            tags=tags,
        )
        return result.success

    return run


def test_each_state_is_told_once(tell):
    GIVEN.objects.write(of.SPOT, None, {"ath": 1})
    GIVEN.objects.write(of.MEMPOOL, None, {"1": 2})
    for _ in range(2):
        assert tell()
    assert [keys for keys, _ in GIVEN.cdn.told] == [["mempool/latest.json.gz", "spot_stats/latest.json.gz"]]
    GIVEN.objects.write(of.SPOT, None, {"ath": 2})
    assert tell()
    assert GIVEN.cdn.told[-1][0] == ["spot_stats/latest.json.gz"]


def test_a_request_that_failed_is_made_again_by_the_same_name(tell):
    GIVEN.objects.write(of.SPOT, None, {"ath": 1})
    GIVEN.cdn.failing = 1
    assert not tell()
    assert tell()
    first, second = GIVEN.cdn.told
    assert first == second


def test_without_a_distribution_nothing_is_told(tell):
    GIVEN.objects.write(of.SPOT, None, {"ath": 1})
    recorder, GIVEN.cdn = GIVEN.cdn, None
    assert tell()
    assert recorder.told == []
