"""Names of metrics, slices, aliases and tests."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Literal

__all__ = ["ALIAS", "ALL", "BINARY", "MACRO", "better_direction", "matches_test", "metric_title"]

ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""Valid names of registry aliases."""

ALL = "all"
"""The slice that contains all examples."""
BINARY = ("precision", "recall", "f1")
"""Metrics of the positive one of two labels."""
MACRO = tuple(f"{name}_macro" for name in BINARY)
"""Their unweighted means over more than two labels."""


# Patterns are compiled where a metric is compared: a run without rules needs neither.
_LOWER = (
    r"^(mae|mse|rmse|mape|smape|wape|medae|msle|rmsle|log_loss|brier|latency|error|loss|wer|cer|ter|perplexity|ppl"
    r"|nll|deviance|ece|hamming|fpr|fnr|fdr|toxicity|hallucination)|(_error|_loss|_ms|_seconds|_cost|_latency)$"
)
_HIGHER = (
    r"accuracy|precision|recall|(^|_)f[0-9.]+($|_)|fbeta|auc|^r2|^ap$|^map($|_|@)|mrr|ndcg|bleu|rouge|meteor|exact_match"
    r"|iou|dice|kappa|mcc|specificity|sensitivity|^tpr|^tnr|^npv|^ppv|hit_rate|win_rate|pass_rate|gini|throughput"
    r"|coverage|(^|_)score($|_)|correctness|faithfulness|relevance"
)


def better_direction(metric: str) -> Literal["higher", "lower"] | None:
    """Return whether higher or lower values of a metric are better; ``None`` if its name does not tell."""
    # The mean error is signed and best at 0, so neither direction is better.
    if metric == "mean_error":
        return None
    if re.search(_LOWER, metric):
        return "lower"
    return "higher" if re.search(_HIGHER, metric) else None


def metric_title(name: str, slice_: str, dataset: str | None) -> str:
    """Return the display name of a (name, slice, dataset) key, such as ``recall[age<40]@holdout``."""
    inside = f"[{slice_}]" if slice_ != ALL else ""
    return f"{name}{inside}" + (f"@{dataset}" if dataset is not None else "")


def matches_test(pattern: str, node_id: str) -> bool:
    """Return whether ``pattern`` matches a test: its node id, the id without parameters, or a glob.

    Square brackets are literal, since the node ids of parametrised tests contain them.
    """
    return fnmatchcase(node_id, pattern.replace("[", "[[]")) or node_id.partition("[")[0] == pattern
