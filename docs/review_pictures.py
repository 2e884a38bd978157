"""Draw what reviewers see in a pull request: real comments and job summaries, photographed in Chromium.

``python -m docs.review_pictures`` measures a small model in a repository of its own, four times, posts as the
action does, keeps what would be sent, and rewrites ``docs/images/comment-*.png`` and ``summary-*.png``. The
Markdown is rendered by markdown-it-py, in a frame drawn after GitHub's pages. It needs git, chromium and
fonts-noto-core.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import httpx
from markdown_it import MarkdownIt
from PIL import Image, ImageChops

from pytest_mlops.github.step import PostOptions, StepEnvironment, post_step

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
STYLE = (Path(__file__).with_name("review_pictures.css")).read_text(encoding="utf-8")
REPOSITORY = "acme/credit"
TALLEST = 12_000
"""Pixels of the window; what is below the end of the page is cut off the picture."""

CONFIG = """\
version: 1
model: {{id: credit-risk, version: "2026.12.0", artifact: model.txt}}
requirements:
  - {{capability: ranking, slices: [all, "age<40"], weight: 2}}
  - {{capability: speed}}
baseline: {{from: ["file:baseline/integration-result.json"]}}
rules:
  - {{metric: accuracy, min: {accuracy}}}
  - {{metric: recall, slice: "age<40", min_delta: -0.05}}
  - {{metric: latency_p99_ms, max: 20}}
"""
TESTS = """\
import numpy as np
import pytest

N, WRONG, WRONG_YOUNG = {n}, {wrong}, {young}

@pytest.mark.model_test(covers=["ranking:all", "ranking:age<40"])
def test_ranking(mlops):
    rng = np.random.default_rng(20261126)
    young, true, chance = rng.random(N) < 0.4, rng.random(N) < 0.5, rng.random(N)
    predicted = np.where(chance < np.where(young, WRONG_YOUNG, WRONG), ~true, true)
    mlops.predictions(
        y_true=true.astype(int), y_pred=predicted.astype(int), ids=[f"applicant-{{i}}" for i in range(N)],
        slices={{"age<40": young}},
    )

@pytest.mark.model_test(covers="speed:all")
def test_speed(mlops):
    mlops.latencies(np.random.default_rng(1).gamma(4.0, 1.5, 500) / 1000)
"""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A version that is proposed: how many applicants, shares judged wrongly, and what it is held against."""

    n: int = 3000
    wrong: float = 0.05
    young: float = 0.05
    accuracy: float = 0.93
    baseline: bool = True

    def write(self, folder: Path) -> None:
        """Write configuration, tests and model."""
        (folder / "mlops.yaml").write_text(CONFIG.format(accuracy=self.accuracy), encoding="utf-8")
        tests = TESTS.format(n=self.n, wrong=self.wrong, young=self.young)
        (folder / "test_credit.py").write_text(tests, encoding="utf-8")
        (folder / "model.txt").write_text(f"{self}\n", encoding="utf-8")


RUNS: dict[str, Run] = {
    "pass": Run(wrong=0.045),
    "fail": Run(young=0.17, accuracy=0.9),
    "undecided": Run(n=300, wrong=0.055, young=0.06),
    "first-run": Run(baseline=False),
}


