"""A job in a real container gets what SageMaker would give it."""

from pathlib import Path

from twin.engine import run_command

ENVIRONMENT = {
    "PATH": "/bin",
    "SAGEMAKER_BASE_DIR": "x",
    "TRAINING_JOB_NAME": "a-job",
    "AWS_REGION": "us-east-1",
}


def command(base: Path) -> list[str]:
    return run_command(["podman"], ["--ulimit", "nofile=9"], "n", base, ENVIRONMENT, "image:1", ["train"])


def test_the_folder_is_opt_ml(tmp_path: Path) -> None:
    """The job's folder is mounted, the root is read-only, the image's entry point gets the command."""
    run = command(tmp_path)
    assert ["podman", "run"] == run[:2]
    assert ["image:1", "train"] == run[-2:]
    assert f"{tmp_path}:/opt/ml" in run
    assert {"--read-only", "--rm"} <= set(run)


def test_only_the_jobs_environment_goes_in(tmp_path: Path) -> None:
    """Variables go by name, so no secret stands on a command line; those of the host stay out."""
    run = command(tmp_path)
    assert ["AWS_REGION", "TRAINING_JOB_NAME"] == [
        run[at + 1] for at, part in enumerate(run) if part == "--env"
    ]


def test_a_shared_artefact_is_mounted_from_where_it_is(tmp_path: Path) -> None:
    """A server's model is a link to its fleet's artefact, which the container could not follow."""
    (tmp_path / "artefact").mkdir()
    base = tmp_path / "base"
    base.mkdir()
    (base / "model").symlink_to(tmp_path / "artefact")
    assert f"{tmp_path / 'artefact'}:/opt/ml/model:ro" in command(base)
