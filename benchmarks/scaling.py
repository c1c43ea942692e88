"""The arithmetic of ``docs/scaling.md``: ``python -m benchmarks.scaling`` computes its tables anew from its inputs.

The first table of that document holds what was measured and assumed; change a figure there and run this. A test fails
while the document and the arithmetic disagree.
"""

import re
from math import ceil
from pathlib import Path

from assets.ethereum.tables import TABLES

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "scaling.md"
MACHINES = (1, 10, 100)
HOUR, MB, GB, TB = 3600, 1e6, 1e9, 1e12

# Six tables of a day have a proof beside their manifest: those that a block's header commits to, and the day's range.
PROVED = ("blocks_meta", "blocks", "transactions", "withdrawals", "receipts", "logs")

Inputs = dict[str, float]


def inputs(text: str) -> Inputs:
    """The figures of the first table, by their names.

    Raises:
        ValueError: when a line of it holds no number.
    """
    table = text.split("<!-- inputs -->")[1]
    rows = re.findall(r"^\| `(\w+)` \| ([\d,.]+) \|", table, re.MULTILINE)
    return {name: float(value.replace(",", "")) for name, value in rows}


def work(given: Inputs) -> list[list[str]]:
    """What all of mainnet takes, wherever it runs."""
    full = given["transactions"] / given["transactions_per_block"]
    requests = given["blocks"] * given["requests_of_day"] / given["blocks_of_day"]
    lake = full * given["lake_bytes_per_block"]
    objects = given["days"] * objects_of_a_day()
    runs = export_runs(given)
    return [
        ["", "all of mainnet"],
        ["blocks of today's size with as many transactions", f"{full / 1e6:.1f} million"],
        ["requests to the node", f"{requests / 1e6:.1f} million"],
        ["answers of the node", f"{full * given['json_bytes_per_block'] / TB:.1f} TB"],
        ["lake", f"{lake / TB:.2f} TB"],
        ["objects in the lake", f"{objects:,.0f}"],
        ["of a mean size of", f"{lake / (given['days'] * len(TABLES)) / MB:.0f} MB a data file"],
        ["CPU time of the export, all proved", f"{_export_cpu(given) / HOUR:,.0f} hours"],
        ["export runs", f"{runs:,}"],
        ["runs that load and aggregate everything", "2"],
        ["the same with one run per day and stage", f"{3 * given['days']:,.0f}"],
    ]


def objects_of_a_day() -> int:
    """Of each table a data file and a manifest, of some a proof."""
    return 2 * len(TABLES) + len(PROVED)


def export_runs(given: Inputs) -> int:
    """Runs of a backfill of the lake."""
    return ceil(given["days"] / given["days_per_export_run"])


def _export_cpu(given: Inputs) -> float:
    return given["transactions"] / given["transactions_per_block"] * given["cpu_seconds_per_1000_blocks"] / 1000


def exporting(given: Inputs) -> list[list[str]]:
    """Hours, cost and what the node has to stand, by the number of machines that export at once."""
    full = given["transactions"] / given["transactions_per_block"]
    seconds_per_block = given["seconds_of_day"] / given["blocks_of_day"]
    lines = [["", *(f"{count} machine{'s' if count > 1 else ''}" for count in MACHINES)]]
    seconds, starts = full * seconds_per_block, export_runs(given) * given["seconds_to_start_a_run"]
    hours = [(seconds + starts) / count / HOUR for count in MACHINES]
    task = given["usd_per_vcpu_hour"] * given["vcpus"] + given["usd_per_gb_hour"] * given["gigabytes"]
    rates = [count / seconds_per_block for count in MACHINES]
    lines.append(["hours of export", *(f"{value:,.1f}" for value in hours)])
    lines.append(["of them starting runs", *(f"{starts / count / HOUR:,.1f}" for count in MACHINES)])
    lines.append(["blocks a second from the node", *(f"{value:,.0f}" for value in rates)])
    answers = [value * given["json_bytes_per_block"] / MB for value in rates]
    lines.append(["MB a second from the node", *(f"{value:,.0f}" for value in answers)])
    calls = [value * given["requests_of_day"] / given["blocks_of_day"] for value in rates]
    lines.append(["requests a second to the node", *(f"{value:,.0f}" for value in calls)])
    limit = given["node_megabytes_per_second"]
    bound = full * given["json_bytes_per_block"] / MB / limit / HOUR
    paced = [max(value, bound) for value in hours]
    lines.append([f"hours with a node of {limit:,.0f} MB a second", *(f"{value:,.1f}" for value in paced)])
    # Machines that wait for the node are paid for all the same.
    lines.append(
        [
            "USD of Fargate, with that node",
            *(f"{value * count * task:,.0f}" for value, count in zip(paced, MACHINES, strict=True)),
        ]
    )
    return lines


def loading(given: Inputs) -> list[list[str]]:
    """Hours that one DuckDB takes for the rows of the three big tables, one after the other."""
    full = given["transactions"] / given["transactions_per_block"]
    rows = {
        "transactions": given["transactions"],
        "receipts": given["transactions"],
        "logs": full * given["logs_per_block"],
    }
    hours = {name: count / given[f"{name}_rows_per_second"] / HOUR for name, count in rows.items()}
    lines = [["table", "rows", "hours in DuckDB"]]
    lines += [[name, f"{count / 1e9:.1f} billion", f"{hours[name]:.1f}"] for name, count in rows.items()]
    return [*lines, ["together", f"{sum(rows.values()) / 1e9:.1f} billion", f"{sum(hours.values()):.1f}"]]


def keeping(given: Inputs) -> list[list[str]]:
    """What stands afterwards, by the month, without the node and the warehouse."""
    full = given["transactions"] / given["transactions_per_block"]
    objects = given["days"] * objects_of_a_day()
    month = 730
    lake = full * given["lake_bytes_per_block"] / GB * given["usd_per_gb_month"]
    small = given["usd_per_vcpu_hour"] + given["usd_per_gb_hour"] * 4
    return [
        ["", "USD"],
        ["writing every object of the lake, once", f"{objects / 1000 * given['usd_per_1000_puts']:.0f}"],
        ["lake in S3, a month", f"{lake:,.0f}"],
        ["web server and daemon, two tasks of 1 vCPU and 4 GB, a month", f"{2 * small * month:,.0f}"],
        ["PostgreSQL for Dagster's record, a month", f"{given['usd_per_database_hour'] * month:,.0f}"],
        [
            "loading and aggregating a day on Redshift Serverless, a month",
            f"{given['warehouse_hours_per_day'] * given['rpus'] * given['usd_per_rpu_hour'] * 30:,.0f}",
        ],
    ]


def rendered(rows: list[list[str]]) -> str:
    """Rows as a table of Markdown."""
    head, *body = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([head, f"|{'---|' * len(rows[0])}", *body])


def computed(text: str) -> str:
    """The document with its derived tables computed from its inputs."""
    given = inputs(text)
    for name, table in (("work", work), ("exporting", exporting), ("loading", loading), ("keeping", keeping)):
        between = re.compile(rf"<!-- {name} -->\n.*?<!-- end -->", re.DOTALL)
        rows = rendered(table(given))
        text, found = between.subn(f"<!-- {name} -->\n{rows}\n<!-- end -->", text)
        if found != 1:
            raise ValueError(f"{DOCUMENT.name}: expected one table {name}, found {found}")
    return text


if __name__ == "__main__":
    DOCUMENT.write_text(computed(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
