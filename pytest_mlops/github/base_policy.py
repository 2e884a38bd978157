"""The policy of the base of a pull request, read from the base commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.ci.git import (
    existing_folder,
    file_names,
    git_file,
    merge_base,
    object_name,
    path_in_tree,
    read_file,
    work_tree,
)
from pytest_mlops.config.find import CONFIG_NAMES, configs_above, configs_below, is_config
from pytest_mlops.config.guard import MAX_BYTES
from pytest_mlops.errors import ConfigError, EvidenceError
from pytest_mlops.files import read_bytes
from pytest_mlops.github.policy_changes import Effect, PolicyChange, policy_changes
from pytest_mlops.github.policy_snapshot import PolicySnapshot, snapshot_of_record, snapshot_of_yaml
from pytest_mlops.verdict import Decision

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path, PurePosixPath

    from pytest_mlops.records.integration import IntegrationResult
    from pytest_mlops.records.policy import Policy

__all__ = [
    "Changes",
    "changes_from_file",
    "changes_in_checkout",
    "changes_in_search",
    "changes_since",
    "has_base",
    "named_files",
    "stated_decision",
    "unknown",
]

Changes = tuple[tuple[PolicyChange, ...], Decision]
"""The changes, and what the base's own policy decides about them."""


def changes_in_checkout(record: IntegrationResult, config: Path, base: str, head: str = "HEAD") -> Changes:
    """Compare the policy of a record with the one of the commit that ``base`` and ``head`` share.

    Args:
        record: The record.
        config: ``mlops.yaml`` in the work tree.
        base: Base commit or base branch of the change.
        head: The commit that was measured.
    """
    folder = existing_folder(config.parent)
    try:
        root, commit = work_tree(folder), merge_base(folder, base, head)
        changes, decision = _gone(root, commit, head)
        found = git_file(root, config, commit)
        content = None if found is None else read_file(found, MAX_BYTES)
    except EvidenceError as error:
        return unknown(record, str(error))
    if content is None:
        return changes, decision
    of_file, stated = changes_since(record, content, config)
    decision = Decision.BLOCK if Decision.BLOCK in {decision, stated} else Decision.ALLOW
    named = _named_files(content, config, root, (commit, head))
    return (*changes, *of_file, *named, *_baselines(record, config, root, commit, head)), decision


def changes_in_search(record: IntegrationResult, folder: Path, base: str, head: str = "HEAD") -> Changes:
    """Compare as :func:`changes_in_checkout` where no configuration was named, and so one was searched for.

    The change may have chosen the configuration that judged: one that the base lacks is compared with the one
    that the base would have found instead.

    Args:
        record: The record; its own tests could have written which configuration it names.
        folder: The working directory.
        base: Base commit or base branch of the change.
        head: The commit that was measured.
    """
    config = folder / (record.provenance.config or CONFIG_NAMES[0])
    changes, decision = changes_in_checkout(record, config, base, head)
    try:
        root = work_tree(existing_folder(folder))
        commit = merge_base(root, base, head)
        known = git_file(root, config, commit) is not None
        replaced = [] if known else _replaced(record, root, commit, folder, config)
    except EvidenceError as error:
        return unknown(record, str(error))
    decisions = [decision, *(each for _, each in replaced)]
    return (*changes, *(change for found, _ in replaced for change in found)), _strictest(decisions)


def _replaced(
    record: IntegrationResult, root: Path, commit: str, folder: Path, config: Path
) -> list[Changes]:
    """Compare with what the base has in place of a configuration that it lacks."""
    files = file_names(root, commit)
    above = configs_above(files, path_in_tree(root, config.parent))
    if above:
        return [_since(record, root, name, commit, config) for name in above]
    others = _searched(files, path_in_tree(root, folder))
    if not others:
        return []
    judged = record.provenance.config or "no configuration"
    why = f"{judged} judged, and the base has {', '.join(others)}; name one with config:"
    return [(unknown(record, why)[0], _strictest([_stated(root, name, commit) for name in others]))]


