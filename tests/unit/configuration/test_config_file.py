"""A mistake in model.yaml is told with its line, its key, what is allowed, and a near miss."""

import json

import pytest

from perennial.config import ModelConfig
from perennial.config_file import read_config
from perennial.errors import ConfigError

HEAD = "model: mortgage\nproblem: binary_classification\ntarget: deny\n"


def test_three_keys_are_enough():
    """All keys have defaults but the first three."""
    config = read_config(HEAD, model="mortgage")
    assert ("auc", "manual", 2) == (config.gate_metric, config.gate.approval, config.endpoint.instances)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(
            HEAD + "gate:\n  minimun: 0.7\n",
            "line 5: unknown key 'gate.minimun'; did you mean 'minimum'?",
            id="near miss",
        ),
        pytest.param(
            HEAD + "colour: red\n", "line 4: unknown key 'colour'; allowed here:", id="no near miss"
        ),
        pytest.param("model: mortgage\nproblem: regression\n", "'target' is missing", id="missing"),
        pytest.param(
            HEAD.replace("binary_", "binry_"),
            "line 2: problem: Input should be 'binary_classification'",
            id="enum",
        ),
        pytest.param(
            HEAD + "endpoint: {instances: two}\n",
            "line 4: endpoint.instances: Input should be a valid integer",
            id="type",
        ),
        pytest.param(
            HEAD + "endpoint: {kind: async}\n", "endpoint.kind: expected realtime, serverless", id="kind"
        ),
        pytest.param(
            HEAD + "scaling: {min: 5, max: 2}\n", "line 4: scaling: min 5 is above max 2", id="bounds"
        ),
        pytest.param(
            HEAD + "gate: {maximum: 3}\n",
            "gate.maximum: more auc is better: use gate.minimum",
            id="direction",
        ),
        pytest.param(
            HEAD + "gate: {metric: rmse}\n",
            "line 4: gate.metric: 'rmse' is not one of auc",
            id="metric of another problem",
        ),
        pytest.param(
            HEAD + "gate: {max_bias: {DPPL: 0.2}}\n",
            "monitors.bias must say which facet",
            id="bias without facet",
        ),
        pytest.param(
            HEAD + "monitors: {bias: {facet: afam, privileged: no}}\n",
            'write it in quotes ("no")',
            id="yaml's booleans",
        ),
        pytest.param(
            HEAD.replace("binary_classification", "regression")
            + 'monitors: {bias: {facet: afam, privileged: "no"}}\n',
            "monitors.bias: these metrics are defined for binary_classification",
            id="bias of a regression",
        ),
        pytest.param(
            HEAD + "monitors: {bias: {facet: age, facet_threshold: old, privileged: 30}}\n",
            "monitors.bias.facet_threshold.0: Input should be a valid number",
            id="threshold that is no number",
        ),
        pytest.param(
            HEAD + "monitors: {bias: {facet: age, facet_threshold: [60, 25], privileged: 30}}\n",
            "monitors.bias.facet_threshold: 60, 25 do not ascend",
            id="thresholds out of order",
        ),
        pytest.param(
            HEAD + "monitors: {bias: {facet: age, facet_threshold: 40, privileged: old}}\n",
            "with facet_threshold it is any number of the privileged group, not 'old'",
            id="privileged group of no number",
        ),
        pytest.param(
            HEAD
            + "schema: {features: {age: {type: string}}}\n"
            + "monitors: {bias: {facet: age, facet_threshold: 40, privileged: 30}}\n",
            "monitors.bias.facet_threshold: 'age' is of type string in schema.features",
            id="threshold of texts",
        ),
        pytest.param(
            HEAD + "monitors: {model_quality: {metric: rmse}}\n",
            "monitors.model_quality.metric: 'rmse' is not one of auc",
            id="quality by another problem's metric",
        ),
        pytest.param(
            HEAD + "monitors: {model_quality: {metric: log_loss}}\n",
            "monitors.model_quality.metric: 'log_loss' is not one of auc, accuracy, precision, recall, f1",
            id="quality by a metric of training alone",
        ),
        pytest.param(
            HEAD + "monitors: {model_quality: {maximum: 0.7}}\n",
            "monitors.model_quality.maximum: more auc is better: use monitors.model_quality.minimum",
            id="quality's direction",
        ),
        pytest.param(
            HEAD + "monitors: {data_quality: {every: 7h}}\n",
            "7h neither divides a day nor is whole days",
            id="windows that wander",
        ),
        pytest.param(
            HEAD + "monitors: {data_quality: {every: 1m}}\n", "1m is not between 5m and 7d", id="too often"
        ),
        pytest.param(
            HEAD + 'notify: {quiet_hours: "22-7"}\n', 'is not like "22:00-07:00 Europe/Zurich"', id="quiet"
        ),
        pytest.param(
            HEAD + 'notify: {quiet_hours: "22:00-24:00 UTC"}\n', "hours are 00:00 to 23:59", id="no hour"
        ),
        pytest.param(
            HEAD + 'notify: {quiet_hours: "22:00-07:00 Europe/Zuric"}\n',
            "'Europe/Zuric' is no time zone",
            id="no zone",
        ),
        pytest.param(
            HEAD + 'notify: {quiet_hours: "22:00-22:00 UTC"}\n', "is no time at all", id="never quiet"
        ),
        pytest.param(
            HEAD + "training: {hyperparameters: {seed: 3}}\n",
            "hyperparameter 'seed' is ours",
            id="reserved hyperparameter",
        ),
        pytest.param(HEAD + "schema: {drop: [deny]}\n", "'deny' is the target", id="target dropped"),
        pytest.param(HEAD.replace("mortgage", "loans"), "line 1: model is 'loans'", id="wrong folder"),
        pytest.param(
            HEAD.replace("mortgage", "Mortgage"),
            "line 1: model: expected lower case letters, digits and hyphens, such as",
            id="bad name",
        ),
        pytest.param(
            HEAD + "endpoint: {rollout: {type: Canery}}\n", "did you mean 'canary'?", id="near value"
        ),
        pytest.param(
            HEAD + "endpoint: {instance: m5.large}\n",
            "endpoint.instance: expected an instance type of SageMaker, such as ml.m5.large (found 'm5.large')",
            id="form",
        ),
        pytest.param(
            HEAD + "monitors: {data_quality: {every: 60}}\n",
            "monitors.data_quality.every: expected minutes, hours or days, such as 15m, 12h or 1d (found 60)",
            id="no unit",
        ),
        pytest.param(
            HEAD + "gate: {minimum: 70}\n", "gate.minimum: auc is never above 1 (found 70)", id="percent"
        ),
        pytest.param(
            HEAD + "notify: {email: a@example.com}\n", "notify.email: Input should be a list", id="one"
        ),
        pytest.param(
            HEAD + "gate:\n  minimum: 0.7\n  minimum: 0.8\n",
            "line 6: 'gate.minimum' stands there twice, first on line 5",
            id="twice",
        ),
        pytest.param("model: [\n", "not valid YAML", id="not yaml"),
        pytest.param("just text\n", "expected keys and values", id="no mapping"),
        pytest.param("", "expected keys and values", id="empty"),
    ],
)
def test_mistakes(text, words):
    """Each mistake is a sentence that a person can act on."""
    with pytest.raises(ConfigError) as caught:
        read_config(text, model="mortgage")
    assert words in "; ".join(caught.value.problems)


