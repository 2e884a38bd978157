"""Versions: registered once, on evidence of just their bytes, and found again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.errors import ConflictError, EvidenceError, InvalidMetadata, NotRegistered, StoreError
from pytest_mlops.records.model import ModelMetadata, ModelVersion
from pytest_mlops.registry.entries import Link
from pytest_mlops.store.log import read_log, verify_log
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from pytest_mlops.registry.registry import Registry
    from tests.registry.conftest import Clock, RecordRun

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
A, B = "a" * 64, "b" * 64


def version(name: str = "1", **fields: Any) -> ModelVersion:
    return ModelVersion(**{"model_id": "credit", "version_id": name, "digest": A} | fields)


def kinds(registry: Registry) -> list[str]:
    with registry.store.read() as connection:
        verify_log(connection)
        return [entry.kind for entry in read_log(connection)]


def names(registry: Registry, **filters: Any) -> list[str]:
    return [entry.version_id for entry in registry.list(**filters).entries]


def test_what_was_registered_comes_back(registry: Registry) -> None:
    given = version(tags=("gold", "team=risk"), metadata=ModelMetadata(algorithm="trees"))
    made = registry.register(given, stored=True)
    assert made.created
    entry = registry.get("credit", "1")
    assert entry.model_version == given
    assert (entry.digest, entry.stored, entry.created_at, entry.created_by) == (A, 1, NOON, "ada")
    assert entry.tags == {"gold": "", "team": "risk"}
    assert entry._replace(packed_tags=None) == made.entry._replace(packed_tags=None)
    assert made.entry.tags == entry.tags


def test_the_same_bytes_under_the_same_name_are_registered_once(registry: Registry) -> None:
    first = registry.register(version())
    again = registry.register(version(metadata=ModelMetadata(algorithm="other words")))
    assert not again.created
    assert again.entry == first.entry
    assert kinds(registry) == ["register"]


def test_other_bytes_under_the_same_name_are_a_conflict_that_names_both(registry: Registry) -> None:
    registry.register(version())
    with pytest.raises(ConflictError) as refused:
        registry.register(version(digest=B))
    assert A in str(refused.value)
    assert B in str(refused.value)
    assert registry.get("credit", "1").digest == A


def test_without_bytes_the_metadata_have_to_be_the_same(registry: Registry) -> None:
    registry.register(version(digest=None))
    assert not registry.register(version(digest=None)).created
    with pytest.raises(ConflictError, match="other metadata"):
        registry.register(version(digest=None, parent_version="0"))


def test_bytes_that_are_kept_later_are_noted(registry: Registry) -> None:
    registry.register(version())
    registry.register(version(), stored=True)
    assert registry.get("credit", "1").stored == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"model_id": "m" * 201},
        {"version_id": "1\n2"},
        {"version_id": "@champion"},
        {"version_id": " "},
        {"version_id": "\ud800"},
        {"tags": ("=x",)},
        {"tags": ("team=a\x1fb",)},
        {"parent_version": "p" * 201},
        {"parent_version": "1"},
    ],
)
def test_what_cannot_be_a_name_is_refused_and_leaves_nothing(local: Registry, fields: dict[str, Any]) -> None:
    # A lone surrogate passes no validator of text, and may come from a file name all the same.
    given = version().model_copy(update=fields)
    with pytest.raises((InvalidMetadata, ValueError)):
        local.register(given)
    assert not local.list().entries
    assert kinds(local) == []


def test_evidence_gives_its_run_and_its_verdict(registry: Registry, record_run: RecordRun) -> None:
    record_run("run-1", A, Verdict.UNDECIDED)
    entry = registry.register(version(), run_id="run-1").entry
    assert (entry.run_id, entry.verdict) == ("run-1", Verdict.UNDECIDED)
    assert registry.get("credit", "1").verdict is Verdict.UNDECIDED


@pytest.mark.parametrize("tested", [B, None])
def test_evidence_for_other_bytes_is_refused(
    registry: Registry, record_run: RecordRun, tested: str | None
) -> None:
    record_run("run-1", tested)
    with pytest.raises(EvidenceError, match="is valid only for the bytes"):
        registry.register(version(), run_id="run-1")
    with pytest.raises(EvidenceError, match="is valid only for the bytes"):
        registry.register(version(digest=None), run_id="run-1")
    assert not registry.list().entries


def test_a_run_that_was_never_recorded_is_no_evidence(registry: Registry) -> None:
    with pytest.raises(EvidenceError, match="no run run-9 is recorded"):
        registry.register(version(), run_id="run-9")


def test_later_evidence_replaces_earlier_and_never_the_other_way(
    registry: Registry, record_run: RecordRun
) -> None:
    record_run("late", A, Verdict.FAIL, NOON + timedelta(hours=1))
    record_run("early", A, Verdict.PASS, NOON)
    registry.register(version())
    assert registry.register(version(), run_id="early").entry.run_id == "early"
    assert registry.register(version(), run_id="late").entry.verdict is Verdict.FAIL
    assert registry.register(version(), run_id="early").entry.run_id == "late"
    assert registry.register(version(), run_id="late").entry.run_id == "late"
    assert registry.get("credit", "1").verdict is Verdict.FAIL
    assert kinds(registry).count("evidence") == 2


def test_an_unknown_version_is_answered_with_the_nearest_name(registry: Registry) -> None:
    registry.register(version("2026.11.0"))
    with pytest.raises(NotRegistered, match=r"no version 2026\.11\.1; did you mean 2026\.11\.0\?"):
        registry.get("credit", "2026.11.1")
    with pytest.raises(NotRegistered, match=r"no version of cerdit is registered; did you mean credit\?"):
        registry.get("cerdit", "1")
    with pytest.raises(NotRegistered, match=r"credit has no alias champion, nor any other"):
        registry.get("credit", "@champion")
    registry.move_alias("credit", "champion", "2026.11.0", expected=None, reason="first")
    with pytest.raises(NotRegistered, match=r"did you mean champion\?"):
        registry.get_by_alias("credit", "champoin")
    with pytest.raises(NotRegistered, match=r"no version of x is registered$"):
        registry.get_by_alias("x", "champion")


def test_a_list_is_paged_newest_first_without_a_gap_or_a_double(registry: Registry) -> None:
    for number in range(7):
        registry.register(version(str(number)))
    seen: list[str] = []
    cursor = None
    pages = 0
    while pages == 0 or cursor is not None:
        page = registry.list(model_id="credit", limit=3, cursor=cursor)
        if pages == 0:
            registry.register(version("newcomer"))  # in front of what was read
        seen += [entry.version_id for entry in page.entries]
        cursor, pages = page.cursor, pages + 1
    assert seen == ["6", "5", "4", "3", "2", "1", "0"]
    assert pages == 3


def test_a_page_that_is_just_full_is_the_last(registry: Registry) -> None:
    for number in range(3):
        registry.register(version(str(number)))
    assert registry.list(limit=3).cursor is None


@pytest.mark.parametrize("limit", [0, -1, 10_001])
def test_a_page_has_a_size(local: Registry, limit: int) -> None:
    with pytest.raises(ValueError, match=f"limit is {limit}"):
        local.list(limit=limit)


def test_filters_narrow_a_list(registry: Registry, record_run: RecordRun, clock: Clock) -> None:
    record_run("run-1", A, Verdict.PASS)
    registry.register(version("1", tags=("gold", "team=risk")), run_id="run-1")
    clock.forward(days=1)
    registry.register(version("2", tags=("team=fraud",)))
    registry.register(version("3", model_id="other"))
    registry.move_alias("credit", "champion", "1", expected=None, reason="first")
    assert names(registry) == ["3", "2", "1"]
    assert names(registry, model_id="credit") == ["2", "1"]
    assert names(registry, tag="team") == ["2", "1"]
    assert names(registry, tag="team=risk") == ["1"]
    assert names(registry, tag="gold=") == ["1"]
    assert names(registry, tag="gold=x") == []
    assert names(registry, alias="champion") == ["1"]
    assert names(registry, verdict=Verdict.PASS) == ["1"]
    assert names(registry, verdict=Verdict.FAIL) == []
    assert names(registry, since=NOON + timedelta(days=1)) == ["3", "2"]
    assert names(registry, before=NOON + timedelta(days=1)) == ["1"]
    assert names(registry, model_id="credit", tag="team", since=NOON, before=NOON + timedelta(days=2)) == [
        "2",
        "1",
    ]


def test_tags_are_added_changed_and_removed(registry: Registry) -> None:
    registry.register(version(tags=("gold",)))
    entry = registry.tag("credit", "1", add=["team=risk", "gold"], remove=["silver"])
    assert entry.tags == {"gold": "", "team": "risk"}
    assert registry.tag("credit", "1", add=["team=fraud"], remove=["gold"]).tags == {"team": "fraud"}
    assert registry.get("credit", "1").tags == {"team": "fraud"}
    assert kinds(registry) == ["register", "tag", "tag"]


def test_a_change_of_tags_that_changes_nothing_is_not_logged(registry: Registry) -> None:
    registry.register(version(tags=("gold",)))
    assert registry.tag("credit", "1", add=["gold"]).tags == {"gold": ""}
    assert kinds(registry) == ["register"]


def test_a_tag_cannot_be_added_and_removed_at_once(local: Registry) -> None:
    local.register(version())
    with pytest.raises(InvalidMetadata, match="gold is to be added and removed"):
        local.tag("credit", "1", add=["gold"], remove=["gold"])


def test_tags_of_what_is_not_registered_are_refused(local: Registry) -> None:
    with pytest.raises(NotRegistered):
        local.tag("credit", "1", add=["gold"])


def test_lineage_leads_to_ancestors_data_and_evidence(registry: Registry) -> None:
    registry.register(version("1", parent_version="0"))
    registry.register(version("2", parent_version="1", metadata=ModelMetadata(data_version="2026-10")))
    code = Link(relation="code", target="c0ffee", digest=B)
    registry.register(version("3", parent_version="2"), links=[code])
    found = registry.lineage("credit", "3")
    assert [entry.version_id for entry in found.ancestors] == ["2", "1"]
    assert found.unregistered == "0"
    assert found.links == {"3": (code,), "2": (Link(relation="data", target="2026-10"),), "1": ()}
    assert registry.links(found.entry) == (code,)
    assert [entry.version_id for entry in registry.lineage("credit", "3", depth=1).ancestors] == ["2"]


def test_a_link_that_is_given_again_takes_the_new_digest(registry: Registry) -> None:
    registry.register(version(), links=[Link(relation="code", target="x")])
    registry.register(version(), links=[Link(relation="code", target="x", digest=B)])
    assert registry.lineage("credit", "1").links["1"] == (Link(relation="code", target="x", digest=B),)


def test_a_link_that_is_too_long_is_refused_and_leaves_nothing(registry: Registry) -> None:
    with pytest.raises(StoreError, match="target has 501 characters"):
        registry.register(version(), links=[Link(relation="code", target="x" * 501)])
    assert not registry.list().entries


@pytest.mark.parametrize("chain", [["1"], ["2", "1"], ["3", "2", "1"]])
def test_no_version_descends_from_itself(registry: Registry, chain: list[str]) -> None:
    # The first of the chain is registered last, as the child of the last.
    for child, parent in zip(chain[1:], chain, strict=False):
        registry.register(version(child, parent_version=parent))
    with pytest.raises(InvalidMetadata, match="as its parent version"):
        registry.register(version(chain[0], parent_version=chain[-1]))


def test_a_circle_that_somebody_wrote_by_hand_ends_where_it_closes(registry: Registry) -> None:
    from pytest_mlops.store.schema import model_versions

    registry.register(version("1"))
    registry.register(version("2", parent_version="1"))
    with registry.store.write() as connection:
        connection.execute(model_versions.update().where(model_versions.c.version == "1").values(parent="2"))
    assert [entry.version_id for entry in registry.lineage("credit", "2").ancestors] == ["1"]
    registry.register(version("3", parent_version="2"))


def test_entries_of_a_page_are_a_sequence(local: Registry) -> None:
    for number in range(3):
        local.register(version(str(number)))
    entries = local.list().entries
    assert entries[0] == local.get("credit", "2")
    assert [entry.version_id for entry in entries[1:]] == ["1", "0"]
    assert entries[-1] in entries
