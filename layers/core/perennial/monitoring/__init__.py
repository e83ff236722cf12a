"""What is watched of a model in service: which windows are due, what they read, and what came of them. Pure.

monitors    the monitors of a model, their names and periods
windows     which windows of traffic are due, and who works on them
sources     the folders of captured traffic and labels that a window reads
baselines   what the version in service was trained on
sizing      a Lambda or a Processing job
summary     summary.json: what came of a window
"""
