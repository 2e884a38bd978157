"""Draw the pictures of the documentation from what the examples really print.

``python -m docs.pictures`` runs the examples and rewrites ``docs/images/*.svg``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES: dict[str, tuple[str, ...]] = {
    "passed": ("examples/breast_cancer",),
    "stopped": ("examples/breast_cancer_regressed",),
    "misread": ("examples/champion_challenger", "--candidate", "misread"),
}
WIDTH = 80
OF_CI = ("CI", "GITHUB_", "GITLAB_")
"""Beginnings of the variables of CI, whose event would decide the context."""

# rich's own template loads a font from elsewhere; a picture in a repository should need nothing.
SVG_FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width;
}}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
<rect fill="#16181d" width="{width}" height="{height}" rx="8"/>
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def run_example(folder: str, *options: str) -> str:
    """Return what the gate prints for one example, in colour."""
    with tempfile.TemporaryDirectory() as scratch:
        result = Path(scratch) / "integration-result.json"
        command = [
            sys.executable,
            "-m",
            "pytest",
            folder,
            *options,
            "--mlops-gate",
            "--color=yes",
            "--no-header",
        ]
        environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith(OF_CI)},
            "COLUMNS": str(WIDTH),
        }
        done = subprocess.run(
            [*command, "--mlops-context=local", f"--mlops-result={result}", "-p", "no:cacheprovider"],
            cwd=ROOT,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
    text = done.stdout.replace(str(result), ".mlops/integration-result.json")
    return f"\x1b[1m$ pytest {' '.join((folder, *options))} --mlops-gate\x1b[0m\n{text}"


def main() -> None:
    """Draw every picture."""
    for name, arguments in EXAMPLES.items():
        console = Console(record=True, width=WIDTH, file=Path(os.devnull).open("w"), force_terminal=True)  # noqa: SIM115
        console.print(Text.from_ansi(run_example(*arguments)))
        target = ROOT / "docs" / "images" / f"{name}.svg"
        target.parent.mkdir(exist_ok=True)
        console.save_svg(str(target), title="", code_format=SVG_FORMAT, unique_id=f"gate-{name}")
        sys.stdout.write(f"{target.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
