"""Evidently on two tables of Parquet, both read whole, as it has to: drift and summary in one report."""

import sys

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset, DataSummaryPreset

baseline, window = (pd.read_parquet(path) for path in sys.argv[1:3])
numeric = [name for name in window if window[name].dtype != object]
definition = DataDefinition(
    numerical_columns=numeric, categorical_columns=[name for name in window if name not in numeric]
)
report = Report([DataDriftPreset(), DataSummaryPreset()])
snapshot = report.run(Dataset.from_pandas(window, definition), Dataset.from_pandas(baseline, definition))
snapshot.save_json(sys.argv[3])
