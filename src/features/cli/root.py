"""The root command and its list of commands."""

from __future__ import annotations

from typing import Annotated

import typer

from features.cli.browsing import log, ls, show
from features.cli.building import build
from features.cli.exporting import get
from features.cli.failures import WRONG_USE, TellingGroup
from features.cli.sampling import sample
from features.cli.stress import stress
from features.cli.upkeep import backup, check, delete, gc, rollback

app = typer.Typer(
    cls=TellingGroup,
    add_completion=False,
    # Plain help is there in half the time, and is the same in a terminal, a pipe and a log.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from features import __version__

        typer.echo(f"features {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def features(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - its callback answers
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Turn movies into feature tables, and keep them in a versioned store.

    \b
    Try it:   features build --sample 1000 --store store
              features ls --store store
              features show movies basic --store store

    Every command takes --help, which shows an example, and --json, which prints JSON; errors are then JSON on stderr.
    The store is the folder given with --store, else what FEATURES_STORE names, else ./store; stress heeds --store only.

    Exit codes: 0 done; 1 something is wrong or not there (a file, the store, its data); 2 wrong use; 130 interrupted;
    141 its output was closed.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(WRONG_USE)


for _command in (build, ls, show, log, get, check, gc, rollback, delete, backup, stress, sample):
    app.command()(_command)
