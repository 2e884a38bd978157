"""``keys``: make signing keys and show which key a file holds."""

# The heavy imports stand inside the commands, so that --help and completion answer at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["keys"]

keys = typer.Typer(help="Make signing keys, and show which key a file holds.", no_args_is_help=True)


@keys.command()
def new(
    path: Annotated[Path, typer.Argument(help="Where the private key goes; the public one as .pub.")] = Path(
        "mlops.key"
    ),
) -> None:
    """Make an Ed25519 key: the private half for its owner alone, the public half beside it.

    An existing file is never overwritten. The public half goes into trusted_keys of the environments that
    believe this key; the private half into no repository.
    """
    from pytest_mlops.evidence.keys import generate_key

    key, public = generate_key(path)
    typer.echo(f"private key: {path} (keep it out of the repository)")
    typer.echo(f"public key:  {public}")
    typer.echo(f"key id:      {key.public.id}")
    typer.echo(f"trust it with: trusted_keys: [{{name: {path.stem}, file: {public}}}]")


@keys.command()
def show(path: Annotated[Path, typer.Argument(help="PEM file with a private or a public key.")]) -> None:
    """Show the id and the public half of a key; never the private one."""
    from pytest_mlops.errors import ConfigError
    from pytest_mlops.evidence.keys import load_public_key, load_signing_key

    try:
        public, kind = load_public_key(path), "public"
    except ConfigError:
        public, kind = load_signing_key(path).public, "private"
    typer.echo(f"key id: {public.id} ({kind} key)")
    typer.echo(public.to_pem(), nl=False)
