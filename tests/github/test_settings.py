"""Settings from the environment: every mistake at once, and the token nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_mlops.errors import ConfigError
from pytest_mlops.github.settings import ActionSettings


def test_outside_github_nothing_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = ActionSettings.from_environ({})
    assert (settings.repository, settings.token, settings.run_url) == ("", "", None)
    assert (settings.comment, settings.check_run, settings.fail_on) == (True, False, ())
    assert settings.working_directory == tmp_path


def test_what_github_says_is_taken(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    settings = ActionSettings.from_environ(
        {
            "GITHUB_API_URL": "https://ghe.example/api/v3/",
            "GITHUB_SERVER_URL": "https://ghe.example",
            "GITHUB_REPOSITORY": "acme/models",
            "GITHUB_RUN_ID": "12",
            "GITHUB_TOKEN": "other",
            "GITHUB_OUTPUT": "/out",
            "GITHUB_STEP_SUMMARY": "/summary",
            "GITHUB_WORKSPACE": str(tmp_path),
            "MLOPS_TOKEN": "t",
            "MLOPS_WORKING_DIRECTORY": "models",
            "MLOPS_FAIL_ON": "undecided, waived,undecided",
            "MLOPS_COMMENT": "False",
            "MLOPS_CHECK_RUN": "yes",
            "MLOPS_SUMMARY": "",
            "MLOPS_COMMENT_AUTHOR": "my-app[bot]",
        }
    )
    assert settings.api_url == "https://ghe.example/api/v3"
    assert settings.run_url == "https://ghe.example/acme/models/actions/runs/12"
    assert (settings.token, settings.author) == ("t", "my-app[bot]")
    assert (settings.output_path, settings.summary_path) == (Path("/out"), Path("/summary"))
    assert (settings.comment, settings.check_run, settings.summary) == (False, True, True)
    assert settings.fail_on == ("undecided", "waived")
    assert settings.folder_name == "models"


def test_the_working_directory_of_the_repository_itself_has_no_name(tmp_path: Path) -> None:
    settings = ActionSettings.from_environ({"GITHUB_WORKSPACE": str(tmp_path)})
    assert settings.working_directory == tmp_path
    assert settings.folder_name == ""


def test_the_token_is_not_shown() -> None:
    settings = ActionSettings.from_environ({"MLOPS_TOKEN": "ghs_secret"})
    assert settings.token == "ghs_secret"
    assert "ghs_secret" not in repr(settings)


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    wrong = {
        "GITHUB_WORKSPACE": str(tmp_path),
        "GITHUB_API_URL": "ftp://x",
        "GITHUB_SERVER_URL": "https://user@x",
        "GITHUB_REPOSITORY": "acme/models/../..",
        "MLOPS_WORKING_DIRECTORY": "../elsewhere",
        "MLOPS_COMMENT": "maybe",
        "MLOPS_CONTEXT": "local",
        "MLOPS_FAIL_ON": "nothing",
        "MLOPS_COMMENT_AUTHOR": "a b",
        "MLOPS_ARTIFACT_NAME": "a\nb",
        "MLOPS_TOKEN": "ghs_secret",
    }
    with pytest.raises(ConfigError) as caught:
        ActionSettings.from_environ(wrong)
    named = {problem.path for problem in caught.value.problems}
    assert named == wrong.keys() - {"GITHUB_WORKSPACE", "MLOPS_TOKEN"}
    assert "ghs_secret" not in str(caught.value)
    assert "expected undecided, waived, policy-changes" in str(caught.value)
