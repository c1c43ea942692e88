"""Where things lie in the lake: the key layout of the old Airflow export, kept."""

from datetime import date

MANIFEST_NAME = "_manifest.json"
# What a warehouse loads from and is of no use afterwards.
STAGING_PREFIX = "staging/"


def day_prefix(dataset: str, day: date) -> str:
    """The folder of one dataset's day, with a trailing slash."""
    return f"export/{dataset}/block_date={day.isoformat()}/"


def object_path(dataset: str, day: date, name: str) -> str:
    """The key of one object of a dataset's day."""
    return day_prefix(dataset, day) + name


def manifest_path(dataset: str, day: date) -> str:
    """The key of the manifest that makes a dataset's day readable."""
    return object_path(dataset, day, MANIFEST_NAME)


def staging_path(dataset: str, load: str, name: str) -> str:
    """The key of one object that a load makes for itself; ``load`` is the load's own."""
    return f"{STAGING_PREFIX}{dataset}/{load}/{name}"
