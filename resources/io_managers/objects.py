"""Single objects of the lake as an IO manager: one by its declared key, the newest under a second key, too."""

import time
from typing import Any

import dagster as dg

from core.partitions import PartitionAddress
from core.settings import lake as lake_settings
from resources.clients.lake.object_store import MemoryObjectStore
from resources.clients.lake.objects import PublishedObjects
from resources.clients.lake.store_of_uri import store_for
from resources.configured import ReadsSettings
from resources.descriptions import link
from resources.io_managers.addresses import Context, object_of, partitions_of
from resources.retries import failures_explained


class _ObjectReadsAndWrites:
    """What the IO managers of objects have in common; each says which store it is."""

    def objects(self) -> PublishedObjects:
        raise NotImplementedError

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        started, declared, partition = time.monotonic(), object_of(context), _partition_of(context)
        with failures_explained():
            objects = self.objects()
            written = objects.write(declared, partition, obj)
        about: dict[str, Any] = {
            "dagster/uri": objects.store.uri(written.key),
            "object": link(objects.store.uri(written.key)),
            "bytes": written.bytes,
            "sha256": written.sha256,
            "seconds": round(time.monotonic() - started, 3),
        }
        if written.latest:
            about["latest"] = link(objects.store.uri(written.latest))
        context.add_output_metadata(about)

    def load_input(self, context: dg.InputContext) -> Any:
        declared, partition = object_of(context), _partition_of(context)
        wanted = context.dagster_type.typing_type
        with failures_explained():
            objects = self.objects()
            if wanted in (bytes, str):
                data = objects.read(declared, partition)
                return data if wanted is bytes else data.decode()
            return objects.read_json(declared, partition)


def _partition_of(context: Context) -> PartitionAddress | None:
    if not context.has_asset_partitions:
        return None
    partitions = list(partitions_of(context).values())
    if len(partitions) != 1:
        raise ValueError(
            f"{context.asset_key.to_user_string()}: an object is of one partition, the run has {len(partitions)}. "
            "Give the asset no backfill policy, so that each partition has its run."
        )
    return partitions[0]


class ObjectIOManager(ReadsSettings, _ObjectReadsAndWrites, dg.ConfigurableIOManager):
    """Declared objects under ``LAKE_URI``.

    An asset returns bytes, text, the ``Path`` of a local file, or a dict or list that becomes JSON. An input annotated
    with bytes or str comes as that, any other as the value of its JSON. acls: whether the bucket takes ACLs.
    """

    uri: str | None = None
    acls: bool = True

    def objects(self) -> PublishedObjects:
        """The plain client."""
        given = self.settings(lake_settings.Lake)
        return PublishedObjects(store_for(given.root(self.of_stage()), given.kms_key), self.acls)


class InMemoryObjectIOManager(_ObjectReadsAndWrites, dg.IOManager):
    """The same in this process, for pytest: what one ``materialize`` wrote, the next one reads."""

    def __init__(self) -> None:
        self._objects = PublishedObjects(MemoryObjectStore())

    def objects(self) -> PublishedObjects:
        """The plain client."""
        return self._objects
