"""``registry alias`` and ``registry history``: move an alias by compare-and-set, and look back."""

# The heavy imports stand inside the commands, so that --help and completion answer at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pytest_mlops.cli.registry_common import Alias, AsJson, Cursor, Model, Store, open_here, say, show
from pytest_mlops.errors import ConfigError, Problem

if TYPE_CHECKING:
    from pytest_mlops.registry.entries import Revision
    from pytest_mlops.registry.registry import Registry

__all__ = ["alias", "history"]


def alias(
    model: Model,
    alias: Alias,
    *,
    to: Annotated[str | None, typer.Option(help="The version to point to, or @ALIAS.")] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Take the alias away.")] = False,
    expect: Annotated[str | None, typer.Option(help="The version it points to now.")] = None,
    new: Annotated[bool, typer.Option("--new", help="It points nowhere now.")] = False,
    expect_revision: Annotated[int | None, typer.Option(min=0, help="How often it has moved.")] = None,
    reason: Annotated[str, typer.Option(help="Why; it is kept.")],
    evidence: Annotated[str | None, typer.Option(help="Id of the recorded run that this rests on.")] = None,
    require_pass: Annotated[
        bool, typer.Option("--require-pass", help="Refuse a version whose evidence is not a PASS.")
    ] = False,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Move an alias, provided that it points where you believe it does.

    Say what you believe by --expect, --expect-revision or --new. Exits with 0 if it moved, with 4 if it
    points elsewhere, saying who moved it, and with 5 if the evidence does not suffice.
    """
    from pytest_mlops.cli.registry_pages import move_values

    with open_here(store) as opened:
        state = opened.alias_state(model, alias)
        now = "--new" if state.version_id is None else f"--expect {state.version_id}"
        expected = _expectation(expect, expect_revision, new=new, now=now)
        move = opened.move_alias(
            model,
            alias,
            _target(opened, model, to, delete=delete),
            expected=expected,
            reason=reason,
            run_id=evidence,
            require_pass=require_pass,
        )
    before, after = move.previous or "nowhere", move.version_id or "nowhere"
    sentence = f"{alias} of {model}: {before} -> {after} (revision {move.revision})"
    say(sentence, move_values(move), as_json=as_json)


def history(
    model: Model,
    alias: Alias,
    *,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Moves of a page.")] = 20,
    cursor: Cursor = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Show the moves of an alias, newest first: who, when, why, and on which evidence."""
    from pytest_mlops.cli.registry_pages import history_page, move_values

    with open_here(store) as opened:
        page = opened.alias_history(model, alias, cursor=cursor, limit=limit)
    values = {"moves": [move_values(move) for move in page.moves], "cursor": page.cursor}
    show(history_page(page, model, alias), values, as_json=as_json)


def _expectation(expect: str | None, revision: int | None, *, new: bool, now: str) -> str | Revision | None:
    from pytest_mlops.registry.entries import Revision

    if (expect is not None) + (revision is not None) + new != 1:
        raise _usage(
            f"say where the alias points now, by --expect, --expect-revision or --new; that is {now}"
        )
    return Revision(number=revision) if revision is not None else expect


def _target(opened: Registry, model: str, to: str | None, *, delete: bool) -> str | None:
    if (to is not None) + delete != 1:
        raise _usage("say where the alias is to point, by --to, or take it away by --delete")
    return opened.get(model, to).version_id if to is not None and to.startswith("@") else to


def _usage(message: str) -> ConfigError:
    return ConfigError("registry alias", [Problem(path="", message=message)])
