"""How differently a model, and the data that it learns from, treat groups: SageMaker Clarify's metrics and files.

groups      which rows are of a group and which labels are positive; their counts
formulas    every pre-training and post-training metric, from counts alone
flip_test   the one metric that needs features: what a group's nearest neighbours were given
intervals   bootstrap intervals, from resampled counts
report      analysis.json, and the intervals and group sizes beside it
check       a window held against a baseline's analysis.json: constraint_violations.json
"""
