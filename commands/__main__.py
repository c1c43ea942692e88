"""``python -m commands``: days of a room, or of all rooms, one job after the other, in this process.

What ``make run`` and ``make backfill`` call. The runs are recorded in DAGSTER_HOME like any other, and can be
looked at in the UI afterwards. What a room runs and shows is in its own module of ``jobs/plans/``.
"""

from datetime import date

import click

from commands import dev
from commands.verify import verify
from core.clock import Clock
from core.errors import HeadwaterError, SettingError
from core.plain import one_line
from core.windows import ONE_DAY, DayWindow, parse_day
from jobs.plan import Plan, plan_of, rooms

ALL = "all"
# Days that `missing` looks at unless told.
LOOKED_BACK = 30
# Characters of what is no day, and of why.
SHOWN = 60
# No source has older days.
EARLIEST = date(1970, 1, 1)


class Day(click.ParamType):
    """A UTC day that is over, YYYY-MM-DD."""

    name = "day"

    def convert(self, value: str | date, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """The day that the text names."""
        try:
            day = value if isinstance(value, date) else parse_day(value)
        except ValueError as error:
            self.fail(f"{one_line(value, SHOWN)!r} is no day like 2024-01-31: {one_line(error, SHOWN)}", param, ctx)
        if not EARLIEST <= day <= _yesterday():
            self.fail(f"{day} is not from {EARLIEST} to {_yesterday()}, the last UTC day that is over", param, ctx)
        return day


def _yesterday() -> date:
    return Clock().now().date() - ONE_DAY


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Headwater's command line."""


@main.command("run")
@click.argument("room", type=click.Choice([*rooms(), ALL]))
@click.option("--from", "first", type=Day(), help="First UTC day, YYYY-MM-DD; the first of the room's sample if none.")
@click.option("--to", "last", type=Day(), help="Last UTC day, included; the last of the room's sample if none.")
def run_days(room: str, first: date | None, last: date | None) -> None:
    """Run a room's jobs for a range of days; `all` runs one room after the other."""
    _run_rooms(rooms() if room == ALL else [room], first, last, sandbox=True)


@main.command()
@click.argument("room", type=click.Choice(rooms()))
@click.argument("first", type=Day(), metavar="FROM")
@click.argument("last", type=Day(), metavar="TO")
@click.option("--sandbox", is_flag=True, help="Also where the sandbox's made-up data would serve a source.")
def backfill(room: str, first: date, last: date, sandbox: bool) -> None:
    """Run a room's jobs for the days FROM to TO, included, from the configured sources."""
    _run_rooms([room], first, last, sandbox=sandbox)


@main.command()
@click.argument("room", type=click.Choice(rooms()))
@click.option("--from", "first", type=Day(), help="First UTC day; 30 days before the last if none.")
@click.option("--to", "last", type=Day(), help="Last UTC day, included; yesterday if none.")
@click.option("--start", is_flag=True, help="Materialize these days, layer by layer, and nothing else.")
@click.option("--sandbox", is_flag=True, help="Also where the sandbox's made-up data would serve a source.")
def missing(room: str, first: date | None, last: date | None, start: bool, sandbox: bool) -> None:
    """List the days of a room that are missing, or of a run that failed, by layer."""
    last = last or _yesterday()
    try:
        window = DayWindow(first or last - LOOKED_BACK * ONE_DAY, last)
        from commands.running import print_record, show_missing  # noqa: PLC0415 - loads the definitions

        if start:
            _say_first(plan_of(room), sandbox)
        done = show_missing(room, window, start=start)
        if start:
            print_record()
    except HeadwaterError as error:
        raise click.ClickException(str(error)) from error
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if not done:
        raise click.exceptions.Exit(1)


@main.command("dev")
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Of the UI.")
def develop(port: int) -> None:
    """Serve the UI on 127.0.0.1, with the daemon beside it, until Ctrl-C."""
    try:
        dev.ensure_free(port)
    except HeadwaterError as error:
        raise click.ClickException(str(error)) from error
    raise click.exceptions.Exit(dev.together(dev.commands(port)))


main.add_command(verify)


def _run_rooms(names: list[str], first: date | None, last: date | None, *, sandbox: bool) -> None:
    """Run every room, also after one that failed; the exit code says whether all of it went through."""
    try:
        plans = [plan_of(name) for name in names]
        windows = [DayWindow(first or plan.sample.first, last or plan.sample.last) for plan in plans]
    except HeadwaterError as error:
        raise click.ClickException(str(error)) from error
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    done = [_run_room(plan, window, sandbox) for plan, window in zip(plans, windows, strict=True)]
    if not all(done):
        raise click.exceptions.Exit(1)


def _run_room(plan: Plan, window: DayWindow, sandbox: bool) -> bool:
    try:
        # With it the definitions are loaded: `--help` need not wait for that, and a wrong setting ends here in words.
        from commands.running import print_record, print_table, run  # noqa: PLC0415

        print(f"{plan.title}, {window}: {plan.route()}")
        _say_first(plan, sandbox)
        done = True
        for step in plan.steps(window):
            done &= run(step.announced, step.job, step.first, step.last)
            if not (done or plan.goes_on):
                break
        if done:
            for title, rows in plan.summaries(window):
                print_table(title, rows)
            print_record()
            print(plan.closing())
    except HeadwaterError as problem:
        click.echo(f"{plan.title}: {problem}", err=True)
        return False
    return done


def _say_first(plan: Plan, sandbox: bool) -> None:
    from commands.running import say_first  # noqa: PLC0415 - loads the definitions

    made_up = say_first(plan.uses)
    if made_up and not sandbox:
        raise SettingError(
            f"{', '.join(made_up)}: no source is set, so that these days would be made up by the sandbox. Set the "
            "source in the environment or .env (docs/settings.md), or pass --sandbox if that is meant "
            "(make: ARGS=--sandbox)."
        )


if __name__ == "__main__":
    main(prog_name="python -m commands")
