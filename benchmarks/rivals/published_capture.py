"""A window of Data Capture the way that AWS publishes in place of Model Monitor: every line by json, cells split at
commas, text to float through pandas, the whole training data beside it, and two Evidently reports with their pages.

After aws-samples/sample-aiops-on-amazon-sagemakerai, monitoring/predictiveml-endpoint-monitoring, without S3, MLflow
and the mail; the steps are its own, the words are not.
"""

import json
import sys
from pathlib import Path

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset, DataSummaryPreset

captures, training, results = map(Path, sys.argv[1:4])
reference = pd.read_csv(training)
cells = []
for path in sorted(captures.glob("*.jsonl")):
    for line in path.read_text().strip().split("\n"):
        row = json.loads(line)["captureData"]["endpointInput"]["data"]
        cells.append(row.strip().split(","))
current = pd.DataFrame(cells, columns=reference.columns).astype(float)
tables = [Dataset.from_pandas(each, data_definition=DataDefinition()) for each in (current, reference)]
drift = Report([DataDriftPreset()]).run(*tables)
drift.save_html(str(results / "drift.html"))
drift.save_json(str(results / "drift.json"))
Report([DataSummaryPreset()]).run(*tables).save_html(str(results / "summary.html"))
