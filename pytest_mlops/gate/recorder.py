"""The ``mlops`` fixture, with which a model test records its evidence.  PYTEST_DONT_REWRITE."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

from pytest_mlops.decision.estimates import measurement_of
from pytest_mlops.errors import RecordingError
from pytest_mlops.files import copy_by_digest
from pytest_mlops.gate.arguments import check_name, read_finite, read_size
from pytest_mlops.gate.marks import ModelTestMark
from pytest_mlops.gate.sink import Sink, second_writer
from pytest_mlops.names import ALL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import ArrayLike, NDArray

    from pytest_mlops.gate.worker_config import WorkerConfig
    from pytest_mlops.metrics.plugin_metrics import MetricFunction
    from pytest_mlops.metrics.predictions import Predictions
    from pytest_mlops.records.model import ModelVersion
    from pytest_mlops.stats.estimate import Estimate

__all__ = ["Recorder"]

Parameters = ParamSpec("Parameters")


def _remembered(call: Callable[Concatenate[Recorder, Parameters], None]) -> Callable[..., None]:
    """Note a refusal in the evidence, so that a test that catches it and goes on does not pass."""

    @functools.wraps(call)
    def recording(self: Recorder, *args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        __tracebackhide__ = True
        try:
            call(self, *args, **kwargs)
        except RecordingError as error:
            self.refused(str(error))
            raise

    return recording


class Recorder:
    """Records the evidence of one model test.

    Every call checks what it is given where you called it, and raises
    :class:`~pytest_mlops.errors.RecordingError` with one message if it cannot be evidence. Without
    ``--mlops-gate`` the calls check and compute just the same, and keep nothing.

    Args:
        sink: Where the evidence of this attempt goes.
        worker_config: The configuration that the test belongs to; ``None`` without the gate.
        extra_metrics: Returns the metrics that plugins define; called when predictions are recorded.
    """

    def __init__(
        self,
        sink: Sink | None = None,
        worker_config: WorkerConfig | None = None,
        extra_metrics: Callable[[], Mapping[str, MetricFunction]] = dict,
    ) -> None:
        self._sink = sink if sink is not None else Sink(node_id="", mark=ModelTestMark())
        self._worker_config = worker_config
        self._extra_metrics = extra_metrics
        self._owners: dict[tuple[str, str, str | None], str] = (
            worker_config.owners if worker_config is not None else {}
        )

    def __repr__(self) -> str:
        state = "gate on" if self._worker_config is not None else "gate off"
        return f"<Recorder of {self._sink.node_id or 'no test'}, {state}>"

    @property
    def model_version(self) -> ModelVersion | None:
        """The version under test, its path absolute; ``None`` without the gate, or where none is declared."""
        return self._worker_config.model_version() if self._worker_config is not None else None

    @_remembered
    def metric(
        self,
        name: str,
        value: float,
        *,
        slice: str = ALL,  # noqa: A002 -- the field's term, and the record's
        dataset: str | None = None,
        n: int | None = None,
        stderr: float | None = None,
    ) -> None:
        """Record one number.

        Args:
            name: Name of the metric.
            value: A finite number, Python's or NumPy's.
            slice: The part of the data it was measured on.
            dataset: The data set; by default the marker's.
            n: Examples it rests on. A slice counts as covered only where this is known.
            stderr: Standard error of the value, from which confidence bounds follow.

        Raises:
            RecordingError: not a finite number, an impossible ``n`` or ``stderr``, or a key recorded before.
        """
        check_name("name", name)
        number = read_finite(f"metric {name!r}", value)
        entry: dict[str, Any] = {"name": name, "value": number, "n": read_size(name, n), "origin": "metric"}
        if stderr is not None:
            error = read_finite(f"stderr of metric {name!r}", stderr)
            if error <= 0:
                raise RecordingError(
                    f"metric {name!r}: stderr is {error:g}; expected a number above 0, since 0 gives no "
                    "interval: record the scores with mlops.score, or leave stderr out"
                )
            entry["basis"] = {"kind": "normal", "stderr": error}
        self._add([entry], slice_=slice, dataset=dataset)

    @_remembered
    def predictions(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        *,
        y_score: ArrayLike | None = None,
        ids: ArrayLike | None = None,
        inputs: ArrayLike | None = None,
        slices: Mapping[str, ArrayLike] | ArrayLike | None = None,
        dataset: str | None = None,
        task: str | None = None,
        positive: object = None,
        labels: ArrayLike | None = None,
        baseline: ArrayLike | None = None,
        baseline_score: ArrayLike | None = None,
    ) -> None:
        """Record predictions, and the standard metrics of them, overall and per slice.

        Classification records accuracy, and precision, recall and f1 of the positive label; with more than
        two labels their averages precision_macro, recall_macro and f1_macro. With ``y_score`` it also records
        roc_auc (two labels), log_loss and brier. Regression records mae, mse, rmse, r2 and mean_error. The
        arrays are kept beside the record.

        Args:
            y_true: True labels or values, shape (n,).
            y_pred: Predicted labels or values, shape (n,).
            y_score: Probability of the positive class, shape (n,), or of each class, (n, K): columns in the
                order of ``labels``, or of the names of a data frame's columns, or else of the sorted labels.
            ids: Unique example ids, shape (n,); by default their positions, which the record notes.
            inputs: What the model was given, shape (n, ...). A hash of each is kept, and a comparison of two
                runs is refused where they differ.
            slices: Slice name -> boolean mask of shape (n,), or one slice name per example.
            dataset: The data set; by default the marker's.
            task: ``classification`` or ``regression``; by default inferred from the values.
            positive: The positive label of two; needed unless the labels are 0 and 1 or booleans.
            labels: All labels, in the order of the columns of ``y_score``: the model's ``classes_``. Other
                labels in the data are refused; one that does not occur there keeps its column.
            baseline: What the version that would be replaced predicts, shape (n,): what rules on changes
                compare with, where ``baseline.from`` has ``run``.
            baseline_score: Its probabilities, as ``y_score``.

        Raises:
            RecordingError: mismatched lengths, NaN, duplicate ids, or anything else that cannot be evidence.
        """
        # NumPy only when predictions come.
        from pytest_mlops.metrics.alignment import check_same_index  # noqa: PLC0415
        from pytest_mlops.metrics.predictions import (  # noqa: PLC0415
            data_digest,
            measure_predictions,
            read_baseline,
        )
        from pytest_mlops.metrics.slicing import weak_spots  # noqa: PLC0415

        if baseline is y_pred:
            raise RecordingError("baseline is y_pred itself; expected what the other version predicts")
        check_same_index(
            y_true=y_true, y_pred=y_pred, inputs=inputs, baseline=baseline, baseline_score=baseline_score
        )
        found = measure_predictions(
            y_true,
            y_pred,
            y_score=y_score,
            ids=ids,
            slices=slices,
            task=task,
            positive=positive,
            labels=labels,
        )
        arrays = found.arrays | read_baseline(
            found, baseline, baseline_score, positive=positive, labels=labels
        )
        arrays |= _cases(inputs, found.n)
        entries = [
            measurement_of(name, estimate, slice_=slice_, origin="predictions")
            for name, slice_, estimate in (*found.numbers, *self._extra(found))
        ]
        self._add(entries, dataset=dataset)
        ids = arrays["ids"] if found.ids_given else None
        self._keep(
            arrays,
            dataset=dataset,
            weak_spots=weak_spots(found) if self._worker_config is not None else [],
            data=data_digest(ids, arrays["y_true"]),
            ids="given" if found.ids_given else "position",
            task=found.task,
            positive=positive.item() if hasattr(positive, "item") else positive,
            labels=found.labels,
        )

    @_remembered
    def latencies(
        self,
        seconds: ArrayLike,
        *,
        slice: str = ALL,  # noqa: A002 -- as above
        dataset: str | None = None,
    ) -> None:
        """Record how long single predictions took, as latency_mean_ms, latency_p50_ms, …_p95_ms and …_p99_ms.

        Measured beside other xdist workers, these numbers decide nothing: rules on them are UNDECIDED.

        Args:
            seconds: One time per prediction, in seconds, shape (n,).
            slice: The part of the data they were measured on.
            dataset: The data set; by default the marker's.

        Raises:
            RecordingError: empty, negative or not finite.
        """
        from pytest_mlops.metrics.scores import measure_latencies  # noqa: PLC0415 -- NumPy only when needed

        contended = self._worker_config is not None and self._worker_config.settings.workers > 1
        entries = [
            {**measurement_of(name, estimate, slice_=slice, origin="latencies"), "contended": contended}
            for name, estimate in measure_latencies(seconds)
        ]
        self._add(entries, slice_=slice, dataset=dataset)

    @_remembered
    def score(
        self,
        name: str,
        values: ArrayLike,
        *,
        slice: str = ALL,  # noqa: A002 -- as above
        dataset: str | None = None,
        ids: ArrayLike | None = None,
        inputs: ArrayLike | None = None,
        slices: Mapping[str, ArrayLike] | ArrayLike | None = None,
        range: tuple[float, float] = (0.0, 1.0),  # noqa: A002 -- as above
        baseline: ArrayLike | None = None,
        scored_by: str | None = None,
    ) -> None:
        """Record the mean of a score or loss per example, such as a judge's marks or the NDCG of each query.

        With ``ids`` or ``baseline`` the values are kept beside the record, for paired comparison.

        Args:
            name: Name of the score.
            values: One score per example, shape (n,).
            slice: The part of the data they were measured on.
            dataset: The data set; by default the marker's.
            ids: Unique ids of the examples (rows, queries, documents), shape (n,).
            inputs: What the model was given, shape (n, ...), as for :meth:`predictions`.
            slices: Slice name -> boolean mask of shape (n,), or one slice name per example.
            range: Least and greatest score there can be, as ``(0, math.inf)`` for a loss.
            baseline: Scores of the version that would be replaced, shape (n,).
            scored_by: Version of the metric or judge; scores of two versions are not compared.

        Raises:
            RecordingError: empty, outside ``range`` or not finite, or a key recorded before.
        """
        from pytest_mlops.metrics.alignment import check_same_index  # noqa: PLC0415
        from pytest_mlops.metrics.scores import measure_sliced_scores  # noqa: PLC0415 -- NumPy only when needed

        check_name("name", name)
        if slice != ALL and not (ids is slices is baseline is None):
            raise RecordingError(f"slice is {slice!r:.60}; with ids, slices or baseline give slices= only")
        check_same_index(values=values, inputs=inputs)
        found = measure_sliced_scores(values, ids=ids, slices=slices, baseline=baseline, range=range)
        self._add(
            [
                measurement_of(name, estimate, slice_=part if part != ALL else slice, origin="score")
                for part, estimate in found.numbers.items()
            ],
            slice_=slice,
            dataset=dataset,
        )
        if ids is not None or baseline is not None:
            kept = {"data": found.data, "ids": "position" if ids is None else "given", "task": "score"}
            arrays = found.arrays | _cases(inputs, found.arrays["ids"].size)
            self._keep(arrays, dataset=dataset, name=name, scored_by=scored_by, **kept)

    @_remembered
    def record_estimate(
        self,
        name: str,
        estimate: Estimate,
        *,
        slice: str = ALL,  # noqa: A002 -- as above
        dataset: str | None = None,
    ) -> None:
        """Record a number together with what its interval rests on; for checks and plugins.

        Args:
            name: Name of the metric.
            estimate: The number, see :class:`pytest_mlops.stats.estimate.Estimate`.
            slice: The part of the data it was measured on.
            dataset: The data set; by default the marker's.

        Raises:
            RecordingError: a key recorded before.
        """
        check_name("name", name)
        self._add(
            [measurement_of(name, estimate, slice_=slice, origin="metric")], slice_=slice, dataset=dataset
        )

    @_remembered
    def artifact(self, path: str | Path, *, name: str | None = None) -> None:
        """Keep a copy of a file beside the record, under the digest of its bytes.

        Args:
            path: The file.
            name: What the record calls it; by default its own name.

        Raises:
            RecordingError: not a readable file.
            IoError: the copy could not be written.
        """
        source = Path(path)
        check_name("name", name if name is not None else source.name)
        if not source.is_file():
            raise RecordingError(f"artifact {str(source)!r} is not a file; expected one that can be read")
        if self._worker_config is None:
            return
        digest, size = copy_by_digest(source, self._worker_config.folder / "artifacts")
        self._sink.add("artifacts", [{"name": name or source.name, "digest": digest, "size": size}])

    def refused(self, why: str) -> None:
        """Note that something could not be evidence."""
        self._sink.add("refused", [{"why": why}])

    def _keep(self, arrays: Mapping[str, NDArray[Any]], *, dataset: str | None, **about: Any) -> None:
        """Keep arrays beside the record, where there will be one."""
        if self._worker_config is None:
            return
        from pytest_mlops.evidence.arrays import save_arrays  # noqa: PLC0415 -- NumPy only when needed

        digest, size = save_arrays(arrays, self._worker_config.folder / "arrays")
        entry = {
            "digest": digest,
            "size": size,
            "n": arrays["ids"].size,
            "dataset": self._dataset(dataset),
            "fields": sorted(arrays),
            **about,
        }
        self._sink.add("arrays", [entry])

    def _extra(self, found: Predictions) -> tuple[tuple[str, str, Estimate], ...]:
        metrics = self._extra_metrics()
        if not metrics:
            return ()
        from pytest_mlops.metrics.plugin_metrics import measure_plugin_metrics  # noqa: PLC0415 -- where plugins bring some only

        return measure_plugin_metrics(found, metrics)

    def _dataset(self, dataset: str | None) -> str | None:
        return dataset if dataset is not None else self._sink.mark.dataset

    def _add(self, entries: list[dict[str, Any]], *, slice_: str = ALL, dataset: str | None = None) -> None:
        """Claim the keys of all entries, then keep them; none is kept where one key is taken."""
        check_name("slice", slice_)
        if dataset is not None:
            check_name("dataset", dataset)
        where = self._dataset(dataset)
        for entry in entries:
            entry.setdefault("slice", slice_)
            entry["dataset"] = where
        keys = [(entry["name"], entry["slice"], where) for entry in entries]
        for key in keys:
            owner = self._owners.get(key)
            if owner is not None:
                raise RecordingError(second_writer(key, owner, self._sink.node_id))
        self._owners.update(dict.fromkeys(keys, self._sink.node_id))
        self._sink.keys.extend(keys)
        self._sink.add("measurements", entries)


def _cases(inputs: object, n: int) -> dict[str, NDArray[Any]]:
    """Return the hashes of what the model was given, where the caller passed it."""
    if inputs is None:
        return {}
    from pytest_mlops.metrics.input_hashes import CASES, hash_inputs  # noqa: PLC0415 -- NumPy only when needed

    return {CASES: hash_inputs(inputs, n)}
