"""Reading what users' fixtures hand over: attributes or keys, arrays or data frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from pytest_mlops.errors import IncompleteEvidence
from pytest_mlops.metrics.predictions import Predictions, measure_predictions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_mlops.checks.base import CheckContext

__all__ = [
    "Predictor",
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
    """A model as scikit-learn and most others present it."""

    def predict(self, X: Any, /) -> Any:  # noqa: N803 -- the field's name for it
        """Return one prediction for each row of ``X``."""


def field_of(value: object, *names: str) -> Any:
    """Return the first attribute or key of ``value`` among ``names``; ``None`` where it has none of them."""
    for name in names:
        if isinstance(value, Mapping):
            if name in value:
                return value[name]
        elif hasattr(value, name):
            return getattr(value, name)
    return None


def required_field(value: object, fixture: str, *names: str) -> Any:
    """Return the first of ``names`` that ``value`` has.

    Raises:
        IncompleteEvidence: it has none of them.
    """
    found = field_of(value, *names)
    if found is None:
        wanted = " or ".join(names)
        raise IncompleteEvidence(
            f"the fixture {fixture!r} gives a {type(value).__name__} without {wanted}; "
            f"return an object with that attribute, or a mapping with that key"
        )
    return found


def model_of(context: CheckContext, fixture: str) -> Predictor:
    """Return the model that ``fixture`` gives.

    Raises:
        IncompleteEvidence: it has no ``predict``.
    """
    model = context.fixtures[fixture]
    if not isinstance(model, Predictor):
        raise IncompleteEvidence(
            f"the fixture {fixture!r} gives a {type(model).__name__} without a predict method"
        )
    return model


def inputs_of(context: CheckContext, fixture: str) -> Any:
    """Return the rows that ``fixture`` gives as ``X``, or that it is: an array, a data frame or a list.

    Raises:
        IncompleteEvidence: it gives none, or no row.
    """
    value = context.fixtures[fixture]
    is_rows = (hasattr(value, "shape") and hasattr(value, "__getitem__")) or isinstance(value, list)
    inputs = value if is_rows else required_field(value, fixture, "X")
    if count_rows(inputs) == 0:
        raise IncompleteEvidence(f"the fixture {fixture!r} gives inputs without a row; give at least one")
    return inputs


def count_rows(inputs: Any) -> int:
    """Return the number of rows of an array (n, ...), a data frame or a list.

    Raises:
        IncompleteEvidence: these are no rows.
    """
    shape = getattr(inputs, "shape", None)
    try:
        return int(shape[0]) if shape is not None else len(inputs)
    except (TypeError, IndexError) as error:
        kind = type(inputs).__name__
        raise IncompleteEvidence(f"expected rows as an array, a data frame or a list, got {kind}") from error


def take_rows(inputs: Any, rows: NDArray[np.intp]) -> Any:
    """Return some rows of ``inputs``, in the order of ``rows`` (m,), as the kind of thing they come from."""
    if isinstance(inputs, list | tuple):
        return [inputs[row] for row in rows]
    return inputs.iloc[rows] if hasattr(inputs, "iloc") else inputs[rows]


def predictions_of(context: CheckContext, of: str, model: str | None, **options: Any) -> Predictions:
    """Measure the predictions that a fixture holds, or that a model makes on its inputs.

    Args:
        context: Values of the fixtures.
        of: Fixture with ``y_true`` (or ``y``), and ``y_pred`` or ``X``; also ``y_score``, ``ids`` and
            ``slices`` where it has them.
        model: Fixture of a model that predicts on ``X`` where ``y_pred`` is not given.
        options: ``positive`` and ``task``, as for the recorder.

    Raises:
        IncompleteEvidence: truth or predictions are not given.
        RecordingError: they cannot be evidence.
    """
    value = context.fixtures[of]
    predicted, scores = field_of(value, "y_pred"), field_of(value, "y_score")
    if predicted is None:
        if model is None:
            raise IncompleteEvidence(
                f"the fixture {of!r} gives no y_pred; give it, or name a model: fixture and give X"
            )
        predictor, inputs = model_of(context, model), required_field(value, of, "X")
        predicted = predictor.predict(inputs)
        scores = _scores(predictor, inputs) if scores is None else scores
    return measure_predictions(
        required_field(value, of, "y_true", "y"),
        predicted,
        y_score=scores,
        ids=field_of(value, "ids"),
        slices=field_of(value, "slices"),
        **options,
    )


def _scores(model: object, inputs: object) -> np.ndarray[Any, Any] | None:
    """Return predicted probabilities: of the second class where there are two, else of every class."""
    if not hasattr(model, "predict_proba"):
        return None
    scores = np.asarray(model.predict_proba(inputs))
    return scores[:, 1] if scores.ndim == 2 and scores.shape[1] == 2 else scores
