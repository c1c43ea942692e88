"""dbt's account of the project, read once for all rooms."""

import json
from typing import Any

from resources.dbt import prepared_manifest

MANIFEST: dict[str, Any] = json.loads(prepared_manifest().read_text())
