"""``python -m commands verify``: whether Parquet of the Ethereum chain that others made is what headers commit to."""

import json
import time
from datetime import date
from pathlib import Path

import click

from assets.ethereum.audit.foreign import foreign_day
from assets.ethereum.audit.headers import known_of_files, known_of_node
from assets.ethereum.audit.report import Report, comparison_report, proof_report
from assets.ethereum.extract.exports import Export
from core.errors import HeadwaterError, SettingError
from core.windows import parse_day
from resources.clients.ethereum.node import EthereumNode
from resources.clients.lake.object_store import ObjectStore
from resources.clients.lake.store_of_uri import store_for


@click.command()
@click.argument("source", metavar="DIRECTORY_OR_S3_URI")
@click.argument("day", metavar="DAY")
@click.option(
    "--node", help="The node whose blocks the files are held against; comma-separated, as ETHEREUM_PROVIDER_URI."
)
@click.option(
    "--headers",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="In place of a node: a folder of answers of eth_getBlockByNumber, one block in a file (.json, .json.gz).",
)
@click.option("--against", help="Another directory or s3:// URI: compare the day's rows of both.")
@click.option(
    "--report", "target", type=click.Path(dir_okay=False, path_type=Path), help="Where the report goes, as JSON."
)
def verify(  # noqa: PLR0917 - click calls it by name
    source: str, day: str, node: str | None, headers: Path | None, against: str | None, target: Path | None
) -> None:
    """Prove a day of Parquet that others made: the layout of ethereum-etl, of the AWS public dataset, or Headwater's.

    Says what is proved, what cannot be and why, and what is not as the headers have it; the exit code is 1 for that.
    """
    if sum(given is not None for given in (node, headers, against)) != 1:
        raise click.UsageError("Give one of --node, --headers and --against: what the files are held against.")
    try:
        of = parse_day(day)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    try:
        report = _report(source, of, node, headers, against)
    except HeadwaterError as error:
        raise click.ClickException(str(error)) from error
    for line in report.lines():
        click.echo(line)
    if target:
        try:
            target.write_text(json.dumps(report.as_dict(), indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            told = f"--report: cannot write {target}: {error.strerror or error}. What was found stands above."
            raise click.ClickException(told) from error
        click.echo(f"Written to {target}.")
    if not report.passed:
        raise click.exceptions.Exit(1)


def _store_of(place: str) -> ObjectStore:
    try:
        return store_for(place)
    except SettingError:  # whose sentence is about LAKE_URI
        raise click.UsageError(f"{place!r} is neither a directory nor s3://bucket/prefix.") from None


def _report(source: str, day: date, node: str | None, headers: Path | None, against: str | None) -> Report:
    found = foreign_day(_store_of(source), day)
    if against is not None:
        return comparison_report(source, found, against, foreign_day(_store_of(against), day))
    if headers is not None:
        return proof_report(source, str(headers), found, known_of_files(headers, day))
    export = Export(EthereumNode(node or ""), lambda line: click.echo(line, err=True), time.monotonic)
    return proof_report(source, export.node.name, found, known_of_node(export, day))
