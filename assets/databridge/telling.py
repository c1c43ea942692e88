"""What a run says of a table that it staged or loaded: facts and findings, the same in this process and on Batch."""

from typing import Any

from assets.databridge.load import Live
from resources.clients.databridge.staging import Manifest
from resources.clients.lake.object_store import ObjectStore

# What is checked of a live table, by name; the first two and the fourth decide whether it goes live.
LIVE_CHECKS = {
    "rows": "The live table has the rows of the staged run.",
    "shrink": "The live table was not replaced by one that is smaller by more than max_shrink_percent.",
    "indexes": "The live table has the indexes that its file names.",
    "grants": "Who its file names may read the live table.",
    "privacy": "The dataset is public exactly when publicuser may read it.",
}
CARTO_CHECKS = ("grants", "privacy")


def staged_facts(manifest: Manifest, store: ObjectStore) -> dict[str, Any]:
    """Of a staged run."""
    return {
        "rows": manifest.rows,
        "dagster/row_count": manifest.rows,
        "dagster/uri": store.uri(manifest.key),
        "bytes": manifest.bytes,
        "sha256": manifest.sha256,
        "object": manifest.key,
        "source": manifest.source,
        "characters of zero left out": manifest.nuls,
        "notes": "; ".join(manifest.notes) or "none",
    }


def live_facts(done: Live) -> dict[str, Any]:
    """Of a load."""
    loaded = done.loaded
    return {
        "rows": loaded.rows,
        "dagster/row_count": loaded.rows,
        "table": done.address,
        "outcome": "unchanged: it held this data" if loaded.unchanged else f"replaced {_before(done)}",
        "staged run": done.manifest.run,
        "extracted at": done.manifest.extracted_at,
        "views": ", ".join(loaded.views) or "none",
    }


def live_findings(done: Live) -> dict[str, str]:
    """What each check of a load found; all but ``privacy`` are good, since a load that lacked something failed."""
    loaded = done.loaded
    return {
        "rows": f"{loaded.rows:,} rows, as staged.",
        "shrink": f"{loaded.rows:,} rows after {_before(done)}.",
        "indexes": "; ".join(loaded.indexes) or "none",
        "grants": "As the file names them.",
        "privacy": "; ".join(done.notes) or f"{done.privacy}.",
    }


def _before(done: Live) -> str:
    return "nothing" if done.loaded.was_rows is None else f"{done.loaded.was_rows:,} rows"