def _since(record: IntegrationResult, root: Path, name: str, commit: str, config: Path) -> Changes:
    file = git_file(root, root / name, commit)
    return ((), Decision.ALLOW) if file is None else changes_since(record, read_file(file, MAX_BYTES), config)


def _strictest(decisions: Sequence[Decision | None]) -> Decision:
    return Decision.BLOCK if Decision.BLOCK in decisions else Decision.ALLOW


def stated_decision(folder: Path, named: str, base: str) -> Decision | None:
    """Return what the base's policy decides about changes of it; ``None`` where that is unknown.

    Args:
        folder: The working directory.
        named: The configuration that the workflow names, relative to ``folder``; where it is empty, every
            configuration counts that the gate could find from there, and the strictest decides.
        base: Base commit or base branch of the change.
    """
    try:
        root = work_tree(existing_folder(folder))
        commit = merge_base(root, base)
        files = file_names(root, commit)
        where = path_in_tree(root, folder)
        names = [path_in_tree(root, folder / named).as_posix()] if named else _searched(files, where)
        stated = [_stated(root, name, commit) for name in names]
    except EvidenceError:
        return None
    return None if None in stated and Decision.BLOCK not in stated else _strictest(stated)


def _searched(files: frozenset[str], folder: PurePosixPath) -> tuple[str, ...]:
    """Return every configuration of a commit that the gate could find from ``folder``."""
    return tuple(dict.fromkeys((*configs_above(files, folder), *configs_below(files, folder))))


def _stated(root: Path, name: str, commit: str) -> Decision | None:
    """Return what one configuration of a commit decides; ``None`` where it is not valid.

    Raises:
        EvidenceError: it cannot be read.
    """
    file = git_file(root, root / name, commit)
    if file is None:
        return Decision.ALLOW
    try:
        return snapshot_of_yaml(read_file(file, MAX_BYTES), name).policy.gate.policy_changes
    except ConfigError:
        return None


def _gone(root: Path, commit: str, head: str) -> Changes:
    """Name the configurations that the change removes or adds; one that was moved counts as both."""
    was, is_ = ({name for name in file_names(root, of) if is_config(name)} for of in (commit, head))
    changes, decision = [], Decision.ALLOW
    for name in sorted(was - is_):
        changes.append(PolicyChange(effect=Effect.LOOSENED, text=f"{name} is gone, and its gate with it"))
        file = git_file(root, root / name, commit)
        try:
            before = None if file is None else snapshot_of_yaml(read_file(file, MAX_BYTES), name)
        except (ConfigError, EvidenceError):
            continue
        if before is not None and before.policy.gate.policy_changes is Decision.BLOCK:
            decision = Decision.BLOCK
    added = sorted(is_ - was) if was else ()
    for name in added:
        text = f"{name} is new: what lies below it is judged by another policy than that of the base"
        changes.append(PolicyChange(effect=Effect.LOOSENED, text=text))
    if added and Decision.BLOCK in [_stated(root, name, commit) for name in was]:
        decision = Decision.BLOCK
    return tuple(changes), decision


def changes_from_file(record: IntegrationResult, base: Path, config: Path | None = None) -> Changes:
    """Compare the policy of a record with a copy of the base's ``mlops.yaml``.

    Args:
        record: The record.
        base: The copy.
        config: The file of the change itself, which has the parameters of checks.
    """
    try:
        with base.open("rb") as stream:
            return changes_since(record, stream.read(MAX_BYTES + 1), config)
    except OSError as error:
        return unknown(record, f"cannot read {base}: {error.strerror or error}")


def changes_since(record: IntegrationResult, base: bytes, config: Path | None) -> Changes:
    """Compare the policy of a record with the ``mlops.yaml`` in ``base``.

    Args:
        record: The record.
        base: Content of the base's file.
        config: The file of the change itself, where it is at hand: the record knows its checks by name only.
    """
    try:
        before = snapshot_of_yaml(base, "mlops.yaml of the base")
    except ConfigError as error:
        return unknown(record, f"the base's own mlops.yaml is not valid: {error.problems[0]}")
    changes = (*_hidden_gap(record, before.policy), *policy_changes(before, _head(record, config)))
    return changes, before.policy.gate.policy_changes


