"""``registry prune``, ``pin`` and ``unpin``: what goes, and what stays."""

# The heavy imports stand inside the commands, so that --help and completion answer at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from pytest_mlops.cli.registry_common import AsJson, Model, Store, Version, open_here, say, show

__all__ = ["pin", "prune", "unpin"]


def prune(
    *,
    model: Annotated[str | None, typer.Option(help="Of this model only.")] = None,
    keep: Annotated[int | None, typer.Option(min=0, help="Newest versions of each model that stay.")] = None,
    older_than: Annotated[
        float | None, typer.Option(min=0, max=100_000, help="Days; only versions registered longer ago go.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say only what would go.")] = False,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Remove old versions, and the bytes that none needs any more.

    Never a version that an alias points to or that is pinned, nor the parent of such a one; with both --keep
    and --older-than, both have to hold. Bytes stored within the last day stay.
    """
    from pytest_mlops.cli.registry_pages import pruned_page

    with open_here(store) as opened:
        age = None if older_than is None else timedelta(days=older_than)
        pruned = opened.prune(model, keep=keep, older_than=age, dry_run=dry_run)
    values = {
        "versions": [{"model_id": one.model_id, "version_id": one.version_id} for one in pruned.versions],
        "artifacts": pruned.swept.manifests,
        "files": pruned.swept.blobs,
        "bytes": pruned.swept.size,
        "dry_run": dry_run,
    }
    show(pruned_page(pruned, dry_run=dry_run), values, as_json=as_json)


def pin(
    model: Model,
    version: Version,
    *,
    holder: Annotated[str, typer.Option(help="What depends on it, as deployment/production.")],
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Keep a version from being removed until its holder lets go."""
    with open_here(store) as opened:
        name = opened.get(model, version).version_id
        opened.pin(model, name, holder=holder)
    values = {"model_id": model, "version_id": name, "holder": holder, "pinned": True}
    say(f"{model} {name} is pinned by {holder}", values, as_json=as_json)


def unpin(
    model: Model,
    version: Version,
    *,
    holder: Annotated[str, typer.Option(help="What depended on it.")],
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Let go of a version."""
    with open_here(store) as opened:
        name = opened.get(model, version).version_id
        was = opened.unpin(model, name, holder=holder)
    values = {"model_id": model, "version_id": name, "holder": holder, "pinned": False}
    said = f"{holder} lets go of {model} {name}" if was else f"{holder} had not pinned {model} {name}"
    say(said, values, as_json=as_json)
