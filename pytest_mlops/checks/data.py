"""Inputs, labels and models read from fixture values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from pytest_mlops.errors import IncompleteEvidence
from pytest_mlops.metrics.alignment import check_same_index
from pytest_mlops.metrics.predictions import Predictions, measure_predictions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_mlops.checks.base import CheckContext

__all__ = [
    "Predictor",
    "classes_of",
    "count_rows",
    "field_of",
    "inputs_of",
    "model_of",
    "predictions_of",
    "required_field",
    "take_rows",
]


@runtime_checkable
class Predictor(Protocol):
    """A model with the ``predict`` method of scikit-learn."""

    def predict(self, X: Any, /) -> Any:  # noqa: N803 -- scikit-learn's name
        """Return one prediction for each row of ``X``."""


def field_of(value: object, *names: str) -> Any:
    """Return the first attribute or key of ``value`` among ``names``; ``None`` if it has none of them."""
    for name in names:
        if isinstance(value, Mapping):
            if name in value:
                return value[name]
        elif hasattr(value, name):
            return getattr(value, name)
    return None


def required_field(value: object, fixture: str, *names: str) -> Any:
    """Return the first attribute or key of ``value`` among ``names``.

    Raises:
        IncompleteEvidence: ``value`` has none of them.
    """
    found = field_of(value, *names)
    if found is None:
        raise IncompleteEvidence(
            f"the fixture {fixture!r} returns a {type(value).__name__} without {' or '.join(names)}; "
            "return an object with that attribute or a mapping with that key"
        )
    return found


def model_of(context: CheckContext, fixture: str) -> Predictor:
    """Return the model that ``fixture`` returns.

    Raises:
        IncompleteEvidence: the value has no ``predict`` method.
    """
    model = context.fixtures[fixture]
    if not isinstance(model, Predictor):
        raise IncompleteEvidence(
            f"the fixture {fixture!r} returns a {type(model).__name__} without a predict method; expected a "
            "model, so check model:"
        )
    return model


def inputs_of(context: CheckContext, fixture: str) -> Any:
    """Return the input rows of a fixture: its ``X``, or the value itself if that is an array, frame or list.

    Raises:
        IncompleteEvidence: there is no ``X``, or it has no rows.
    """
    value = context.fixtures[fixture]
    is_rows = (hasattr(value, "shape") and hasattr(value, "__getitem__")) or isinstance(value, list)
    inputs = value if is_rows else required_field(value, fixture, "X")
    if count_rows(inputs) == 0:
        raise IncompleteEvidence(
            f"the fixture {fixture!r} has inputs without rows; expected at least one row"
        )
    return inputs


def count_rows(inputs: Any) -> int:
    """Return the number of rows of an array (n, ...), a data frame or a list.

    Raises:
        IncompleteEvidence: ``inputs`` has no length.
    """
    shape = getattr(inputs, "shape", None)
    try:
        return int(shape[0]) if shape is not None else len(inputs)
    except (TypeError, IndexError) as error:
        kind = type(inputs).__name__
        raise IncompleteEvidence(
            f"the inputs have type {kind}; expected an array, a data frame or a list"
        ) from error


def take_rows(inputs: Any, rows: NDArray[np.intp]) -> Any:
    """Return the given ``rows`` (m,) of ``inputs``, in that order and of the same type."""
    if isinstance(inputs, list | tuple):
        return [inputs[row] for row in rows]
    return inputs.iloc[rows] if hasattr(inputs, "iloc") else inputs[rows]


def predictions_of(context: CheckContext, of: str, model: str | None, **options: Any) -> Predictions:
    """Measure the predictions of a fixture, or those of a model on the fixture's inputs.

    Args:
        context: Inputs of the check.
        of: Name of the fixture with ``y_true`` (or ``y``), and ``y_pred`` or ``X``; optionally ``y_score``,
            ``classes_`` (all labels, in the order of the columns of ``y_score``), ``ids`` and ``slices``.
        model: Name of the fixture of a model, used when there is no ``y_pred``.
        options: ``positive`` and ``task``, as in :func:`measure_predictions`.

    Raises:
        IncompleteEvidence: true labels or predictions are missing.
        RecordingError: an array is not valid evidence.
    """
    value = context.fixtures[of]
    predicted, scores = field_of(value, "y_pred"), field_of(value, "y_score")
    labels = field_of(value, "classes_")
    if predicted is None:
        if model is None:
            raise IncompleteEvidence(
                f"the fixture {of!r} has no y_pred and no model: is named; add y_pred, or add X and name a "
                "model:"
            )
        predictor, inputs = model_of(context, model), required_field(value, of, "X")
        predicted = predictor.predict(inputs)
        if scores is None and hasattr(predictor, "predict_proba"):
            scores = predictor.predict_proba(inputs)
            labels = classes_of(predictor)
    true = required_field(value, of, "y_true", "y")
    check_same_index(y_true=true, X=field_of(value, "X"), groups=field_of(value, "groups", "group"))
    return measure_predictions(
        true,
        predicted,
        y_score=scores,
        ids=field_of(value, "ids"),
        slices=field_of(value, "slices"),
        labels=labels,
        **options,
    )


def classes_of(model: object) -> list[Any] | None:
    """Return the labels of a model in the order of its columns, scikit-learn's ``classes_``.

    ``None`` for a model without them, and for one with several outputs.
    """
    classes = getattr(model, "classes_", None)
    if classes is None or np.ndim(classes) != 1:
        return None
    return list(np.asarray(classes).tolist())
