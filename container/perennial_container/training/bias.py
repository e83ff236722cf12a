"""Bias metrics of predictions by the formulas of SageMaker Clarify.

Facet a is the privileged group, facet d everyone else; rows without a group count to neither. Metrics whose
denominator is empty on these rows are left out. Predicted positives are counted against labels:

DPPL  q'a - q'd                difference in positive proportions in predicted labels
DI    q'd / q'a                disparate impact
DCA   n_a/n'_a - n_d/n'_d      difference in conditional acceptance (observed over predicted positives)
DCR   n_d0/n'_d0 - n_a0/n'_a0  difference in conditional rejection (observed over predicted negatives)
SD    TNR_d - TNR_a            specificity difference
RD    TPR_a - TPR_d            recall difference
DAR   PPV_a - PPV_d            difference in acceptance rates
DRR   NPV_d - NPV_a            difference in rejection rates
AD    ACC_a - ACC_d            accuracy difference
TE    FN_d/FP_d - FN_a/FP_a    treatment equality
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Truths = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Confusion:
    """Counts of one group."""

    tp: int
    fp: int
    tn: int
    fn: int

    @classmethod
    def of(cls, actual: Truths, predicted: Truths) -> "Confusion":
        return cls(
            int((actual & predicted).sum()),
            int((~actual & predicted).sum()),
            int((~actual & ~predicted).sum()),
            int((actual & ~predicted).sum()),
        )

    @property
    def rows(self) -> int:
        return self.tp + self.fp + self.tn + self.fn


def bias_metrics(a: Confusion, d: Confusion) -> dict[str, float]:
    """Every metric that is defined for two groups, by Clarify's names."""
    found = {
        "DPPL": _minus(_ratio(a.tp + a.fp, a.rows), _ratio(d.tp + d.fp, d.rows)),
        "DI": _over(_ratio(d.tp + d.fp, d.rows), _ratio(a.tp + a.fp, a.rows)),
        "DCA": _minus(_ratio(a.tp + a.fn, a.tp + a.fp), _ratio(d.tp + d.fn, d.tp + d.fp)),
        "DCR": _minus(_ratio(d.tn + d.fp, d.tn + d.fn), _ratio(a.tn + a.fp, a.tn + a.fn)),
        "SD": _minus(_ratio(d.tn, d.tn + d.fp), _ratio(a.tn, a.tn + a.fp)),
        "RD": _minus(_ratio(a.tp, a.tp + a.fn), _ratio(d.tp, d.tp + d.fn)),
        "DAR": _minus(_ratio(a.tp, a.tp + a.fp), _ratio(d.tp, d.tp + d.fp)),
        "DRR": _minus(_ratio(d.tn, d.tn + d.fn), _ratio(a.tn, a.tn + a.fn)),
        "AD": _minus(_ratio(a.tp + a.tn, a.rows), _ratio(d.tp + d.tn, d.rows)),
        "TE": _minus(_ratio(d.fn, d.fp), _ratio(a.fn, a.fp)),
    }
    return {name: value for name, value in found.items() if value is not None}


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _minus(left: float | None, right: float | None) -> float | None:
    return None if left is None or right is None else left - right


def _over(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole else part / whole
