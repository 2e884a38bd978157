"""The tutorial is typed again: its files are written, its commands run, its figures appear."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sklearn")

PAGE = (Path(__file__).parents[1] / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
NOT_TYPED = ("pip install", "python -m venv")
BIN = Path(sys.executable).parent


def apply(folder: Path, language: str, text: str) -> None:
    """Write a block that is a file, or add to one that is a configuration."""
    name = text.split("\n", 1)[0].removeprefix("# ")
    path = folder / name
    before = path.read_text(encoding="utf-8") if language == "yaml" else ""
    path.write_text(before + text, encoding="utf-8")


def type_again(folder: Path, block: str) -> int:
    """Run the commands of a block, hold what they print against it, and return how many were run."""
    said = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)[1:]
    count = 0
    for command, shown in zip(said[::2], said[1::2], strict=True):
        if command.startswith(NOT_TYPED):
            continue
        environ = {**os.environ, "COLUMNS": "80", "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
        words = re.findall(r"'[^']*'|\S+", command)
        done = subprocess.run(
            [word.strip("'") for word in words],
            cwd=folder,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        printed = iter(line.rstrip() for line in done.stdout.splitlines())
        for line in shown.splitlines():
            assert line.rstrip() in printed, (
                f"$ {command}\n{done.stdout}{done.stderr}\ndoes not show, in order: {line}"
            )
        count += 1
    return count


@pytest.mark.slow
def test_every_command_of_the_tutorial_prints_what_the_page_shows(tmp_path: Path) -> None:
    folder = tmp_path / "digits"
    folder.mkdir()
    typed = 0
    for language, text in BLOCK.findall(PAGE):
        if language == "console":
            typed += type_again(folder, text)
        else:
            apply(folder, language, text)
    assert typed == 12