def test_all_mistakes_are_told_at_once():
    """A person corrects a file once, from its top to its end, not once a mistake."""
    with pytest.raises(ConfigError) as caught:
        read_config(HEAD + "colour: red\nendpoint: {instances: two}\n", model="mortgage")
    assert ["line 4", "line 5"] == [problem[:6] for problem in caught.value.problems]


def test_aliases_within_aliases_are_refused_in_few_words():
    """What stands for billions of items is neither walked through nor repeated in the message."""
    lists = [f"x{n}: &x{n} [{', '.join(f'*x{n - 1}' for _ in range(9))}]\n" for n in range(1, 30)]
    with pytest.raises(ConfigError) as caught:
        read_config(HEAD + "x0: &x0 [a]\n" + "".join(lists) + "engine: *x29\n", model="mortgage")
    assert len(str(caught.value.problems)) < 20_000


@pytest.mark.parametrize(
    ("changes", "training", "endpoint"),
    [
        pytest.param({"training": {"seed": 1}}, True, False, id="seed"),
        pytest.param({"training": {"max_retries": 5}}, False, False, id="retries"),
        pytest.param({"endpoint": {"instance": "ml.c5.large"}}, False, True, id="instance"),
        pytest.param({"endpoint": {"rollout": {"type": "linear"}}}, False, False, id="rollout"),
        pytest.param({"capture": {"percent": 10}}, False, True, id="capture"),
        pytest.param({"capture": {"delay_minutes": 30}}, False, False, id="capture's delay"),
        pytest.param({"monitors": {"data_quality": None}}, False, False, id="monitors"),
        pytest.param({"scaling": {"max": 9}}, False, False, id="scaling"),
        pytest.param({"gate": {"minimum": 0.9}}, False, False, id="gate"),
        pytest.param({"target": "approved"}, True, False, id="target"),
        pytest.param({"monitors": {"bias": {"facet": "age", "privileged": 9}}}, True, False, id="facet"),
    ],
)
def test_hashes_change_with_what_they_stand_for(changes, training, endpoint):
    """Another training hash means another model, another endpoint hash another endpoint config."""
    plain = {"model": "mortgage", "problem": "binary_classification", "target": "deny"}
    before, after = ModelConfig.model_validate(plain), ModelConfig.model_validate(plain | changes)
    assert training == (before.training_hash != after.training_hash)
    assert endpoint == (before.endpoint_hash != after.endpoint_hash)


def test_a_threshold_of_the_facet_is_another_training():
    """Groups are counted at training; one threshold is written as a number or as a list of one."""
    bias = {"facet": "age", "privileged": 30}
    found = [
        read_config(HEAD + f"monitors: {{bias: {json.dumps(bias | more)}}}\n", model="mortgage").training_hash
        for more in ({}, {"facet_threshold": 40}, {"facet_threshold": [40]}, {"facet_threshold": [40, 60]})
    ]
    assert found[1] == found[2]
    assert len({*found}) == 3


def test_the_catalog_reads_back_what_it_keeps():
    """The JSON that we keep is the configuration, hashes and all."""
    config = read_config(
        HEAD + "endpoint: {kind: serverless}\nschema: {drop: [rownames]}\n", model="mortgage"
    )
    assert config == ModelConfig.model_validate_json(config.model_dump_json(by_alias=True))


@pytest.mark.parametrize(
    ("changes", "metric"),
    [
        pytest.param({}, "auc", id="default"),
        pytest.param({"gate": {"metric": "f1"}}, "f1", id="the gate's"),
        pytest.param({"gate": {"metric": "log_loss"}}, "auc", id="the gate's is not watched"),
        pytest.param({"monitors": {"model_quality": {"metric": "recall"}}}, "recall", id="its own"),
    ],
)
def test_quality_is_held_to_a_metric_that_is_watched(changes, metric):
    """Without a metric of its own the monitor takes the gate's, if windows can measure it."""
    plain = {"model": "mortgage", "problem": "binary_classification", "target": "deny"}
    assert metric == ModelConfig.model_validate(plain | changes).quality_metric
