"""How good the predictions are: against labels, and, until labels arrive, against the scores themselves.

labels        one spelling for every label, so that 1, 1.0 and "1" are one class
confusion     counts of actual by predicted classes, and every metric that follows from counts alone
ranking       what follows from the order of scores: AUC with its standard error, ROC and PR curves
regression    mean errors and R2, with standard errors
statistics    all of it in the shape of Model Monitor's model quality statistics.json
constraints   thresholds suggested from a baseline; a later window held against them
calibration   scores made into probabilities, learned from scores whose labels are known
cbpe          the expected metrics of a calibrated binary classifier, from its scores alone
"""
