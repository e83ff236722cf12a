"""How the demo compares predictions with the truth."""

import pytest

from demo.truth import Truth, auc, compare

TRUTH = Truth(rows=b"", answers=("yes", "no", "no", "yes"))


@pytest.mark.parametrize(
    ("positives", "negatives", "expected"),
    [([0.9, 0.8], [0.1, 0.2], 1.0), ([0.1], [0.9], 0.0), ([0.5], [0.5], 0.5), ([0.9, 0.1], [0.5], 0.5)],
)
def test_auc_is_the_share_of_pairs_in_order(
    positives: list[float], negatives: list[float], expected: float
) -> None:
    """A positive above a negative counts one, a tie a half."""
    assert auc(positives, negatives) == expected


def test_agreement_counts_right_labels_and_the_commonest_answer() -> None:
    """Accuracy stands beside what guessing the commonest answer would reach."""
    agreement = compare(TRUTH, "yes,0.9\nno,0.2\nyes,0.6\nno,0.4\n", "yes")

    assert (agreement.rows, agreement.accuracy, agreement.guess, agreement.auc) == (4, 0.5, 0.5, 0.75)


def test_a_missing_prediction_is_an_error() -> None:
    """Fewer answers than questions are never compared."""
    with pytest.raises(ValueError, match="4 rows were asked about, 1 answers came"):
        compare(TRUTH, "yes,0.9\n", "yes")