def _hidden_gap(record: IntegrationResult, before: Policy) -> tuple[PolicyChange, ...]:
    """Log so where only requirements that the change adds lift coverage over what the base asks for."""
    least = before.gate.min_coverage
    shares = {cell.cell: cell.share + cell.undecided_share for cell in record.coverage_cells}
    cells = [cell for cell in before.cells() if cell.title in shares]  # what was removed is named anyway
    if not cells or record.coverage is None or record.coverage < least:
        return ()
    weight = sum(cell.weight for cell in cells)
    covered = sum(cell.weight * shares[cell.title] for cell in cells) / weight
    if covered >= least - 1e-9:
        return ()
    text = (
        f"coverage of what the base declares is {covered:.3g}, at least {least:g}; added requirements hide it"
    )
    return (PolicyChange(effect=Effect.LOOSENED, text=text),)


def _head(record: IntegrationResult, config: Path | None) -> PolicySnapshot:
    known = snapshot_of_record(record)
    try:
        content = b"" if config is None else read_bytes(config, limit=MAX_BYTES)
        stated = snapshot_of_yaml(content, "mlops.yaml") if content else known
    except (EvidenceError, ConfigError):
        return known
    # The record has the policy that was applied; only the file has the parameters of its checks.
    return PolicySnapshot(policy=known.policy, checks=stated.checks, environments=stated.environments)


def has_base(folder: Path, base: str) -> bool:
    """Return whether the clone that ``folder`` lies in reaches back to a commit."""
    try:
        merge_base(existing_folder(folder), base)
    except EvidenceError:
        return False
    return True


def named_files(content: bytes) -> tuple[tuple[str, str], ...]:
    """Return (what it is, path) of each file that a base's policy names; of one that is not valid, none."""
    try:
        return snapshot_of_yaml(content, "mlops.yaml of the base").files
    except ConfigError:  # reported where the policies are compared
        return ()


def _named_files(
    content: bytes, config: Path, root: Path, commits: tuple[str, str]
) -> tuple[PolicyChange, ...]:
    """Name what the base's policy names as files, and the change rewrites: they are part of the policy."""
    found = []
    for what, name in named_files(content):
        try:
            was, is_ = (object_name(root, config.parent / name, commit) for commit in commits)
        except EvidenceError as error:
            text = f"the {what} {name} could not be compared with its base: {error}"
            found.append(PolicyChange(effect=Effect.UNKNOWN, text=text))
            continue
        if was != is_:
            how = "is gone" if is_ is None else "is new" if was is None else "is rewritten"
            found.append(PolicyChange(effect=Effect.LOOSENED, text=f"the {what} {name} {how}"))
    return tuple(found)


def _baselines(
    record: IntegrationResult, config: Path, root: Path, commit: str, head: str
) -> tuple[PolicyChange, ...]:
    """Log which committed baselines the change rewrites; the comparison used the older ones."""
    rewritten = []
    for source in record.policy.baseline.sources:
        kind, _, name = source.partition(":")
        if kind != "file":
            continue
        path = config.parent / name
        try:
            was, is_ = git_file(root, path, commit), git_file(root, path, head)
        except EvidenceError:
            continue
        if was is not None and (is_ is None or is_.oid != was.oid):
            rewritten.append(
                PolicyChange(
                    effect=Effect.OTHER,
                    text=f"the baseline {source} is rewritten; the comparison used the version before",
                )
            )
    return tuple(rewritten)


def unknown(record: IntegrationResult, why: str) -> Changes:
    """Return that the changes are unknown; the record's own policy may still block for it."""
    change = PolicyChange(
        effect=Effect.UNKNOWN, text=f"the policy could not be compared with its base: {why}"
    )
    return (change,), record.policy.gate.policy_changes
