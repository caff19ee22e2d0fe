"""The one door to scikit-learn: it grows trees from examples and hands them out as plain arrays."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.linear_model import LogisticRegression

from winery_appliance.analysis_engine.forecasting.trees import Trees

Numbers = NDArray[np.float64]

# House defaults: shallow trees, many of them, each from seven of ten examples. A few hundred ferments bear no more.
_SHAPE: dict[str, Any] = {
    "n_estimators": 150,
    "max_depth": 3,
    "learning_rate": 0.05,
    "subsample": 0.7,
    "min_samples_leaf": 12,
    "random_state": 0,
}
_RIDGE = 0.2  # inverse of the penalty on the weights of a mix
_SHAPE_CHANCE = _SHAPE | {"n_estimators": 80, "max_depth": 2}


def fit_figure(signs: Numbers, figures: Numbers) -> Trees:
    """Trees that tell a figure from a row of signs; few outliers do not bend them (Huber loss)."""
    model = GradientBoostingRegressor(loss="huber", **_SHAPE).fit(signs, figures)
    return _unwrap(model, float(model.init_.constant_.ravel()[0]))


def fit_chance(signs: Numbers, happened: NDArray[np.bool_]) -> Trees:
    """Trees that tell the log odds that something happens; both answers must be among the examples."""
    model = GradientBoostingClassifier(**_SHAPE_CHANCE).fit(signs, happened)
    share = float(np.mean(happened))
    return _unwrap(model, float(np.log(share / (1 - share))))


def fit_mix(voices: Numbers, happened: NDArray[np.bool_]) -> tuple[float, tuple[float, ...]]:
    """Base and weights (never negative) of voices that each tell log odds, one column each: a ridge logistic regression.

    As the weights need not sum to one, a voice is heeded that ranks well and is too sure of itself, or too timid.
    """
    heeded = list(range(voices.shape[1]))
    while True:
        model = LogisticRegression(C=_RIDGE).fit(voices[:, heeded], happened)
        found = dict(zip(heeded, model.coef_[0], strict=True))
        if len(heeded) == 1 or min(found.values()) >= 0:
            break
        heeded.remove(min(found, key=found.__getitem__))
    weights = tuple(max(float(found.get(at, 0.0)), 0.0) for at in range(voices.shape[1]))
    return float(model.intercept_[0]), weights


def _unwrap(model: Any, base: float) -> Trees:
    grown = [one.tree_ for one in model.estimators_.ravel()]
    first = np.concatenate([[0], np.cumsum([tree.node_count for tree in grown])])
    left, right, column = [], [], []
    for begins, tree in zip(first, grown, strict=False):
        own = np.arange(tree.node_count) + begins
        leaf = tree.children_left < 0
        left.append(np.where(leaf, own, tree.children_left + begins))
        right.append(np.where(leaf, own, tree.children_right + begins))
        column.append(np.where(leaf, 0, tree.feature))
    return Trees(
        column=np.concatenate(column).astype(np.int16),
        limit=np.concatenate([tree.threshold for tree in grown]).astype(np.float32),
        left=np.concatenate(left).astype(np.int32),
        right=np.concatenate(right).astype(np.int32),
        value=(model.learning_rate * np.concatenate([t.value[:, 0, 0] for t in grown])).astype(
            np.float32
        ),
        roots=first[:-1].astype(np.int32),
        depth=int(max(tree.max_depth for tree in grown)),
        base=base,
    )
