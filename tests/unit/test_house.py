"""The house keeps its own rules: template, handlers, samples and documents agree."""

import importlib.util
import inspect
import json
import os
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from cloudformation import ROOT, functions, queues, rules, template
from moto.events.models import EventPattern
from pydantic import TypeAdapter

from perennial.settings import Settings

SAMPLES = {path.stem: json.loads(path.read_text()) for path in sorted((ROOT / "events").glob("*.json"))}
RULES = [pytest.param(function, pattern, id=f"{function}-{event}") for function, event, pattern in rules()]


def handler(logical_id):
    """A function's handler module, loaded from its folder as Lambda does."""
    folder = ROOT / functions()[logical_id]["CodeUri"]
    os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "test")
    os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Perennial")
    spec = importlib.util.spec_from_file_location(f"handler_{folder.name}", folder / "handler.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def accepted(logical_id):
    """What a handler's annotation accepts."""
    function = inspect.unwrap(handler(logical_id).lambda_handler)
    return TypeAdapter(function.__annotations__["event"])


@pytest.mark.parametrize("logical_id", functions())
def test_every_function_has_its_handler(logical_id):
    """Each function's folder imports, and has nothing importable beside its handler."""
    assert callable(handler(logical_id).lambda_handler)
    folder = ROOT / functions()[logical_id]["CodeUri"]
    assert ["handler.py"] == [path.name for path in folder.iterdir() if path.suffix == ".py"]


@pytest.mark.parametrize("logical_id", functions())
def test_a_function_that_publishes_metrics_has_some(logical_id):
    """Without any, Powertools warns in plain words amid the JSON of the log."""
    source = (ROOT / functions()[logical_id]["CodeUri"] / "handler.py").read_text()
    assert ("log_metrics" in source) == ("add_metric" in source or "report(" in source)


def test_every_folder_is_a_function():
    """No handler lies about that the template does not know."""
    known = {Path(properties["CodeUri"]).name for properties in functions().values()}
    assert known == {path.name for path in (ROOT / "functions").iterdir() if path.is_dir()}


@pytest.mark.parametrize(("function", "pattern"), RULES)
def test_every_rule_has_a_sample_that_its_handler_reads(function, pattern):
    """A rule that matches no real event never fires; an event that does not parse is a dead letter."""
    matching = [
        name
        for name, sample in SAMPLES.items()
        if EventPattern.load(json.dumps(pattern)).matches_event(sample)
    ]
    assert matching, f"no sample in events/ matches {pattern}"
    for name in matching:
        accepted(function).validate_python(SAMPLES[name])


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_is_somebodys(name):
    """A sample that no rule matches documents nothing."""
    sample = SAMPLES[name]
    matched = [f for f, _, pattern in rules() if EventPattern.load(json.dumps(pattern)).matches_event(sample)]
    called = [name for name, properties in functions().items() if "FunctionUrlConfig" in properties]
    queued = [name for name, source in queues() if source == "CaptureQueue"]
    if "Records" in sample:
        assert queued
    else:
        assert matched or (called if "requestContext" in sample else sample["source"] == "aws.scheduler")


def test_the_settings_are_the_templates_variables():
    """A variable that one of the two forgets fails here, not in the cloud."""
    variables = set(template()["Globals"]["Function"]["Environment"]["Variables"])
    required = {name.upper() for name, field in Settings.model_fields.items() if field.is_required()}
    assert required == {name for name in variables if not name.startswith("POWERTOOLS_")}


@pytest.mark.parametrize("logical_id", functions())
def test_every_function_says_what_it_is(logical_id):
    """A sentence for the console, its own service name for the log, and its own rights."""
    properties = functions()[logical_id]
    assert properties["Description"].endswith(".")
    assert properties["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
    assert properties["Policies"]


def test_failures_are_kept_and_told():
    """Asynchronous failures are retried, kept in the queue, and the queue's alarm speaks to people."""
    invoke = template()["Globals"]["Function"]["EventInvokeConfig"]
    assert 2 == invoke["MaximumRetryAttempts"]
    assert {"GetAtt": "DeadLetters.Arn"} == invoke["DestinationConfig"]["OnFailure"]["Destination"]
    for name, properties in functions().items():
        for event in properties.get("Events", {}).values():
            # A tick that fails is made good by the next one.
            # A queue keeps what failed in its own dead letters.
            assert "DeadLetterConfig" in event["Properties"] or event["Type"] in ("ScheduleV2", "SQS"), name
    queue = template()["Resources"]["CaptureQueue"]["Properties"]
    assert {"GetAtt": "DeadLetters.Arn"} == queue["RedrivePolicy"]["deadLetterTargetArn"]
    allowed = template()["Resources"]["DeadLettersPolicy"]["Properties"]["PolicyDocument"]["Statement"][0]
    assert ["ArnLike"] == list(allowed["Condition"]), "EventBridge is known to send the rule's ARN only"
    alarm = template()["Resources"]["DeadLettersAlarm"]["Properties"]
    assert ["<AlertsTopic>"] == alarm["AlarmActions"]


def _statements():
    for name, resource in template()["Resources"].items():
        properties = resource["Properties"]
        documents = [policy for policy in properties.get("Policies", []) if isinstance(policy, dict)]
        documents += [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
        for document in documents:
            for statement in document.get("PolicyDocument", document)["Statement"]:
                yield name, statement


def test_rights_are_narrow_and_named():
    """No action by wildcard; a wildcard resource only where AWS's authorization reference offers nothing narrower."""
    unnarrowed = {
        "application-autoscaling:DeregisterScalableTarget",
        "application-autoscaling:DeleteScalingPolicy",
        "application-autoscaling:RegisterScalableTarget",
        "application-autoscaling:PutScalingPolicy",
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:PutScheduledAction",
        "application-autoscaling:DeleteScheduledAction",
        "application-autoscaling:DescribeScalingPolicies",
        "application-autoscaling:DescribeScheduledActions",
        "cloudwatch:DescribeAlarms",
        "cloudwatch:GetMetricData",
        "cloudwatch:PutMetricData",
        "ecr:GetAuthorizationToken",
        "sagemaker:ListEndpointConfigs",
        "sagemaker:ListModelPackages",
        "sagemaker:ListMonitoringExecutions",
        "sagemaker:ListMonitoringSchedules",
        "sagemaker:ListTrainingJobs",
    }
    for name, statement in _statements():
        if statement["Effect"] == "Deny":
            continue
        assert statement["Sid"], name
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert not [action for action in actions if action.endswith(":*")], (name, statement["Sid"])
        if statement["Resource"] == "*":
            assert set(actions) <= unnarrowed, (name, statement["Sid"])
        if "iam:PassRole" in actions:
            assert "iam:PassedToService" in statement["Condition"]["StringEquals"], name


def test_the_runtime_is_one_fact():
    """Template, layers and project agree on the Pythons that they support."""
    allowed = template()["Parameters"]["Runtime"]["AllowedValues"]
    default = template()["Parameters"]["Runtime"]["Default"]
    makefile = (ROOT / "layers/Makefile").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    minors = [int(name.removeprefix("python3.")) for name in allowed]
    assert f">=3.{min(minors)},<3.{max(minors) + 1}" == project
    assert default == re.search(r"PERENNIAL_RUNTIME \?= (\S+)", makefile)[1]
    assert template()["Parameters"]["Architecture"]["Default"] in makefile


def test_a_layer_is_built_for_the_processor_of_its_functions():
    """SAM keeps built layers by their build architecture: without it, another `Architecture` gets the former one's wheels."""
    layers = [
        each for each in template()["Resources"].values() if each["Type"] == "AWS::Serverless::LayerVersion"
    ]
    assert layers
    for layer in layers:
        assert layer["Metadata"]["BuildArchitecture"] == "<Architecture>"
        assert layer["Properties"]["CompatibleArchitectures"] == ["<Architecture>"]
        assert layer["Properties"]["CompatibleRuntimes"] == ["<Runtime>"]


def test_parameters_and_outputs_are_documented():
    """Every parameter and output stands in the documents."""
    documents = "\n".join(
        path.read_text() for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    )
    names = [*template()["Parameters"], *template()["Outputs"]]
    assert not [name for name in names if name not in documents]


def test_the_configuration_reference_is_up_to_date():
    """`make docs` writes it from the models that read model.yaml."""
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs/configuration_reference.py")
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    assert reference.page() == (ROOT / "docs/configuration.md").read_text()


def test_no_layer_brings_what_the_runtime_has():
    """boto3 and its needs are in the Lambda runtime; a second copy costs 30 MB and a surprise."""
    for path in (ROOT / "layers").glob("*/requirements.txt"):
        assert not re.search(r"^(boto3|botocore|urllib3|jmespath)==", path.read_text(), re.MULTILINE), path


def test_no_lock_file_names_an_index():
    """Hashes pin what is installed; where it comes from is the user's business."""
    locks = [path for path in ROOT.glob("**/requirements*/*.txt") if ".perennial" not in path.parts]
    locks += list((ROOT / "layers").glob("*/requirements.txt"))
    assert locks
    for path in locks:
        text = path.read_text()
        assert "--index-url" not in text, path
        assert "--find-links" not in text, path
        assert "--hash=" in text, path


def test_samples_are_formatted():
    """Samples are read by people."""
    for name, sample in SAMPLES.items():
        assert (ROOT / "events" / f"{name}.json").read_text() == json.dumps(sample, indent=2) + "\n", name


def test_samconfig_deploys_locally_what_it_deploys_to_aws():
    """The laptop differs by parameters, not by template."""
    samconfig = tomllib.loads((ROOT / "samconfig.toml").read_text())
    for environment in ("local", "prod"):
        assert "CAPABILITY_IAM" == samconfig[environment]["deploy"]["parameters"]["capabilities"]
        assert "template_file" not in json.dumps(samconfig[environment])
    names = set(re.findall(r"(\w+)=", samconfig["local"]["deploy"]["parameters"]["parameter_overrides"]))
    assert names <= set(template()["Parameters"])
    assert yaml.safe_load("ok: true")
