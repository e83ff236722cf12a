"""Experiments on the twin; moto answers the first ones alike."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from running_twin import Twin, unique

Client = Callable[[str], Any]


def trial_with_component(sagemaker: Any, **component: Any) -> tuple[str, str, str]:
    experiment = unique("experiment")
    trial, name = f"{experiment}-trial", f"{experiment}-component"
    sagemaker.create_experiment(ExperimentName=experiment)
    sagemaker.create_trial(TrialName=trial, ExperimentName=experiment)
    sagemaker.create_trial_component(TrialComponentName=name, **component)
    sagemaker.associate_trial_component(TrialName=trial, TrialComponentName=name)
    return experiment, trial, name


def test_trials_belong_to_their_experiment(client: Client) -> None:
    """A trial is listed under its experiment and under its component."""
    sagemaker = client("sagemaker")
    experiment, trial, component = trial_with_component(sagemaker)
    for given in ({"ExperimentName": experiment}, {"TrialComponentName": component}):
        assert [t["TrialName"] for t in sagemaker.list_trials(**given)["TrialSummaries"]] == [trial]
    assert sagemaker.describe_trial(TrialName=trial)["ExperimentName"] == experiment


def test_component_is_described(client: Client) -> None:
    """A component keeps its display name and its status."""
    sagemaker = client("sagemaker")
    status = {"PrimaryStatus": "InProgress", "Message": "training"}
    _, trial, component = trial_with_component(sagemaker, DisplayName="run", Status=status)
    described = sagemaker.describe_trial_component(TrialComponentName=component)
    assert (described["DisplayName"], described["Status"]) == ("run", status)
    (listed,) = sagemaker.list_trial_components(TrialName=trial)["TrialComponentSummaries"]
    assert listed["TrialComponentName"] == component


def test_update_merges_parameters(twin: Twin) -> None:
    """UpdateTrialComponent adds parameters and removes those it is told to."""
    sagemaker = twin.client("sagemaker")
    number, text = {"NumberValue": 1.0}, {"StringValue": "x"}
    _, _, component = trial_with_component(sagemaker, Parameters={"a": number, "b": text})
    sagemaker.update_trial_component(
        TrialComponentName=component, Parameters={"c": number}, ParametersToRemove=["a"]
    )
    described = sagemaker.describe_trial_component(TrialComponentName=component)
    assert described["Parameters"] == {"b": text, "c": number}


def test_deletion_goes_from_the_inside_out(twin: Twin) -> None:
    """A component, a trial and an experiment can go only when nothing hangs on them."""
    sagemaker = twin.client("sagemaker")
    experiment, trial, component = trial_with_component(sagemaker)
    with pytest.raises(ClientError, match="has associated trials"):
        sagemaker.delete_experiment(ExperimentName=experiment)
    with pytest.raises(ClientError, match="has associated trial components"):
        sagemaker.delete_trial(TrialName=trial)
    with pytest.raises(ClientError, match="is associated with trials"):
        sagemaker.delete_trial_component(TrialComponentName=component)
    sagemaker.disassociate_trial_component(TrialName=trial, TrialComponentName=component)
    sagemaker.delete_trial_component(TrialComponentName=component)
    sagemaker.delete_trial(TrialName=trial)
    sagemaker.delete_experiment(ExperimentName=experiment)
    with pytest.raises(ClientError, match=r"\(ResourceNotFound\)"):
        sagemaker.describe_experiment(ExperimentName=experiment)


def test_names_are_unique(twin: Twin) -> None:
    """A second experiment of a name is what the SageMaker SDK takes for `load it`."""
    sagemaker = twin.client("sagemaker")
    experiment, _, _ = trial_with_component(sagemaker)
    with pytest.raises(ClientError, match=r"\(ValidationException\).*already exists"):
        sagemaker.create_experiment(ExperimentName=experiment)


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ({"Name": "Parameters.depth", "Operator": "GreaterThan", "Value": "3"}, True),
        ({"Name": "Parameters.depth", "Operator": "LessThanOrEqualTo", "Value": "3"}, False),
        ({"Name": "Parameters.kind", "Operator": "Equals", "Value": "forest"}, True),
        ({"Name": "Parameters.kind", "Operator": "In", "Value": "tree,boosting"}, False),
        ({"Name": "Parameters.missing", "Operator": "NotExists"}, True),
        ({"Name": "Status.PrimaryStatus", "Operator": "Contains", "Value": "Comp"}, True),
        ({"Name": "Tags.team", "Operator": "Equals", "Value": "risk"}, True),
    ],
    ids=lambda value: f"{value['Name']} {value['Operator']}" if isinstance(value, dict) else "",
)
def test_search(twin: Twin, rule: dict[str, str], found: bool) -> None:
    """Search finds components by parameter, status, tag and parent."""
    sagemaker = twin.client("sagemaker")
    experiment, _, component = trial_with_component(
        sagemaker,
        Parameters={"depth": {"NumberValue": 4.0}, "kind": {"StringValue": "forest"}},
        Status={"PrimaryStatus": "Completed"},
        Tags=[{"Key": "team", "Value": "risk"}],
    )
    parent = {"Name": "Parents.ExperimentName", "Operator": "Equals", "Value": experiment}
    results = sagemaker.search(
        Resource="ExperimentTrialComponent", SearchExpression={"Filters": [parent, rule], "Operator": "And"}
    )["Results"]
    assert [r["TrialComponent"]["TrialComponentName"] for r in results] == ([component] if found else [])
