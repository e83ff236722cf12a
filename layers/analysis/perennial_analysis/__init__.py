"""Analysis of a model's data, predictions and fairness, in the files of SageMaker Model Monitor and Clarify.

Columns in, documents out: no AWS, no clock, no pandas. The same inputs always give the same bytes.

    model_quality   metrics of predictions beside labels, thresholds and violations; estimates without labels
    ground_truth    labels that arrive later, joined to the predictions that were captured
    bias            how differently groups are treated: Clarify's metrics, files and drift check
"""
