"""Secrets in arguments: no value that looks secret is recorded, every name is."""

from __future__ import annotations

import pytest

from pytest_mlops.ci.redaction import redacted


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        (["--api-key=s3cr3t"], ["--api-key=***"]),
        (["--api_key=s3cr3t=x y"], ["--api_key=***"]),
        (["--apikey", "s3cr3t"], ["--apikey", "***"]),
        (["--token", "s3cr3t", "tests"], ["--token", "***", "tests"]),
        (["--token", "-s3cr3t"], ["--token", "***"]),
        (["--hf-token=s3cr3t"], ["--hf-token=***"]),
        (["--dbPassword=s3cr3t"], ["--dbPassword=***"]),
        (["-o", "password=s3cr3t"], ["-o", "password=***"]),
        (["-opassword=s3cr3t"], ["-opassword=***"]),
        (["--override-ini=db_password=s3cr3t"], ["--override-ini=db_password=***"]),
        (["AWS_SECRET_ACCESS_KEY=s3cr3t"], ["AWS_SECRET_ACCESS_KEY=***"]),
        (["OPENAI_API_KEY=s3cr3t"], ["OPENAI_API_KEY=***"]),
        (["--env", "HFTOKEN=s3cr3t"], ["--env", "HFTOKEN=***"]),
        (["--db=postgresql://ann:s3cr3t@db/x"], ["--db=postgresql://ann:***@db/x"]),
        (["--url=https://s3cr3t@host/p"], ["--url=https://***@host/p"]),
        (["--url=https://host/p?token=s3cr3t&page=2"], ["--url=https://host/p?token=***&page=2"]),
        (["--header=Authorization: Bearer s3cr3t"], ["--header=Authorization: ***"]),
        (["--header", "X-Api-Key: s3cr3t"], ["--header", "X-Api-Key: ***"]),
        (["Bearer s3cr3t"], ["Bearer ***"]),
        (['--json={"password": "s3cr3t"}'], ['--json={"password": "***"}']),
        (["--anything=ghp_abcdefghijkl"], ["--anything=***"]),
    ],
)
def test_a_secret_is_not_recorded_and_its_name_is(arguments: list[str], kept: list[str]) -> None:
    assert redacted(arguments) == tuple(kept)


@pytest.mark.parametrize(
    "arguments",
    [
        ["-k", "monkey and not slow", "-m", "model_test", "tests/test_a.py::test_b[key]"],
        ["--mlops-gate", "--mlops-config=models/a/mlops.yaml", "--mlops-run-id=42-1-mlops"],
        ["-n2", "--reruns=1", "-p", "no:cacheprovider", "--junitxml=out.xml", "-c", "C:\\a\\pytest.ini"],
        ["--url=https://host/p?page=2", "--keyword=a"],
    ],
)
def test_what_is_no_secret_stays(arguments: list[str]) -> None:
    assert redacted(arguments) == tuple(arguments)
