"""``verify``: hold a record against its own evidence, its run, its model, its signature, an environment."""

# The heavy imports stand inside the commands, so that --help and completion answer at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pytest_mlops.cli.exits import ExitCode

if TYPE_CHECKING:
    from pytest_mlops.evidence.verify import Verified
    from pytest_mlops.records.integration import IntegrationResult

__all__ = ["exit_code_for", "locate_model", "verify", "verify_file"]

CACHE = "digests.json"
"""Beside the record: what ``--cached`` knows of the model's files."""


def verify_file(
    path: Path, *, run_id: str | None = None, model: Path | None = None, cached: bool = False
) -> Verified:
    """Verify the record at ``path``.

    Args:
        path: The record.
        run_id: The run it has to be of.
        model: The model's files; by default where the record says they are, seen from here.
        cached: Read only those files of the model whose stamp changed since the last time.

    Raises:
        EvidenceError: a check does not hold, or an attestation beside the record is about another one.
    """
    from dataclasses import replace
    from functools import partial

    from pytest_mlops.evidence.attest import check_attestations
    from pytest_mlops.evidence.cached import digest_cached
    from pytest_mlops.evidence.digest import digest_artifact
    from pytest_mlops.evidence.verify import parse_record, verify_record
    from pytest_mlops.files import read_bytes
    from pytest_mlops.records.codec import MAX_RECORD_BYTES

    data = read_bytes(path, limit=MAX_RECORD_BYTES)
    record = parse_record(data, str(path))
    files = model if model is not None else locate_model(record, Path.cwd())
    digest = partial(digest_cached, cache=path.parent / CACHE) if cached else digest_artifact
    verified = verify_record(record, folder=path.parent, run_id=run_id, model=files, digest=digest)
    return replace(verified, checks=verified.checks + check_attestations(path, data))


def locate_model(record: IntegrationResult, folder: Path) -> Path | None:
    """Return where the record's model should lie, seen from ``folder``; ``None`` if it names no bytes."""
    version = record.model_version
    if version is None or version.digest is None or version.artifact_path is None:
        return None
    config = record.provenance.config
    project = folder if config is None else (folder / config).parent
    return project / version.artifact_path


def exit_code_for(record: IntegrationResult) -> ExitCode:
    """Return the exit code for what a verified record decided."""
    from pytest_mlops.verdict import Decision, Verdict

    if record.decision is Decision.ALLOW and record.verdict is not Verdict.INCOMPLETE:
        return ExitCode.ALLOW
    return {Verdict.UNDECIDED: ExitCode.UNDECIDED, Verdict.INCOMPLETE: ExitCode.INCOMPLETE}.get(
        record.verdict, ExitCode.BLOCK
    )


def verify(
    result: Annotated[Path, typer.Argument(help="The record, as .mlops/integration-result.json.")],
    *,
    run_id: Annotated[str | None, typer.Option(help="Id of the run it has to be of.")] = None,
    model: Annotated[
        Path | None, typer.Option(help="The model's files; by default where the record says they are.")
    ] = None,
    key: Annotated[
        list[Path] | None,
        typer.Option(help="Public key that must have signed it; where repeated, any of them."),
    ] = None,
    environment: Annotated[
        str | None, typer.Option(help="Also hold it against what this environment of mlops.yaml demands.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="The mlops.yaml of the environment; by default the one here.")
    ] = None,
    model_signature: Annotated[
        Path | None, typer.Option(help="OpenSSF model-signing bundle that the model must stand up to.")
    ] = None,
    model_key: Annotated[
        Path | None, typer.Option(help="Public key (P-256, P-384, P-521) of that bundle.")
    ] = None,
    cached: Annotated[
        bool, typer.Option("--cached", help="Read only the model's files that changed since the last time.")
    ] = False,
) -> None:
    """Hold a record against its own evidence, its run and its model.

    Checks the schema, reaches the verdict again from the recorded results, and compares run id and model
    digest, and the attestations beside it with its bytes; with --key its signature, with --environment
    everything that a deployment there would check. Exits with 0 if the verified record allows, 1 on FAIL,
    3 on UNDECIDED, 4 on INCOMPLETE, and 5 if the record cannot be trusted or is refused.
    """
    from pytest_mlops.cli.ticket import check_environment, check_model_signature, check_signature

    verified = verify_file(result, run_id=run_id, model=model, cached=cached)
    record = verified.record
    files = model if model is not None else locate_model(record, Path.cwd())
    checks = list(verified.checks)
    if model_signature is not None or model_key is not None:
        checks.append(check_model_signature(files, bundle=model_signature, key=model_key))
    if key:
        checks.append(check_signature(result, key))
    for check in checks:
        typer.echo(f"  ok    {check}")
    for note in verified.notes:
        typer.echo(f"  note  {note}")
    if environment is not None:
        for check in check_environment(result, environment, config=config, model=files):
            typer.echo(f"  ok    {environment}: {check}")
    for reason in record.reasons:
        typer.echo(f"  {reason.verdict.upper()}: {reason.text}")
    typer.echo(f"{record.verdict.upper()}: {record.decision} ({record.context}), run {record.run_id}")
    raise typer.Exit(exit_code_for(record))
