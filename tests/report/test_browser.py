"""The page in a browser: no errors, no requests, no scrolling sideways, at both widths, in both schemes."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from datetime import timedelta
from html import escape, unescape
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_mlops.evidence.arrays import save_arrays
from pytest_mlops.records.comparison import BaselineRef, Comparison, Delta
from pytest_mlops.records.measurement import ArrayRef
from pytest_mlops.records.model import ModelVersion
from pytest_mlops.records.policy import Policy, Requirement
from pytest_mlops.records.rule import Rule
from pytest_mlops.report.html import to_html
from pytest_mlops.report.trends import ruled_keys, run_point

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.records.integration import IntegrationResult
    from pytest_mlops.report.trends import RunPoint
    from tests.report.conftest import MakeRecord

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs the package chromium"),
]
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--v=0",
    "--window-size=1400,900",
    "--virtual-time-budget=5000",
    "--dump-dom",
]
LONG = "a_very_long_name_without_any_place_to_break_it_at_" * 3
# Opens every part, filters, and tells the page around it what it found.
PROBE = """
for (const part of document.querySelectorAll("details")) part.open = true;
setTimeout(() => {
  const field = document.querySelector("#filter-all-rules");
  field.value = "f1";
  field.dispatchEvent(new Event("input"));
  const link = document.querySelector(".skip");
  link.focus();
  const outside = [...document.querySelectorAll("main *")]
    .filter((one) => !one.closest(".scroll") && !one.closest("svg")
      && one.getBoundingClientRect().right > document.documentElement.clientWidth + 1);
  parent.postMessage({
    width: innerWidth,
    scroll: document.scrollingElement.scrollWidth,
    outside: outside.map((one) => one.tagName + "." + one.className),
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    paper: getComputedStyle(document.body).backgroundColor,
    ink: getComputedStyle(document.querySelector(".plot text")).fill,
    plots: document.querySelectorAll(".plot .main-svg").length,
    holders: document.querySelectorAll(".plot").length,
    requests: performance.getEntriesByType("resource").map((one) => one.name),
    filtered: document.querySelector("output[for=filter-all-rules]").textContent,
    visible: document.querySelectorAll("#all-rules tbody tr:not([hidden])").length,
    skip: link.getBoundingClientRect().top,
    outline: getComputedStyle(link).outlineStyle,
  }, "*");
}, 1500);
"""


def a_change(slice_: str, delta: float) -> Delta:
    """Return a change of recall, known to a point up or down."""
    return Delta(
        metric="recall",
        slice=slice_,
        n=100,
        candidate=0.7 + delta,
        baseline=0.7,
        delta=delta,
        lower=delta - 0.01,
        upper=delta + 0.01,
        p_decrease=0.5 if delta > 0 else 0.0001,
        p_increase=0.5,
    )


@pytest.fixture
def page(make_record: MakeRecord, tmp_path: Path) -> str:
    """Return a page with figures, long names and wide tables."""
    record: IntegrationResult = make_record(
        shares=[("recall", "all", 90), ("recall", LONG, 50), ("f1", "all", 80), ("f1", "age<40", 70)],
        policy=Policy(
            configured=True,
            requirements=tuple(
                Requirement(capability=f"capability_{n}", slices=("all", LONG)) for n in range(9)
            ),
            rules=(
                Rule(metric="recall", slice=LONG, min=0.9),
                Rule(metric="f1", min=0.5),
                Rule(metric="recall", slice=LONG, id="change", min_delta=-0.05),
            ),
        ),
        model=ModelVersion(model_id="credit", version_id=LONG),
        comparison=Comparison(
            status="compared",
            baseline=BaselineRef(source=f"file:{LONG}", version_id=LONG),
            paired=100,
            deltas=(a_change("all", 0.01), a_change(LONG, -0.2)),
        ),
    )
    score = np.linspace(0, 1, 100)
    columns = {"y_true": (score > 0.6) * 1, "y_pred": (score > 0.5) * 1, "y_score": score}
    digest, size = save_arrays(columns, tmp_path)
    ref = ArrayRef(digest=digest, size=size, n=100, fields=tuple(columns), data="0" * 64, test=LONG)
    return to_html(
        record.model_copy(update={"arrays": (ref,)}), arrays=tmp_path, history=earlier_runs(record)
    )


def earlier_runs(record: IntegrationResult) -> list[RunPoint]:
    """Return a month of runs like this one, with long names."""
    times = [record.timestamp - timedelta(days=days) for days in range(1, 31)]
    runs = [
        record.model_copy(update={"run_id": f"{LONG}{index}", "timestamp": time})
        for index, time in enumerate(times)
    ]
    return [point for run in runs if (point := run_point(run, ruled_keys(record))) is not None]


def look(
    page: str, folder: Path, *, width: int, dark: bool, probe: str = PROBE
) -> tuple[dict[str, Any], list[str]]:
    """Open a page in a frame of ``width`` pixels; return what the probe found, and the console's lines.

    The frame is there because a window cannot be narrower than 500 pixels.
    """
    hashed = base64.b64encode(hashlib.sha256(probe.encode()).digest()).decode()
    page = page.replace("script-src ", f"script-src 'sha256-{hashed}' ", 1)
    page = page.replace("</body>", f"<script>{probe}</script></body>")
    (folder / "page.html").write_text(page, encoding="utf-8")
    host = (
        "<!DOCTYPE html><pre id=found></pre><script>addEventListener('message', (event) => {"
        "document.getElementById('found').textContent = JSON.stringify(event.data)})</script>"
        f'<iframe src="page.html" style="border:0" width="{width}" height="900"></iframe>'
    )
    (folder / "host.html").write_text(host, encoding="utf-8")
    assert CHROMIUM is not None
    scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
    profile = f"--user-data-dir={folder / 'profile'}"
    command = [CHROMIUM, *FLAGS, scheme, profile, (folder / "host.html").as_uri()]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout.decode(), re.DOTALL)
    assert found is not None, done.stderr.decode()
    assert found[1], done.stderr.decode()
    console = [line for line in done.stderr.decode(errors="replace").splitlines() if "CONSOLE" in line]
    return json.loads(unescape(found[1])), console


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
def test_opens_without_errors_requests_or_sideways_scrolling(
    page: str, tmp_path: Path, width: int, dark: bool
) -> None:
    found, console = look(page, tmp_path, width=width, dark=dark)
    assert console == []
    assert found["requests"] == []
    assert found["width"] == width
    assert found["scroll"] <= width
    assert found["outside"] == []
    assert found["plots"] >= found["holders"] == 4 + 5  # five of them trends
    assert found["dark"] is dark
    assert found["paper"] == ("rgb(20, 23, 27)" if dark else "rgb(255, 255, 255)")
    assert found["ink"] == ("rgb(230, 233, 237)" if dark else "rgb(27, 31, 36)")
    assert (found["filtered"], found["visible"]) == ("1 of 3", 1)
    assert found["skip"] >= 0
    assert found["outline"] == "solid"


def test_a_request_and_a_foreign_script_are_noticed_and_refused(page: str, tmp_path: Path) -> None:
    """What the other tests rely on: the console names what the policy refuses."""
    foreign = f'<img src="https://example.invalid/{escape("x.png")}"><script>alert(1)</script>'
    _, console = look(page.replace("</main>", f"{foreign}</main>"), tmp_path, width=1280, dark=False)
    assert any("img-src" in line for line in console)
    assert any("script-src" in line for line in console)
