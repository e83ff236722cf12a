"""What people hear: each thing once, in words that say what to do."""

from collections import Counter

from stranger import Stack, drop_of, wait_for


def test_people_hear_of_everything_once(stack: Stack) -> None:
    """From the model's creation to its service, with a refused drop and a failed training in between."""
    model = stack.model("heard").configure(notify={"email": ["reader@example.com"]})
    model.drop("empty", {"part.csv": b"income,ratio,region,deny\n"})
    model.wait_for("drop_refused")
    model.put(
        "model.yaml",
        model.yaml(training={"hyperparameters": {"misspelt": 1}}, notify={"email": ["reader@example.com"]}),
    )
    model.wait_for("configuration_changed")
    model.drop("one", drop_of(120))
    model.wait_for("training_failed")
    model.put("model.yaml", model.yaml(notify={"email": ["reader@example.com"]}))
    model.wait_for("configuration_changed", times=2)
    model.wait_for("version_registered")
    model.approve(1)
    model.wait_until_serving(1)
    expected = {
        "model_created": 1,
        "drop_refused": 1,
        "configuration_changed": 2,
        "training_started": 2,
        "training_failed": 1,
        "version_registered": 1,
        "endpoint_creation_started": 1,
        "version_in_service": 1,
    }
    assert Counter(model.news()) == expected, model.story()
    wait_for("all notices", lambda: len(model.notices()) >= sum(expected.values()), 30)
    heard = {notice["outcome"]: notice for notice in model.notices()}
    assert Counter(notice["outcome"] for notice in model.notices()) == expected
    assert {
        outcome: heard[outcome]["severity"] for outcome in heard if heard[outcome]["severity"] == "error"
    } == {
        "drop_refused": "error",
        "training_failed": "error",
    }
    assert "misspelt" in heard["training_failed"]["message"]
    assert "What you can do" in heard["training_failed"]["message"]
    assert "waits for your approval" in heard["version_registered"]["subject"]
    words = " ".join(heard["version_registered"]["message"].split())
    assert f"Approve or reject version 1 of model package group {model.name}" in words
    assert all(len(notice["subject"]) <= 100 for notice in heard.values())
    assert {notice["recipients"] for notice in heard.values()} == {'["reader@example.com"]'}


def test_readers_are_subscribed_with_a_filter(stack: Stack) -> None:
    """A model's readers are subscribed to its messages only."""
    stack.model("reading").configure(notify={"email": ["one@example.com", "two@example.com"]})
    sns = stack.client("sns")
    listed = sns.list_subscriptions_by_topic(TopicArn=stack.outputs["AlertsTopic"])["Subscriptions"]
    assert {"one@example.com", "two@example.com"} <= {item["Endpoint"] for item in listed}
