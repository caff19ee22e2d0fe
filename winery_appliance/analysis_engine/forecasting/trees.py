"""Boosted trees as plain arrays: they are asked without the library that grew them, and kept without pickled objects."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Trees:
    """The nodes of all trees behind each other; a leaf names itself as both of its branches, so that a walk stays there.

    The answer is `base` and the sum of the leaves that are reached, one in each tree.
    """

    column: NDArray[np.int16]
    limit: NDArray[np.float32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: NDArray[np.float32]
    roots: NDArray[np.int32]
    depth: int
    base: float

    def ask(self, signs: Numbers) -> float:
        """The answer for one row of signs."""
        row = signs.astype(np.float32)
        node = self.roots
        for _ in range(self.depth):
            goes_left = row[self.column[node]] <= self.limit[node]
            node = np.where(goes_left, self.left[node], self.right[node])
        return self.base + float(self.value[node].sum(dtype=np.float64))
