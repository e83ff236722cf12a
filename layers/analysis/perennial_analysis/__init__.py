"""Analysis of a model's data, predictions and fairness, in the files of SageMaker Model Monitor and Clarify.

Columns in, documents out: no AWS, no clock, no pandas. The same inputs always give the same bytes.

What there is to analyse:

    columns         a table as columns of numpy arrays: what every reader gives
    readers         captured traffic, CSV, JSON Lines and Parquet as tables, in bounded chunks
    ground_truth    labels that arrive later, joined to the predictions that were captured

Data quality:

    statistics      a dataset column by column (statistics_file: statistics.json; merge: of parts into the whole)
      statistics_roles, statistics_rhythm   columns that never come back, and those that come and go by the hour
      hashed        text with too many values to list
    constraints     constraints.json: what a window may look like, suggested from a baseline
    check           a window held against its baseline: constraint_violations.json
      distances, calibrated   the rules: Deequ's, and ours that do not page for chance

Model quality and bias:

    model_quality   metrics of predictions beside labels, thresholds and violations; estimates without labels
    bias            how differently groups are treated: Clarify's metrics, files and drift check
"""