def main() -> None:
    """Draw every picture."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("chromium is not installed (apt-get install chromium)")
    with tempfile.TemporaryDirectory() as scratch:
        for name, run in RUNS.items():
            comment, summary = posted(run, Path(scratch) / name)
            draw(chromium, page("comment", comment), f"comment-{name}", 880)
            if name == "fail":
                draw(chromium, page("comment", comment, theme="dark"), "comment-fail-narrow", 400)
                draw(chromium, page("summary", summary), "summary-fail", 1012)
            if name == "pass":
                draw(chromium, page("summary", summary, theme="dark"), "summary-pass-dark", 1012)


def posted(run: Run, folder: Path) -> tuple[str, str]:
    """Measure a version as a pull request, and return the comment and the job summary that come of it."""
    folder.mkdir(parents=True)
    _git(folder, "init", "-q", "-b", "main")
    Run(n=run.n).write(folder)
    if run.baseline:
        _measure(folder, "baseline", {})
    (folder / ".gitignore").write_text(".mlops/\n__pycache__/\n", encoding="utf-8")
    base = _commit(folder)
    run.write(folder)
    head = _commit(folder)
    event = {
        "pull_request": {
            "number": 7,
            "head": {"sha": head, "ref": "better", "repo": {"full_name": REPOSITORY}},
            "base": {"sha": base, "ref": "main", "repo": {"full_name": REPOSITORY}},
        },
        "repository": {"full_name": REPOSITORY},
    }
    path = folder.with_suffix(".json")
    path.write_text(json.dumps(event), encoding="utf-8")
    environ = {
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(path),
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_RUN_ID": "1",
        "GITHUB_SHA": head,
        "GITHUB_STEP_SUMMARY": str(folder.with_suffix(".md")),
        "GITHUB_WORKSPACE": str(folder),
        "MLOPS_COMMENT_AUTHOR": "github-actions[bot]",
        "MLOPS_TOKEN": "none",
    }
    _measure(folder, ".mlops", environ)
    sent: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json=[])
        sent.append(json.loads(request.content))
        return httpx.Response(201, json={})

    result = folder / ".mlops" / "integration-result.json"
    step = StepEnvironment(
        environ=environ, log=_say, now=datetime.now(UTC), transport=httpx.MockTransport(answer)
    )
    post_step(PostOptions(result=result, annotations=False), step)
    return sent[0]["body"], folder.with_suffix(".md").read_text(encoding="utf-8")


def page(kind: str, markdown: str, *, theme: str = "light") -> str:
    """Return a page that shows Markdown as GitHub does: ``comment`` or ``summary``."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    title = {
        "comment": "<b>github-actions</b> <i>bot</i> commented now",
        "summary": "<b>gate</b> summary",
    }[kind]
    return (
        f'<!doctype html><html data-theme="{escape(theme)}"><meta charset="utf-8"><style>{STYLE}</style>'
        f'<body><article class="{escape(kind)}"><header>{title}</header>'
        f"<main>{parser.render(markdown)}</main></article></body></html>"
    )


def draw(chromium: str, html: str, name: str, width: int) -> None:
    """Photograph a page, cut off what is empty below it, and keep 64 colours.

    A window is never narrower than 500 pixels, so that the page stands in a frame of the wanted width.
    """
    with tempfile.TemporaryDirectory() as scratch:
        source, shot = Path(scratch) / "page.html", Path(scratch) / "shot.png"
        frame = (
            f'<iframe style="border:0;width:{width}px;height:{TALLEST}px" srcdoc="{escape(html)}"></iframe>'
        )
        source.write_text(f'<!doctype html><body style="margin:0">{frame}', encoding="utf-8")
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-lcd-text"]
        flags += [f"--window-size={max(width, 500)},{TALLEST}", f"--screenshot={shot}"]
        done = subprocess.run([chromium, *flags, source.as_uri()], capture_output=True, check=False)
        if not shot.is_file():
            sys.exit(f"chromium took no picture: {done.stderr.decode(errors='replace')[-500:]}")
        with Image.open(shot) as opened:
            taken = opened.convert("RGB").crop((0, 0, width, TALLEST))
    empty = Image.new("RGB", taken.size, taken.getpixel((0, TALLEST - 1)))
    drawn = ImageChops.difference(taken, empty).getbbox()
    bottom = TALLEST if drawn is None else min(TALLEST, drawn[3] + 16)
    small = taken.crop((0, 0, width, bottom)).quantize(
        64, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
    )
    target = IMAGES / f"{name}.png"
    small.save(target, optimize=True)
    _say(f"{target.relative_to(ROOT)}: {small.width} x {small.height}, {target.stat().st_size:,} bytes")


def _measure(folder: Path, record: str, environ: dict[str, str]) -> None:
    """Run the gate as a pull request in ``folder``; a verdict that blocks is no mistake here."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("CI", "GITHUB_", "MLOPS_"))
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--mlops-gate"]
    command += ["--mlops-context=pull_request", f"--mlops-result={record}/integration-result.json"]
    done = subprocess.run(
        command, cwd=folder, env={**clean, **environ}, capture_output=True, text=True, check=False
    )
    if not (folder / record / "integration-result.json").is_file():
        sys.exit(f"nothing was measured:\n{done.stdout}{done.stderr}")


def _commit(folder: Path) -> str:
    _git(folder, "add", "-A")
    _git(folder, "commit", "-q", "--allow-empty", "-m", "change")
    return _git(folder, "rev-parse", "HEAD")


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
