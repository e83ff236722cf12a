"""Captured records are read alike: many plain ones at once, one by one, and wherever a file is cut into pieces."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loans import END, START, request

from perennial_analysis.readers import capture, tabular
from perennial_analysis.readers.losses import Losses
from perennial_analysis.statistics import profile_chunks
from perennial_analysis.statistics_file import write_statistics
from perennial_analysis.window import Source, traffic
from perennial_analysis.window.collecting import collect

WIDTH = len(request("data_quality").features)
PAYLOADS = [
    (",".join(["1.5"] * WIDTH), "0.5"),
    (",".join(["1.5"] * WIDTH) + "\n", "0.25\r\n"),
    (",".join(["2"] * WIDTH), "approved,0.75"),
    (",".join(["2"] * WIDTH), "approved"),
    (",".join(["x"] * WIDTH) + "\n" + ",".join(["y"] * WIDTH), "0.5\n0.25"),
    (",".join(['"a, b"'] * WIDTH), "0.5"),
    (",".join(["a\vb"] * WIDTH), "0.5"),
    (",".join(["Zürich\u2028"] * WIDTH), "0.5"),
    ("1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", "0.5"),
    ("", "0.5"),
    ("\n", "\n"),
    (None, "0.5"),
    (",".join(["3"] * WIDTH), None),
]
TIMES = [START.isoformat()] * 6 + [END.isoformat(), "no time"]
PLAIN = st.tuples(st.sampled_from(PAYLOADS[:3]), st.just(TIMES[0]))
ANY = st.tuples(st.sampled_from(PAYLOADS), st.sampled_from(TIMES))
RECORDS = st.lists(PLAIN, max_size=12) | st.lists(st.none() | ANY | PLAIN, max_size=12)


def line(place, told):
    """None is no record."""
    if told is None:
        return "{broken"
    (data, answer), time = told
    sides = {"endpointInput": data, "endpointOutput": answer}
    captured = {key: {"data": value, "encoding": "CSV"} for key, value in sides.items() if value is not None}
    return json.dumps(
        {"captureData": captured, "eventMetadata": {"eventId": f"e{place}", "inferenceTime": time}}
    )


def by_window(monitor, content):
    source = Source("one.jsonl", lambda: io.BytesIO(content))
    return collect(request(monitor), {}, [source], []).to_bytes()


def by_reader(content):
    losses = Losses()
    tables = capture.read_captures([io.BytesIO(content)], start=START, end=END, losses=losses)
    return write_statistics(profile_chunks(tables)), losses.count


@pytest.mark.parametrize("read", ["data_quality", "model_quality", "bias", "reader"])
@given(told=RECORDS, size=st.integers(1, 2000))
def test_records_are_read_alike_together_and_one_by_one(read, told, size):
    """Statistics, predictions and losses are byte for byte the same."""
    content = "\n".join(line(place, each) for place, each in enumerate(told)).encode()

    def found():
        return by_reader(content) if read == "reader" else by_window(read, content)

    at_once = found()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tabular, "PIECE_BYTES", size)
        assert at_once == found()
        for module in (capture, traffic):
            patched.setattr(module, "one_line_each", lambda sides: [])
        assert at_once == found()
