"""An asset whose work is a Batch job, as a job that another process can load."""

import os

import boto3
import dagster as dg
from botocore.config import Config

from core.clock import Clock
from resources.batch import PipesBatchClient

SUBMISSION = {"jobName": "export", "jobQueue": "headwater", "jobDefinition": "headwater"}


class QuickClock(Clock):
    """Waits for other processes, but not as long as for a machine of AWS."""

    def sleep(self, seconds: float) -> None:
        super().sleep(min(seconds, 0.1))


def batch_client(**more) -> PipesBatchClient:
    """The client, on the servers that the environment names, as in production."""
    config = Config(retries={"max_attempts": 1})
    batch = boto3.client("batch", config=config)
    return PipesBatchClient(batch, logs_client=boto3.client("logs", config=config), clock=QuickClock(), **more)


@dg.asset(partitions_def=dg.DailyPartitionsDefinition("2024-01-01"))
def exported(context: dg.AssetExecutionContext, batch: dg.ResourceParam[PipesBatchClient]):
    """The day, exported by a job."""
    return batch.run(context=context, submit_job_params=SUBMISSION, extras={"rows": 7}).get_results()


def exported_job() -> dg.JobDefinition:
    defs = dg.Definitions(
        [exported],
        jobs=[dg.define_asset_job("exported_job", [exported])],
        resources={"batch": batch_client()},
        executor=dg.in_process_executor,
    )
    return defs.resolve_job_def("exported_job")


if __name__ == "__main__":
    with dg.DagsterInstance.get() as instance:
        exported_job().execute_in_process(instance=instance, partition_key=os.environ["DAY"], run_id=os.environ["RUN"])
