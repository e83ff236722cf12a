"""The baseline of a training: out of its output, into the bucket, named with the version."""

import io
import tarfile

import pytest
from fakes import InMemoryBucket

from perennial.reactions.outputs import LARGEST, LARGEST_BASELINE, Output, read_output

KEY = "models/mortgage/trainings/job/output/output.tar.gz"


def bucket(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, size_or_body in files.items():
            body = size_or_body if isinstance(size_or_body, bytes) else bytes(size_or_body)
            info = tarfile.TarInfo(name)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    found = InMemoryBucket()
    found.write(KEY, buffer.getvalue())
    return found


@pytest.mark.parametrize("root", ["", "./"])
def test_both_are_read_in_one_go(root):
    """Whatever tar calls them; what is not JSON right in the folder is no baseline."""
    files = {
        "baseline/statistics.json": b"{}",
        "evaluation.json": b"[]",
        "baseline/deep/x.json": b"1",
        "baseline/notes.txt": b"2",
        "other.json": b"3",
    }
    found = read_output(bucket({root + name: body for name, body in files.items()}), KEY)
    assert Output(b"[]", {"statistics.json": b"{}"}) == found


def test_an_older_container_leaves_no_baseline():
    """Its versions deploy all the same."""
    assert Output(b"[]") == read_output(bucket({"evaluation.json": b"[]"}), KEY)


def test_a_huge_baseline_is_left_out_with_the_reason():
    """A Lambda's memory is no place for it, and half a baseline would be none."""
    files = {"baseline/a.json": b"{}", "baseline/b.json": LARGEST_BASELINE, "evaluation.json": b"[]"}
    found = read_output(bucket(files), KEY)
    assert (b"[]", {}) == (found.evaluation, found.baseline)
    assert "more than" in found.left_out


def test_a_huge_evaluation_is_refused():
    """A sentence says how large it is."""
    assert str(LARGEST) in read_output(bucket({"evaluation.json": LARGEST + 1}), KEY)
    assert "holds no evaluation.json" in read_output(bucket({"x": b""}), KEY)
