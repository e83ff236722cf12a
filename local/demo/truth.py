"""The applications that no training saw, and how well predictions agree with what became of them. Pure."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Truth:
    """Held-out rows as CSV with a header but without the answer, and the answers."""

    rows: bytes
    answers: tuple[str, ...]


@dataclass(frozen=True)
class Agreement:
    """How predictions met the truth: area under the ROC curve, share of right labels, and of the commonest answer."""

    rows: int
    auc: float
    accuracy: float
    guess: float


def load(path: Path, target: str) -> Truth:
    with path.open(newline="", encoding="utf-8") as file:
        records = list(csv.DictReader(file))
    text = io.StringIO()
    writer = csv.DictWriter(text, [name for name in records[0] if name != target], extrasaction="ignore")
    writer.writeheader()
    writer.writerows(records)
    return Truth(text.getvalue().encode(), tuple(record[target] for record in records))


def compare(truth: Truth, answer: str, positive: str) -> Agreement:
    """`answer` is the endpoint's CSV: `predicted_label,score` for each row; score is the probability of `positive`."""
    predictions = [(label, float(score)) for label, score in csv.reader(io.StringIO(answer))]
    if len(predictions) != len(truth.answers):
        raise ValueError(f"{len(truth.answers)} rows were asked about, {len(predictions)} answers came")
    right = sum(label == true for (label, _), true in zip(predictions, truth.answers, strict=True))
    rows = len(predictions)
    yes = [score for (_, score), true in zip(predictions, truth.answers, strict=True) if true == positive]
    no = [score for (_, score), true in zip(predictions, truth.answers, strict=True) if true != positive]
    return Agreement(rows, auc(yes, no), right / rows, max(len(yes), len(no)) / rows)


def auc(positives: list[float], negatives: list[float]) -> float:
    """The share of pairs in which the positive has the higher score; a tie counts half."""
    wins = sum((p > n) + (p == n) / 2 for p in positives for n in negatives)
    return wins / (len(positives) * len(negatives))
