"""Real inputs of the databridge, kept beside the project; tests that need them skip without them."""

from tests.standins.captured import DATA

CAPTURED = DATA / "databridge"
