"""What is watched of a model in service: which windows are due, what they read, and what came of them. Pure.

monitors    the monitors of a model, their names and periods
windows     which windows of traffic are due
  claims    who works on a window
sources     the folders of captured traffic and labels that a window reads
baselines   what the version in service was trained on
analysis    what the analysis library is asked, and what it answers
sizing      a Lambda or a Processing job
  processing    the job
summary     summary.json: what came of a window
engines     our library, or SageMaker Model Monitor
  model_monitor, model_monitor_results, images    its schedules, its results, its images
ports       the outside world that all this needs
"""
