"""AWS's SageMaker SDK takes up our files, changes one, and we take it back. S3 is a dictionary here."""

import json

import numpy as np
from sagemaker.core.model_monitor.monitoring_files import Constraints, ConstraintViolations, Statistics

from perennial_analysis.check import check, write_violations
from perennial_analysis.columns import numbers, texts
from perennial_analysis.constraints import read_constraints, suggest, write_constraints
from perennial_analysis.statistics import profile
from perennial_analysis.statistics_file import read_statistics, write_statistics


class Session:
    """What the SDK asks of its own session to keep a file and to read it."""

    default_bucket_prefix = None

    def __init__(self):
        self.kept = {}

    def default_bucket(self):
        return "models"

    def upload_string_as_file_body(self, body, bucket, key, kms_key=None):  # noqa: ARG002 the SDK names it
        self.kept[bucket, key] = body
        return f"s3://{bucket}/{key}"

    def read_s3_file(self, bucket, key_prefix):
        return self.kept[bucket, key_prefix]


def table(seed, town, size=2000):
    chance = np.random.default_rng(seed)
    return {
        "amount": numbers(
            "amount", np.where(chance.random(size) < 0.05, np.nan, chance.normal(seed, 1, size))
        ),
        "age": numbers("age", chance.integers(18, 90, size), "Integral"),
        "town": texts("town", chance.choice(["Uster", "Zug", town], size)),
        "name": texts("name", [f"name {each}" for each in chance.integers(0, 900, size)]),
        "id": numbers("id", np.arange(size), "Integral"),
    }


def main():
    baseline = profile(table(0, "Chur"))
    statistics, constraints = write_statistics(baseline), write_constraints(suggest(baseline))
    current = profile(table(3, "Bern"), baseline)
    report = check(current, read_constraints(constraints), baseline)
    violations = write_violations(report)
    assert {each.feature for each in report.violations} == {"amount", "town"}

    session = Session()
    theirs = Statistics.from_string(statistics.decode(), sagemaker_session=session)
    assert write_statistics(read_statistics(json.dumps(theirs.body_dict).encode())) == statistics
    found = ConstraintViolations.from_string(violations.decode(), sagemaker_session=session)
    assert found.body_dict == json.loads(violations)
    limits = Constraints.from_string(constraints.decode(), sagemaker_session=session)
    assert limits.body_dict == json.loads(constraints)

    limits.set_monitoring(enable_monitoring=False, feature_name="town")
    body = json.dumps(limits.body_dict).encode()
    told = {each.feature for each in check(current, read_constraints(body), baseline).violations}
    assert told == {"amount"}, told
    print(
        "sagemaker-core: Statistics, Constraints and ConstraintViolations read ours; its overrides are obeyed"
    )


if __name__ == "__main__":
    main()
