"""Search over trial components: filters on any member, nested filters left out."""

from typing import Any

from twin.pages import paginate
from twin.protocol import Call, Request, validation
from twin.sagemaker.trials import Record, Trials
from twin.tags import Tags

_NUMBERS = ("GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo")


def matching(trials: Trials, tags: Tags, request: Request, call: Call) -> Request:
    """One page of `{"TrialComponent": {...}}` that meet the SearchExpression."""
    if request["Resource"] != "ExperimentTrialComponent":
        raise validation(f"The twin searches only ExperimentTrialComponent, not {request['Resource']}.")
    expression = request.get("SearchExpression", {})
    for unsupported in ("NestedFilters",):
        if expression.get(unsupported):
            raise validation(f"The twin does not support {unsupported} in Search.")
    found = [
        {**record, "Tags": tags.listed(record["TrialComponentArn"]), "Parents": _parents(trials, record)}
        for arn, record in trials.components.items()
        if arn.startswith(call.arn(""))
    ]
    found = [record for record in found if _meets(record, expression)]
    by = request.get("SortBy", "LastModifiedTime")
    found.sort(key=lambda record: _sortable(_value(record, by)))
    if request.get("SortOrder", "Descending") == "Descending":
        found.reverse()
    page = paginate(found, request, "Results", default=10)
    page["Results"] = [{"TrialComponent": record} for record in page["Results"]]
    return page


def _parents(trials: Trials, component: Record) -> list[dict[str, str]]:
    return [
        {"TrialName": trial["TrialName"], "ExperimentName": trial["ExperimentName"]}
        for trial in trials.trials_of(component)
    ]


def _meets(record: Record, expression: dict[str, Any]) -> bool:
    results = [_filter(record, each) for each in expression.get("Filters", ())]
    results += [_meets(record, each) for each in expression.get("SubExpressions", ())]
    if not results:
        return True
    return any(results) if expression.get("Operator", "And") == "Or" else all(results)


def _filter(record: Record, rule: dict[str, Any]) -> bool:
    value, operator, expected = (
        _value(record, rule["Name"]),
        rule.get("Operator", "Equals"),
        rule.get("Value", ""),
    )
    if operator == "Exists":
        return value is not None
    if operator == "NotExists":
        return value is None
    values = value if isinstance(value, list) else [value]
    if operator in _NUMBERS:
        return any(_compare(each, operator, expected) for each in values)
    told = [str(each) for each in values if each is not None]
    return {
        "Equals": lambda: expected in told,
        "NotEquals": lambda: expected not in told,
        "Contains": lambda: any(expected in each for each in told),
        "In": lambda: any(each in expected.split(",") for each in told),
    }[operator]()


def _compare(value: Any, operator: str, expected: str) -> bool:
    try:
        left, right = float(value), float(expected)
    except (TypeError, ValueError):
        return False
    return {
        "GreaterThan": left > right,
        "GreaterThanOrEqualTo": left >= right,
        "LessThan": left < right,
        "LessThanOrEqualTo": left <= right,
    }[operator]


def _value(record: Record, name: str) -> Any:
    """A member by AWS's property names: `Parameters.depth`, `Metrics.auc.Last`, `Tags.model`, `Parents.TrialName`."""
    head, _, rest = name.partition(".")
    value = record.get(head)
    if not rest:
        return value
    if head == "Metrics":
        metric, _, statistic = rest.rpartition(".")
        return next((m.get(statistic) for m in value or () if m["MetricName"] == metric), None)
    if head == "Tags":
        return next((tag["Value"] for tag in value or () if tag["Key"] == rest), None)
    if head == "Parents":
        return [parent.get(rest) for parent in value or ()]
    if head == "Parameters":
        parameter = (value or {}).get(rest, {})
        return parameter.get("NumberValue", parameter.get("StringValue"))
    return value.get(rest) if isinstance(value, dict) else None


def _sortable(value: Any) -> tuple[bool, str, float]:
    if value is None:
        return False, "", 0.0
    if hasattr(value, "timestamp"):
        return True, "", value.timestamp()
    return (True, "", float(value)) if isinstance(value, (int, float)) else (True, str(value), 0.0)
