"""The shapes of AWS's own model, and an evaluation that requests are made of."""

import botocore.session
from botocore.validate import validate_parameters

from perennial.evaluation import Evaluation

EVALUATION = Evaluation.model_validate(
    {
        "problem": "binary_classification",
        "target": "deny",
        "estimator": "gradient_boosting",
        "rows": {"total": 10, "training": 8, "holdout": 2},
        "metrics": {"auc": 0.9},
        "bias": {"facet": "afam", "privileged": "no", "metrics": {"DPPL": 0.1}},
    }
)


def check(service, operation, request):
    """Raises botocore's ParamValidationError for a request that AWS would refuse by its form."""
    model = botocore.session.get_session().get_service_model(service).operation_model(operation)
    validate_parameters(request, model.input_shape)
