"""Starting and stopping the twin."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from running_twin import Twin, allow, answering, eventually, free_port, launch, unique
from training_jobs import container_process


def hanging_job(twin: Twin) -> int:
    """Start a job that waits; the process id of its container."""
    s3, bucket, name = twin.client("s3"), unique("data"), unique("job")
    s3.create_bucket(Bucket=bucket)
    twin.client("sagemaker").create_training_job(
        TrainingJobName=name,
        RoleArn=twin.role(unique("job"), allow("*")),
        AlgorithmSpecification={"TrainingImage": "perennial:1", "TrainingInputMode": "File"},
        HyperParameters={"behaviour": "ignore SIGTERM"},
        OutputDataConfig={"S3OutputPath": f"s3://{bucket}/out"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )
    return int(eventually(lambda: container_process(name)))


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def used(twin: Twin) -> float:
    """Seconds of a processor that the twin has used."""
    ticks = Path(f"/proc/{twin.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def test_starts_in_three_seconds(start_twin: Callable[..., Twin]) -> None:
    """A twin answers after three seconds of a processor at most, however long it had to wait for one."""
    assert used(start_twin()) < 3


def test_listens_on_loopback_only(twin: Twin) -> None:
    """Nobody outside this machine reaches the twin."""
    listening = [
        line.split()[1].split(":")[0]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if line.split()[3] == "0A" and int(line.split()[1].split(":")[1], 16) == twin.port
    ]
    assert listening == [f"{int.from_bytes(socket.inet_aton('127.0.0.1'), 'little'):08X}"]


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name
)
def test_children_end_with_the_twin(start_twin: Callable[..., Twin], number: signal.Signals) -> None:
    """However a twin ends, no container of its jobs outlives it."""
    twin = start_twin()
    container = hanging_job(twin)
    twin.process.send_signal(number)
    expected = -signal.SIGKILL if number == signal.SIGKILL else 0
    assert twin.process.wait(20) == expected
    eventually(lambda: gone(container))


def test_port_taken_by_a_stranger(tmp_path: Path) -> None:
    """A taken port is refused with what to do about it."""
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        twin = launch(tmp_path / "home", stranger.getsockname()[1])
        assert twin.process.wait(20) == 1
    assert "is taken by another program" in twin.log.read_text()
    assert "--port" in twin.log.read_text()


def test_second_twin_in_the_same_home(start_twin: Callable[..., Twin]) -> None:
    """A home folder has one twin; the second names the first."""
    first = start_twin()
    second = launch(first.home, free_port())
    assert second.process.wait(20) == 1
    assert f"A twin already runs here (process {first.process.pid})" in second.log.read_text()
    assert first.admin("GET", "status")["status"] == "running"


def test_home_of_a_crashed_twin_is_taken_over(tmp_path: Path) -> None:
    """What a killed twin left behind does not keep the next one from starting."""
    first = answering(launch(tmp_path / "home", free_port()))
    first.process.kill()
    first.process.wait()
    assert (tmp_path / "home" / "twin.pid").exists()
    second = answering(launch(tmp_path / "home", first.port))
    assert second.stop() == 0
    assert not (tmp_path / "home" / "twin.pid").exists()


def test_idles_without_work(start_twin: Callable[..., Twin]) -> None:
    """A twin with nothing to do uses next to no processor time."""
    twin = start_twin()
    before, began = used(twin), time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        twin.process.wait(3)
    assert (used(twin) - before) / (time.monotonic() - began) < 0.05


def test_faults_are_named(twin: Twin) -> None:
    """An unknown fault is refused with those there are."""
    with pytest.raises(Exception, match="400"):
        twin.admin("POST", "faults", fault="meteor")
    armed: Any = twin.admin("POST", "faults", fault="capacity", name="nobody-*")
    assert armed == {"faults": [{"kind": "capacity", "name": "nobody-*", "times": 1}]}
    assert twin.admin("DELETE", "faults") == {"faults": []}
