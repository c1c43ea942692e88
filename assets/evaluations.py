"""What a check that was asked about a range of partitions says: one evaluation for each of them.

Dagster plans one evaluation per partition. A single result for the whole range is stored with none of them, and the
UI then says "Skipped" of checks that passed.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import dagster as dg

# Sentences quoted in an evaluation; the count tells the rest.
QUOTED = 20
NOTHING: Mapping[str, Any] = MappingProxyType({})


def evaluations(
    context: dg.AssetCheckExecutionContext,
    problems: Mapping[str, Sequence[str]],
    accounts: Mapping[str, Mapping[str, Any]] = NOTHING,
    notes: Mapping[str, str] = NOTHING,
    *,
    error: bool | None = None,
    name: str | None = None,
) -> Iterator[dg.AssetCheckEvaluation | dg.Output[None]]:
    """An evaluation of each partition, passed where it has no problems.

    problems: the sentences of each of the step's partitions, by its key. accounts: more to show of a partition. notes:
    what is said of one that passed. error: whether a failure is an error; where not given, that of a blocking check is.
    name: which check, in a step that has several.
    """
    (spec,) = (spec for spec in context.check_specs if name in (None, spec.name))
    severe = spec.blocking if error is None else error
    for key, sentences in problems.items():
        metadata: dict[str, Any] = {"problems": len(sentences), **accounts.get(key, {})}
        if sentences:
            metadata["first_problems"] = dg.MetadataValue.text("\n".join(sentences[:QUOTED]))
        yield dg.AssetCheckEvaluation(
            asset_key=spec.asset_key,
            check_name=spec.name,
            partition=key,
            passed=not sentences,
            severity=dg.AssetCheckSeverity.ERROR if severe else dg.AssetCheckSeverity.WARN,
            blocking=spec.blocking,
            description="; ".join(sentences[:3]) or notes.get(key),
            metadata=metadata,
        )
    asked = context.op_execution_context.assets_def
    yield dg.Output(None, output_name=asked.get_output_name_for_asset_check_key(spec.key))
