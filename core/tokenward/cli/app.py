"""The typer application with all commands."""

from typing import Final

import typer

from tokenward.cli.doctor_command import doctor
from tokenward.cli.inspect_command import inspect
from tokenward.cli.keys_commands import keys_app
from tokenward.cli.token_commands import issue, purge, revoke

__all__ = ["app"]

app: Final = typer.Typer(
    help=(
        "Inspect and issue tokens, manage keys and check the configuration. Settings come from "
        "TOKENWARD_... variables; secrets and tokens are never arguments. Exit codes: 0 success, "
        "1 invalid, 2 usage, 3 unavailable, 4 not installed."
    ),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(keys_app, name="keys")
for _each in (inspect, issue, revoke, purge, doctor):
    app.command(_each.__name__)(_each)
