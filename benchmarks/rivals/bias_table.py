"""All bias metrics but the flip test of one numeric facet, by smclarify or by us, and what the call took."""

import json
import sys
import time

import numpy as np


def people(rows):
    """A facet of two values, an outcome, a prediction and a stratum that depend on it."""
    chance = np.random.default_rng(5)
    facet = (chance.random(rows) < 0.3).astype(int)
    label = (chance.random(rows) < 0.4 + 0.1 * facet).astype(int)
    predicted = np.where(
        chance.random(rows) < 0.8, label, (chance.random(rows) < 0.5 - 0.1 * facet).astype(int)
    )
    return facet, label, predicted, chance.integers(0, 5, rows)


def by_smclarify(rows):
    import pandas as pd
    from smclarify.bias import metrics
    from smclarify.bias.report import FacetColumn, LabelColumn, StageType, bias_report

    facet, label, predicted, stratum = people(rows)
    frame = pd.DataFrame({"facet": facet, "label": label, "predicted": predicted, "stratum": stratum})

    def run():
        found = {}
        for stage, known in (
            (StageType.PRE_TRAINING, metrics.PRETRAINING_METRICS),
            (StageType.POST_TRAINING, metrics.POSTTRAINING_METRICS),
        ):
            answer = bias_report(
                frame,
                FacetColumn("facet", [1]),
                LabelColumn("label", frame["label"], [1]),
                stage,
                LabelColumn("predicted", frame["predicted"], [1]),
                metrics=[name for name in (each.__name__ for each in known) if name != "FT"],
                group_variable=frame["stratum"],
            )
            for group in answer:
                if group["value_or_threshold"] == "1":
                    found |= {each["name"]: each["value"] for each in group["metrics"]}
        return found

    return run


def by_us(rows, draws=0):
    from perennial_analysis.bias.groups import Facet, outcome, positives
    from perennial_analysis.bias.report import bias_report

    facet, label, predicted, stratum = people(rows)

    def run():
        report = bias_report(
            [Facet("facet", facet, values=[1])],
            outcome("label", label, values=[1]),
            positives(predicted, values=[1]),
            group_variable=stratum,
            draws=draws,
        )
        (group,) = (each for each in report.groups if each.value == "1")
        return {name: value for stage in group.metrics.values() for name, value in stage.items()}

    return run


if __name__ == "__main__":
    run = {"smclarify": by_smclarify, "us": by_us, "us with intervals": lambda rows: by_us(rows, draws=2000)}[
        sys.argv[1]
    ](int(sys.argv[2]))
    began = time.process_time()
    found = run()
    json.dump({"cpu": time.process_time() - began, "metrics": found}, sys.stdout)
