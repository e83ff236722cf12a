"""Reports as the analysis leaves them, for tests that read them."""

import json
from datetime import UTC, datetime, timedelta

from perennial.alarms.reports import Report
from perennial.monitoring.summary import Summary

AT = datetime(2026, 3, 1, 11, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def violation(feature="pirat", kind="drift", check="baseline_drift_check", description="it moved"):
    return {"feature": feature, "kind": kind, "check": check, "description": description}


def document(monitor="data_quality", status="ok", start=AT, every=HOUR, **more):
    """summary.json as plain values."""
    return {
        "version": 1,
        "model": "mortgage",
        "monitor": monitor,
        "endpoint": "perennial-mortgage",
        "schedule": f"perennial-mortgage-{monitor.replace('_', '-')}",
        "window": {"start": start.isoformat(), "end": (start + every).isoformat()},
        "model_version": 1,
        "status": status,
        "reason": f"{status}, says the analysis",
        "records": 500,
        **more,
    }


def folder(document):
    """Where the report lies."""
    start = datetime.fromisoformat(document["window"]["start"])
    return f"models/{document['model']}/reports/{document['monitor']}/{start:%Y/%m/%d/%H%M}/"


def put(world, *documents):
    """Into the bucket, as AnalyzeTraffic does."""
    for each in documents:
        world.bucket.write(folder(each) + "summary.json", json.dumps(each).encode())


def report(*arguments, **more):
    found = document(*arguments, **more)
    return Report(folder(found), Summary.model_validate(found))


def drifted(*features, start=AT, kind="drift", **more):
    """A window of data quality with violations."""
    names = features or ("pirat",)
    found = [violation(name, kind) for name in names]
    return document(status="violations", start=start, violations=found, **more)


def lost(metric="auc", value=0.6, threshold=0.8, start=AT, **more):
    """A window of model quality with a metric beyond its limit."""
    quality = {metric: {"value": value, "threshold": threshold, "tripped": True}}
    found = [violation(metric, "quality", "LessThanThreshold")]
    return document("model_quality", "violations", start, quality=quality, violations=found, **more)
