"""The commands, put together."""

from typing import Final

import typer

from tokenward.cli.doctor_command import doctor
from tokenward.cli.inspect_command import inspect
from tokenward.cli.keys_commands import keys_app
from tokenward.cli.token_commands import issue, purge, revoke

__all__ = ["app"]

app: Final = typer.Typer(
    help=(
        "Tokenward: tokens, keys and configurations. Settings come from TOKENWARD_... variables; "
        "secrets never from arguments. Exit codes: 0 good, 1 bad, 2 usage, 3 unavailable, 4 not "
        "installed."
    ),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(keys_app, name="keys")
for each in (inspect, issue, revoke, purge, doctor):
    app.command(each.__name__)(each)
