"""Untrusted text in lines that the runner of GitHub Actions reads: workflow commands, and the log."""

from __future__ import annotations

import re

from pytest_mlops.text import one_line

__all__ = ["command_data", "command_property", "log_line"]

MAX_MESSAGE = 4096
"""Characters of an annotation that the runner keeps."""

_OLD_COMMAND = re.compile(r"#(?=#?\[)")


def command_data(text: str) -> str:
    """Return ``text`` as the message of a workflow command (actions/toolkit, ``command.ts``)."""
    return one_line(text, MAX_MESSAGE).replace("%", "%25")


def command_property(text: str) -> str:
    """Return ``text`` as the value of a property of one, where colons and commas mean something too."""
    return command_data(text).replace(":", "%3A").replace(",", "%2C")


def log_line(text: str) -> str:
    """Return ``text`` on one line that is no command.

    ``::name::`` counts at the start of a line, the older ``##[name]`` anywhere in it.
    """
    line = _OLD_COMMAND.sub("# ", one_line(text, MAX_MESSAGE))
    return f": {line}" if line.startswith("::") else line
