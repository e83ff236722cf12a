"""One window of captured traffic analysed: the engine behind the Lambda, the Processing job and every test.

request     what is to be analysed: Request, Source
engine      collect (one worker's share) -> Part, finish (all parts) -> Analysis, analyze (both at once)
baseline    the files of a model that windows are held against, made at training time
traffic     captured records as rows: inputs by name, answers as label and score
data_quality, model_quality, bias    the three monitors, each from joined parts to findings
summary     summary.json, which alarms and messages read
html        report.html, for people
"""

from perennial_analysis.window.analysis import Analysis, Datapoint
from perennial_analysis.window.baseline import Holdout, baseline
from perennial_analysis.window.collecting import collect
from perennial_analysis.window.engine import analyze, finish
from perennial_analysis.window.part import Part, UnreadablePart
from perennial_analysis.window.request import Request, Source, UnreadableRequest
from perennial_analysis.window.summary import Summary

__all__ = [
    "Analysis",
    "Datapoint",
    "Holdout",
    "Part",
    "Request",
    "Source",
    "Summary",
    "UnreadablePart",
    "UnreadableRequest",
    "analyze",
    "baseline",
    "collect",
    "finish",
]
