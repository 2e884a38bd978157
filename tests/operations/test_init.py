"""``pytest-mlops init``: from a folder without a configuration to a verdict."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pytest_mlops.cli.app import app
from pytest_mlops.cli.exits import ExitCode, exit_code_of
from pytest_mlops.config.load import load_config
from pytest_mlops.operations.examples import Example
from pytest_mlops.operations.scan import Found, scan
from pytest_mlops.operations.starter import model_id, starter_config
from pytest_mlops.records.codec import load_integration_result
from pytest_mlops.verdict import Verdict

MODEL_TEST = """
import pytest

@pytest.mark.model_test(covers=["ranking:all", "ranking:age<40"])
def test_predictions(mlops):
    young = [True] * 40 + [False] * 40
    mlops.predictions([1, 0] * 40, [1, 0] * 40, slices={"age<40": young})
"""


def init(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["init", *arguments])


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )


def test_a_model_and_a_test_get_a_verdict_in_two_commands(tmp_path: Path) -> None:
    write(tmp_path, "model/weights.json", "{}")
    write(tmp_path, "test_model.py", MODEL_TEST)
    started = run(tmp_path, "pytest_mlops", "init")
    assert started.returncode == 0, started.stderr
    assert "Wrote mlops.yaml" in started.stdout
    assert run(tmp_path, "pytest", "--mlops-gate").returncode == 0
    record = load_integration_result((tmp_path / ".mlops" / "integration-result.json").read_bytes())
    assert (record.verdict, record.deployable, record.coverage) == (Verdict.PASS, True, 1)
    assert record.model_version is not None
    assert record.model_version.artifact_path == "model/weights.json"


def test_one_test_without_a_claim_gets_a_verdict_too(tmp_path: Path) -> None:
    write(tmp_path, "test_model.py", "import pytest\n@pytest.mark.model_test\ndef test_it(): pass\n")
    assert init(str(tmp_path)).exit_code == 0
    assert run(tmp_path, "pytest", "--mlops-gate").returncode == 0


def test_a_model_and_an_unmarked_test_get_a_verdict_that_rests_on_the_size_of_the_model(
    tmp_path: Path,
) -> None:
    write(tmp_path, "model/weights.json", "{}")
    write(tmp_path, "test_model.py", "def test_it(): pass\n")
    started = run(tmp_path, "pytest_mlops", "init")
    assert started.returncode == 0, started.stderr
    assert "mark one with @pytest.mark.model_test" in started.stdout
    assert "the check model_size measures the size of the model" in started.stdout
    assert run(tmp_path, "pytest", "--mlops-gate").returncode == 0
    record = load_integration_result((tmp_path / ".mlops" / "integration-result.json").read_bytes())
    assert (record.verdict, record.deployable) == (Verdict.PASS, False)
    assert [test.test_name for test in record.test_results.results] == ["mlops.yaml::model_size"]
    assert (tmp_path / "test_model.py").read_text() == "def test_it(): pass\n"
    write(tmp_path, "model/weights.json", "")
    assert run(tmp_path, "pytest", "--mlops-gate").returncode == 1


def test_a_model_that_outgrows_its_size_is_stopped(tmp_path: Path) -> None:
    write(tmp_path, "model.onnx", "x" * 1_200_000)
    assert init(str(tmp_path)).exit_code == 0
    assert "max_mb: 3}" in load_text(tmp_path / "mlops.yaml")
    assert run(tmp_path, "pytest", "--mlops-gate").returncode == 0
    write(tmp_path, "model.onnx", "x" * 3_000_001)
    assert run(tmp_path, "pytest", "--mlops-gate").returncode == 1


def test_a_model_with_a_model_test_is_measured_by_that_alone(tmp_path: Path) -> None:
    write(tmp_path, "model/weights.json", "{}")
    write(tmp_path, "test_model.py", MODEL_TEST)
    result = init(str(tmp_path))
    assert load_config(tmp_path / "mlops.yaml").config.checks == ()
    assert "model_size" not in result.stdout
    assert "INCOMPLETE" not in result.stdout


def test_an_empty_folder_gets_a_valid_configuration_and_is_told_what_is_missing(tmp_path: Path) -> None:
    result = init(str(tmp_path))
    assert result.exit_code == 0
    assert "mark one with @pytest.mark.model_test" in result.stdout
    assert "No model file was found" in result.stdout
    assert "Nothing can be measured yet" in result.stdout
    config = load_config(tmp_path / "mlops.yaml").config
    assert (config.requirements, config.checks) == ((), ())
    assert config.model is not None


def test_every_setting_that_is_written_is_explained(tmp_path: Path) -> None:
    text = starter_config(Found(covers=("a:all",), artifact="model/m.json"), folder_name="credit risk")
    settings = [line for line in text.splitlines() if line.startswith("  ") and ":" in line]
    unexplained = [line for line in settings if "#" not in line]
    assert [line.split(":")[0].strip() for line in unexplained] == ["id", "- {capability"]
    assert "id: credit-risk\n" in text


def test_the_lines_to_take_up_are_valid_when_their_marks_are_removed(tmp_path: Path) -> None:
    text = starter_config(Found(), folder_name="m")
    lines = [
        line.removeprefix("# ")
        if line.removeprefix("# ").startswith(("requirements:", "rules:", "checks:", "  - {"))
        else line
        for line in text.splitlines()
    ]
    write(tmp_path, "mlops.yaml", "\n".join(lines))
    config = load_config(tmp_path / "mlops.yaml").config
    assert (len(config.requirements), len(config.rules), len(config.checks)) == (2, 3, 1)


# ---- what is there already ----


def test_a_configuration_is_never_overwritten_unless_forced(tmp_path: Path) -> None:
    write(tmp_path, "mlops.yml", "version: 1\n")
    error = init(str(tmp_path)).exception
    assert exit_code_of(error) == ExitCode.USAGE
    assert "mlops.yml" in str(error)
    assert "already exists; --force replaces it" in str(error)
    assert (tmp_path / "mlops.yml").read_text() == "version: 1\n"
    assert init(str(tmp_path), "--force").exit_code == 0
    assert "min_pass_rate" in (tmp_path / "mlops.yml").read_text()
    assert not (tmp_path / "mlops.yaml").exists()


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    error = init(str(tmp_path / "nowhere")).exception
    assert exit_code_of(error) == ExitCode.USAGE
    assert "is not a folder" in str(error)


# ---- reading the tests ----

CLAIMS = {
    "a marker": (
        "@pytest.mark.model_test(covers=['a:all', 'b'])\ndef test_it(): ...",
        ("a:all", "b:all"),
        1,
        0,
    ),
    "one cell": ("@pytest.mark.model_test(covers='a')\ndef test_it(): ...", ("a:all",), 1, 0),
    "no claim": ("@pytest.mark.model_test\ndef test_it(): ...", (), 1, 0),
    "an empty call": ("@pytest.mark.model_test()\nasync def test_it(): ...", (), 1, 0),
    "a module's mark": ("pytestmark = [pytest.mark.model_test(covers=('a',))]", ("a:all",), 1, 0),
    "another name for pytest": (
        "from pytest import mark\n@mark.model_test(covers=['a'])\ndef f(): ...",
        ("a:all",),
        1,
        0,
    ),
    "a class": ("class A(ModelTest):\n    covers = ['a:x']\n    def run(self, v): ...", ("a:x",), 1, 0),
    "a class, annotated": ("class A(p.ModelTest):\n    covers: list[str] = ['a:x']", ("a:x",), 1, 0),
    "a class without claim": ("class A(ModelTest):\n    x = 1", (), 1, 0),
    "computed": ("@pytest.mark.model_test(covers=cells())\ndef test_it(): ...", (), 1, 1),
    "numbers": ("@pytest.mark.model_test(covers=[1])\ndef test_it(): ...", (), 1, 1),
    "another mark": ("@pytest.mark.slow(covers=['a'])\ndef test_it(): ...", (), 0, 0),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_claims_are_read_without_running_anything(tmp_path: Path, name: str) -> None:
    source, covers, marked, computed = CLAIMS[name]
    write(tmp_path, "tests/test_it.py", f"raise SystemExit\n{source}\n")
    found = scan(tmp_path)
    assert (found.covers, found.marked, found.computed) == (covers, marked, computed)


def test_cells_that_only_running_would_tell_are_left_to_the_user(tmp_path: Path) -> None:
    source = "@pytest.mark.model_test(covers=cells())\ndef test_a(): ...\n"
    write(tmp_path, "test_it.py", source + "@pytest.mark.model_test(covers=['b'])\ndef test_b(): ...\n")
    result = init(str(tmp_path))
    assert "declare those cells by hand" in result.stdout
    assert load_config(tmp_path / "mlops.yaml").config.requirements == ()
    assert "#   - {capability: b, slices: [all]}" in (tmp_path / "mlops.yaml").read_text()


def test_a_file_that_is_no_python_is_passed_over_and_named(tmp_path: Path) -> None:
    write(tmp_path, "test_old.py", "print 'hello'\n")
    write(tmp_path, "model_test.py", MODEL_TEST)
    result = init(str(tmp_path))
    assert result.exit_code == 0
    assert "test_old.py cannot be read as Python" in result.stdout
    assert len(load_config(tmp_path / "mlops.yaml").config.policy().cells()) == 2


def test_a_file_too_large_for_a_test_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "test_model.py", MODEL_TEST)
    monkeypatch.setattr("pytest_mlops.operations.scan.MAX_SOURCE_BYTES", 10)
    assert scan(tmp_path).unreadable == ("test_model.py",)


def test_environments_and_hidden_folders_are_not_searched(tmp_path: Path) -> None:
    write(tmp_path, "env/pyvenv.cfg", "")
    for folder in ("env/lib", ".tox", "node_modules/x", "__pycache__"):
        write(tmp_path, f"{folder}/test_it.py", MODEL_TEST)
        write(tmp_path, f"{folder}/model.onnx", "x")
    assert scan(tmp_path) == Found()


@pytest.mark.parametrize("claim", ['it\'s: "odd"', "a: b # c", "on", "{x}", "ünïcode:é", "- a"])
def test_hostile_names_survive_the_way_through_yaml(tmp_path: Path, claim: str) -> None:
    write(tmp_path, "test_it.py", f"@pytest.mark.model_test(covers=[{claim!r}])\ndef test_it(): ...\n")
    assert init(str(tmp_path)).exit_code == 0
    cells = load_config(tmp_path / "mlops.yaml").config.policy().cells()
    assert [cell.name for cell in cells] == list(scan(tmp_path).covers)


# ---- finding the model ----

MODELS: dict[str, tuple[dict[str, int], str | None]] = {
    "a folder that says so": ({"model/a.json": 5, "data/b.json": 50}, "model/a.json"),
    "the largest": ({"artifacts/a.bin": 5, "artifacts/b.bin": 9}, "artifacts/b.bin"),
    "an ending that says so": ({"out/net.onnx": 5, "notes.txt": 50}, "out/net.onnx"),
    "the folder before the ending": ({"out/net.onnx": 50, "models/v1/a.json": 5}, "models/v1/a.json"),
    "a file called so": ({"model.json": 5, "data.json": 50}, "model.json"),
    "nothing": ({"data.csv": 50, "settings.json": 9}, None),
    "an empty file is none": ({"model/a.onnx": 0, "net.pt": 1}, "net.pt"),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_model_is_found_by_folder_ending_and_size(tmp_path: Path, name: str) -> None:
    files, artifact = MODELS[name]
    for file, size in files.items():
        write(tmp_path, file, "x" * size)
    found = scan(tmp_path)
    assert found.artifact == artifact
    assert found.artifact_bytes == (0 if artifact is None else files[artifact])


def test_a_link_is_not_taken_for_a_model(tmp_path: Path) -> None:
    write(tmp_path, "elsewhere.csv", "x")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "a.onnx").symlink_to(tmp_path / "elsewhere.csv")
    assert scan(tmp_path).artifact is None


def test_a_model_is_found_and_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "model/weights.pkl", "cos\nsystem\n(S'false'\ntR.")
    write(tmp_path, "test_model.py", MODEL_TEST)
    opened = []
    read = Path.open

    def watched(path: Path, *arguments: Any, **options: Any) -> Any:
        opened.append(path.name)
        return read(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", watched)
    assert scan(tmp_path).artifact == "model/weights.pkl"
    assert opened == ["test_model.py"]


@pytest.mark.parametrize(
    ("folder", "expected"),
    [("credit risk", "credit-risk"), ("été", "été"), ("..", "my-model"), ("", "my-model")],
)
def test_the_model_is_called_like_its_folder(folder: str, expected: str) -> None:
    assert model_id(folder) == expected


# ---- examples ----


@pytest.mark.parametrize("example", Example)
def test_an_example_is_copied_with_what_it_needs_and_nothing_else(tmp_path: Path, example: Example) -> None:
    result = init(str(tmp_path), "--example", example.value)
    assert result.exit_code == 0
    assert load_text(tmp_path / example.value / "mlops.yaml")
    copied = {path.name for path in tmp_path.iterdir()}
    extra = {"breast_cancer"} if example is Example.BREAST_CANCER_REGRESSED else set()
    assert copied == {example.value, *extra}
    assert f"pytest {tmp_path / example.value} --mlops-gate" in result.stdout
    left = [path for path in tmp_path.rglob("*") if path.name.startswith(".") or path.name == "__pycache__"]
    assert left == []


def test_an_example_is_not_copied_over_something_unless_forced(tmp_path: Path) -> None:
    write(tmp_path, "regression/mlops.yaml", "mine")
    assert exit_code_of(init(str(tmp_path), "--example", "regression").exception) == ExitCode.USAGE
    assert load_text(tmp_path / "regression" / "mlops.yaml") == "mine"
    assert init(str(tmp_path), "--example", "regression", "--force").exit_code == 0
    assert load_text(tmp_path / "regression" / "mlops.yaml") != "mine"


def test_an_example_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    write(tmp_path, "regression", "a file in the way")
    done = run(tmp_path, "pytest_mlops", "init", "--example", "regression", "--force")
    assert done.returncode == ExitCode.INCOMPLETE
    assert "cannot copy the example" in done.stderr
    assert "Traceback" not in done.stderr


def test_every_example_of_the_repository_can_be_copied() -> None:
    from pytest_mlops.operations.examples import _home

    assert {path.parent.name for path in _home().glob("*/mlops.yaml")} == {name.value for name in Example}


def load_text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
