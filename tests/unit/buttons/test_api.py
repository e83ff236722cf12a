"""The API, called as a function URL calls it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from fakes import NOW

from perennial.decision import Decision
from perennial.deployment import Rollout
from perennial.errors import Conflict

ADA = "arn:aws:iam::123456789012:user/ada"


def test_health(call):
    """Whoever may call learns that the API answers, and for which deployment."""
    assert call("GET", "/health") == (200, {"status": "ok", "stack": "perennial", "code_version": "abc123"})


def test_models(call):
    """Every model with its last rollout."""
    status, body = call("GET", "/models")
    assert status == 200
    [found] = body["models"]
    assert (found["model"], found["rollout"]["version"], found["rollout"]["status"]) == (
        "mortgage",
        2,
        "succeeded",
    )


@pytest.mark.parametrize("status", ["starting", "started", "succeeded", "failed", "rolled_back", "abandoned"])
def test_a_rollout_in_each_state(call, world, status):
    """Whatever became of a rollout can be told."""
    world.state.rollouts["mortgage"] = Rollout("perennial-mortgage-v2-0123ab", 2, NOW, status)
    [found] = call("GET", "/models")[1]["models"]
    assert status == found["rollout"]["status"]


def test_a_model(call, world):
    """Configuration, what serves, the newest windows first, and the mute while it lasts."""
    for hour, window_status in ((9, "done"), (10, "claimed")):
        name = f"window#data_quality#2026-03-01T{hour:02}:00:00+00:00"
        world.state.put("mortgage", name, {"status": window_status, "at": NOW.isoformat()})
    world.state.put(
        "mortgage", "mute", {"until": (NOW + timedelta(hours=1)).isoformat(), "by": "@ada", "what": "all"}
    )
    status, body = call("GET", "/models/mortgage")
    assert status == 200
    assert body["config"]["target"] == "deny"
    assert (body["endpoint_status"], body["serving"]) == ("InService", 2)
    assert [window["status"] for window in body["windows"]] == ["claimed", "done"]
    assert body["mute"]["by"] == "@ada"
    world.time += timedelta(hours=2)
    assert call("GET", "/models/mortgage")[1]["mute"] is None


def test_decisions(call, world):
    """The newest decisions first, with their reasons, as many as asked for."""
    for number in range(5):
        world.ledger.record(Decision("mortgage", "fact", f"outcome_{number}", "because", None, {"n": "1"}))
    status, body = call("GET", "/models/mortgage/decisions", query="most=2")
    assert status == 200
    assert [each["outcome"] for each in body["decisions"]] == ["outcome_4", "outcome_3"]
    assert body["decisions"][0]["details"] == {"n": "1"}


def test_versions(call):
    """The registry's versions, newest first."""
    _, body = call("GET", "/models/mortgage/versions")
    assert [(each["version"], each["approval"]) for each in body["versions"]] == [
        (3, "PendingManualApproval"),
        (2, "Approved"),
        (1, "Approved"),
    ]


def test_approve_names_the_caller(call, world):
    """Who IAM says that the caller is, is who approved."""
    status, body = call("POST", "/models/mortgage/versions/3/approve", {"because": "it is good"})
    assert (status, body["outcome"]) == (200, "approved")
    package = world.registry.get("mortgage", 3)
    assert package.approval == "Approved"
    assert package.decided == f"approved by {ADA} at 2026-03-01 12:00 UTC: it is good"


def test_reject(call, world):
    """A body is optional."""
    assert call("POST", "/models/mortgage/versions/3/reject")[0] == 200
    assert world.registry.get("mortgage", 3).approval == "Rejected"


def test_roll_back(call, world):
    """The version in service makes way."""
    status, body = call("POST", "/models/mortgage/roll-back", {"version": 2})
    assert (status, body["outcome"]) == (200, "rollback_started")
    assert world.registry.get("mortgage", 2).approval == "Rejected"


def test_mute_and_unmute(call, world):
    """A mute lasts as long as asked for, or until it is ended."""
    assert call("POST", "/models/mortgage/mute", {"hours": 2, "what": "data-quality"})[0] == 200
    assert call("GET", "/models/mortgage")[1]["mute"] == {
        "until": "2026-03-01T14:00:00Z",
        "by": ADA,
        "what": "data-quality",
    }
    assert call("DELETE", "/models/mortgage/mute")[1]["outcome"] == "unmuted"
    assert call("GET", "/models/mortgage")[1]["mute"] is None


def test_analyze(call, world):
    """The analysis is asked for, monitor by monitor."""
    assert call("POST", "/models/mortgage/analyze")[0] == 202
    assert world.hints.sent == [("mortgage", "analyze_traffic", "data_quality@now")]
    assert call("POST", "/models/mortgage/analyze", {"monitor": "bias"})[0] == 409


