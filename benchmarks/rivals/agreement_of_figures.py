"""Our bias metrics beside smclarify's, our quality metrics beside scikit-learn's, on random tables."""

import json
import math
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import metrics as sk
from smclarify.bias import metrics as clarify
from smclarify.bias.report import FacetColumn, LabelColumn, StageType, bias_report

from perennial_analysis.bias import report as ours
from perennial_analysis.bias.groups import Facet, outcome, positives
from perennial_analysis.model_quality.statistics import binary_quality, multiclass_quality, regression_quality

TOLERANCE = 1e-12
STAGES = (
    (StageType.PRE_TRAINING, clarify.PRETRAINING_METRICS),
    (StageType.POST_TRAINING, clarify.POSTTRAINING_METRICS),
)


def people(seed):
    chance = np.random.default_rng([17, seed])
    rows = int(chance.integers(60, 400))
    facet = (chance.random(rows) < chance.uniform(0.1, 0.9)).astype(int)
    label = (chance.random(rows) < np.where(facet, *chance.uniform(0.1, 0.9, 2))).astype(int)
    predicted = np.where(chance.random(rows) < 0.7, label, (chance.random(rows) < 0.5).astype(int))
    return {"facet": facet, "label": label, "predicted": predicted, "stratum": chance.integers(0, 4, rows)}


def bias_by_smclarify(table):
    frame = pd.DataFrame(table)
    found = {}
    for stage, known in STAGES:
        groups = bias_report(
            frame,
            FacetColumn("facet", [1]),
            LabelColumn("label", frame["label"], [1]),
            stage,
            LabelColumn("predicted", frame["predicted"], [1]),
            metrics=[each.__name__ for each in known if each.__name__ != "FT"],
            group_variable=frame["stratum"],
        )
        (group,) = (each for each in groups if each["value_or_threshold"] == "1")
        found |= {each["name"]: each["value"] for each in group["metrics"]}
    return found


def bias_by_us(table):
    report = ours.bias_report(
        [Facet("facet", table["facet"], values=[1])],
        outcome("label", table["label"], values=[1]),
        positives(table["predicted"], values=[1]),
        group_variable=table["stratum"],
        draws=0,
    )
    return {name: value for stage in report.groups[0].metrics.values() for name, value in stage.items()}


def binary(seed):
    chance = np.random.default_rng([19, seed])
    rows = int(chance.integers(50, 600))
    label = (chance.random(rows) < chance.uniform(0.2, 0.8)).astype(int)
    scores = np.clip(0.3 + 0.4 * label + 0.3 * chance.normal(size=rows), 0, 1).round(2)
    return {"label": label, "predicted": (scores > 0.5).astype(int), "scores": scores}


def binary_by_sklearn(table):
    label, predicted = table["label"], table["predicted"]
    (tn, fp), (fn, tp) = sk.confusion_matrix(label, predicted)
    return {
        "accuracy": sk.accuracy_score(label, predicted),
        "precision": sk.precision_score(label, predicted),
        "recall": sk.recall_score(label, predicted),
        "f0_5": sk.fbeta_score(label, predicted, beta=0.5),
        "f1": sk.f1_score(label, predicted),
        "f2": sk.fbeta_score(label, predicted, beta=2),
        "auc": sk.roc_auc_score(label, table["scores"]),
        "true_positive_rate": tp / (tp + fn),
        "true_negative_rate": tn / (tn + fp),
        "false_positive_rate": fp / (fp + tn),
        "false_negative_rate": fn / (fn + tp),
    }


def classes(seed):
    chance = np.random.default_rng([23, seed])
    rows, names = int(chance.integers(50, 600)), np.array(list("abcde"))[: chance.integers(3, 6)]
    label = chance.choice(names, rows)
    return {
        "label": label,
        "predicted": np.where(chance.random(rows) < 0.6, label, chance.choice(names, rows)),
    }


def classes_by_sklearn(table):
    label, predicted = table["label"], table["predicted"]
    found = {"accuracy": sk.accuracy_score(label, predicted)}
    for name, beta in (("f0_5", 0.5), ("f1", 1), ("f2", 2)):
        found[f"weighted_{name}"] = sk.fbeta_score(label, predicted, beta=beta, average="weighted")
    found["weighted_precision"] = sk.precision_score(label, predicted, average="weighted")
    found["weighted_recall"] = sk.recall_score(label, predicted, average="weighted")
    return found


def amounts(seed):
    chance = np.random.default_rng([29, seed])
    label = chance.normal(10, 3, int(chance.integers(20, 500)))
    return {"label": label, "predicted": label + chance.normal(size=len(label))}


def amounts_by_sklearn(table):
    label, predicted = table["label"], table["predicted"]
    mse = sk.mean_squared_error(label, predicted)
    return {
        "mae": sk.mean_absolute_error(label, predicted),
        "mse": mse,
        "rmse": math.sqrt(mse),
        "r2": sk.r2_score(label, predicted),
    }


CASES = {
    "bias": (people, bias_by_smclarify, bias_by_us),
    "binary": (
        binary,
        binary_by_sklearn,
        lambda t: binary_quality(t["label"], t["predicted"], t["scores"], classes=[0, 1]).values,
    ),
    "multiclass": (
        classes,
        classes_by_sklearn,
        lambda t: multiclass_quality(t["label"], t["predicted"]).values,
    ),
    "regression": (
        amounts,
        amounts_by_sklearn,
        lambda t: regression_quality(t["label"], t["predicted"]).values,
    ),
}


def main():
    warnings.simplefilter("ignore")
    worst, recorded = {}, {}
    for kind, (draw, oracle, own) in CASES.items():
        for seed in range(100):
            table = draw(seed)
            theirs, found = oracle(table), own(table)
            if seed < 2:
                columns = {name: column.tolist() for name, column in table.items()}
                recorded.setdefault(kind, []).append({"columns": columns, "metrics": theirs})
            for name, value in theirs.items():
                if isinstance(value, float) and math.isfinite(value):
                    apart = abs(found[name] - value) / max(1.0, abs(value))
                    worst[kind, name] = max(worst.get((kind, name), 0.0), apart)
    for kind in CASES:
        mine = {name: apart for (of, name), apart in worst.items() if of == kind}
        print(
            f"{kind:12} {len(mine):3} metrics, largest difference {max(mine.values()):.1e} ({max(mine, key=mine.get)})"
        )
    if sys.argv[1:]:
        Path(sys.argv[1]).write_text(json.dumps(recorded, separators=(",", ":"), sort_keys=True) + "\n")
    sys.exit(max(worst.values()) > TOLERANCE)


if __name__ == "__main__":
    main()
