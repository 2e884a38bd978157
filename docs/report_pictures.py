"""Photograph the HTML reports of two examples in Chromium.

``python -m docs.report_pictures`` runs the examples and rewrites ``docs/images/report-*.png``. It needs
chromium and fonts-noto-core.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
DARK = "--blink-settings=preferredColorScheme=0"
SECONDS = 20
"""Virtual time that the figures have to be drawn."""


class Picture(NamedTuple):
    """A part of a report: its width, its height, and where it begins, in pixels."""

    name: str
    width: int
    height: int
    top: int = 0
    flags: tuple[str, ...] = ()


PICTURES = {
    ("breast_cancer_regressed",): (
        Picture("report-wide", 1280, 1560),
        Picture("report-narrow", 400, 1560, flags=(DARK,)),
    ),
    ("champion_challenger", "--candidate", "misread"): (Picture("report-changes", 1280, 600, top=792),),
}


def main() -> None:
    """Run each example, and take its pictures."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("chromium is not installed (apt-get install chromium)")
    with tempfile.TemporaryDirectory() as scratch:
        for example, pictures in PICTURES.items():
            report = Path(scratch) / f"{example[0]}.html"
            write_report(example, report)
            for picture in pictures:
                photograph(chromium, report, picture, Path(scratch))


def write_report(example: tuple[str, ...], report: Path) -> None:
    """Run the gate on a copy of the examples; a verdict that blocks is expected here."""
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copytree(
            ROOT / "examples",
            Path(scratch) / "examples",
            ignore=shutil.ignore_patterns("__pycache__", ".mlops"),
        )
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--mlops-gate",
            *example[1:],
        ]
        folder = Path(scratch) / "examples" / example[0]
        subprocess.run([*command, f"--mlops-report=html={report}"], cwd=folder, check=False)


def photograph(chromium: str, report: Path, picture: Picture, scratch: Path) -> None:
    """Take a picture; a window is never narrower than 500 pixels, so that a narrow report is in a frame."""
    page, shot, bottom = report.as_uri(), scratch / "shot.png", picture.top + picture.height
    if picture.width < 500:
        frame = scratch / "frame.html"
        style = f"border:0;width:{picture.width}px;height:{bottom}px"
        frame.write_text(f'<body style="margin:0"><iframe style="{style}" src="{page}">', encoding="utf-8")
        page = frame.as_uri()
    size = f"--window-size={max(picture.width, 500)},{bottom}"
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-lcd-text", size]
    flags += [f"--virtual-time-budget={SECONDS * 1000}", f"--screenshot={shot}", *picture.flags]
    done = subprocess.run([chromium, *flags, page], capture_output=True, check=False)
    if not shot.is_file():
        sys.exit(f"chromium took no picture: {done.stderr.decode(errors='replace')[-500:]}")
    with Image.open(shot) as opened:
        taken = opened.convert("RGB").crop((0, picture.top, picture.width, bottom))
    small = taken.quantize(64, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    small.save(ROOT / "docs" / "images" / f"{picture.name}.png", optimize=True)
    shot.unlink()


if __name__ == "__main__":
    main()