def test_reports(call, world):
    """Reports are listed newest first, and each is served as the page that it is."""
    for hour in ("0900", "1000"):
        folder = f"models/mortgage/reports/data_quality/2026/03/01/{hour}/"
        summary = {
            "version": 1,
            "model": "mortgage",
            "monitor": "data_quality",
            "endpoint": "e",
            "schedule": "s",
            "window": {"start": "2026-03-01T09:00:00Z", "end": "2026-03-01T10:00:00Z"},
            "status": "ok",
            "reason": "quiet",
            "records": 1,
            "requests": 1,
        }
        world.bucket.write(folder + "summary.json", json.dumps(summary).encode())
        world.bucket.write(folder + "report.html", b"<h1>" + hour.encode())
    status, body = call("GET", "/models/mortgage/reports")
    assert status == 200
    assert [each["window"] for each in body["reports"]] == ["2026/03/01/1000", "2026/03/01/0900"]
    assert call("GET", body["reports"][0]["html"]) == (200, "<h1>1000")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        pytest.param("GET", "/nowhere", None, 404, "not_found", id="no such route"),
        pytest.param("GET", "/docs", None, 404, "not_found", id="no interactive page"),
        pytest.param("DELETE", "/models", None, 405, "method_not_allowed", id="no such method"),
        pytest.param("GET", "/models/nobody", None, 404, "no_such_model", id="no such model"),
        pytest.param("POST", "/models/nobody/retrain", None, 404, "no_such_model", id="retrain nobody"),
        pytest.param("GET", "/models/No%20Body", None, 422, "invalid_request", id="no name"),
        pytest.param(
            "POST", "/models/mortgage/versions/9/approve", None, 409, "approval_refused", id="version"
        ),
        pytest.param("POST", "/models/mortgage/versions/0/approve", None, 422, "invalid_request", id="zero"),
        pytest.param("POST", "/models/mortgage/mute", {"hours": -1}, 422, "invalid_request", id="hours"),
        pytest.param("POST", "/models/mortgage/mute", {"what": "al"}, 422, "invalid_request", id="what"),
        pytest.param("POST", "/models/mortgage/mute", {"hour": 1}, 422, "invalid_request", id="misspelt"),
        pytest.param("POST", "/models/mortgage/mute", "{", 422, "invalid_request", id="broken JSON"),
        pytest.param("POST", "/models/mortgage/retrain", None, 409, "retraining_withheld", id="no dataset"),
        pytest.param(
            "POST", "/models/mortgage/roll-back", {"version": 1}, 409, "rollback_withheld", id="old"
        ),
        pytest.param("GET", "/models/mortgage/decisions", None, 422, "invalid_request", id="too many"),
        pytest.param(
            "GET",
            "/models/mortgage/reports/data_quality/2026/03/01/1000/report.html",
            None,
            404,
            "no_such_report",
            id="no such report",
        ),
        pytest.param(
            "GET",
            "/models/mortgage/reports/data_quality/../../other/report.html",
            None,
            422,
            "invalid_request",
            id="another folder",
        ),
        pytest.param("GET", "/fire-drill/mortgage.nothing", None, 404, "no_such_drill", id="no such drill"),
        pytest.param("POST", "/fire-drill", {"model": "nobody"}, 404, "no_such_model", id="drill nobody"),
    ],
)
def test_errors_are_for_machines_and_people(call, method, path, body, status, code):
    """Whatever goes wrong, the answer has a code and a message."""
    found, answer = call(method, path, body, query="most=9999" if path.endswith("decisions") else "")
    assert (found, answer["error"]["code"]) == (status, code)
    assert answer["error"]["message"]


def test_what_may_pass_says_so(call, world):
    """A conflict is 503: try again."""

    def conflict(*args, **kwargs):
        raise Conflict("somebody was faster")

    world.state.put = conflict
    status, body = call("POST", "/models/mortgage/mute")
    assert (status, body["error"]["code"]) == (503, "try_again")


def test_our_own_mistakes_tell_nothing(call, world):
    """An unforeseen failure is 500 without its details."""

    def broken():
        raise ZeroDivisionError("secret detail")

    world.catalog.models = broken
    status, body = call("GET", "/models")
    assert (status, body["error"]["code"]) == (500, "internal_error")
    assert "secret" not in json.dumps(body)


def test_every_route_is_described(call):
    """OpenAPI knows every route, with what it answers and what an error looks like."""
    _, schema = call("GET", "/openapi.json")
    routes = {(method.upper(), path) for path, methods in schema["paths"].items() for method in methods}
    assert routes == {
        ("GET", "/health"),
        ("GET", "/models"),
        ("GET", "/models/{model}"),
        ("GET", "/models/{model}/decisions"),
        ("GET", "/models/{model}/versions"),
        ("GET", "/models/{model}/reports"),
        ("GET", "/models/{model}/reports/{monitor}/{window}/report.html"),
        ("POST", "/models/{model}/versions/{version}/approve"),
        ("POST", "/models/{model}/versions/{version}/reject"),
        ("POST", "/models/{model}/retrain"),
        ("POST", "/models/{model}/roll-back"),
        ("POST", "/models/{model}/mute"),
        ("DELETE", "/models/{model}/mute"),
        ("POST", "/models/{model}/scale"),
        ("DELETE", "/models/{model}/scale"),
        ("POST", "/models/{model}/analyze"),
        ("POST", "/models/{model}/predict"),
        ("POST", "/fire-drill"),
        ("GET", "/fire-drill/{drill}"),
        ("DELETE", "/fire-drill/{drill}"),
    }
    for methods in schema["paths"].values():
        for route in methods.values():
            assert route["description"]
            assert route["responses"]["404"]["content"]["application/json"]["schema"]["$ref"].endswith(
                "Failure"
            )
