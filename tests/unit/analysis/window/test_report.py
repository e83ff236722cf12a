"""report.html: one page that needs nothing else and says what was found, whatever the columns are called."""

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from loans import captured, known_files, labelled, request, rows, side, source
from loans import record as captured_record

from perennial_analysis.columns import numbers
from perennial_analysis.window import Request, analyze, baseline

HOSTILE = ("<script>alert(1)</script>", '"onload="x', "a'b&c;</style>", "\u202eevil", "x" * 300)
VOID = {"meta", "path", "rect", "circle", "polyline"}


class Page(HTMLParser):
    """Tags as they nest, and what would be loaded from elsewhere."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(content.decode())
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def report(monitor: str, records, labels=()) -> Page:
    found = analyze(request(monitor), known_files(), [source(records)], [source(labels)] if labels else [])
    page = Page(found.files["report.html"])
    assert page.open == []
    return page


@pytest.mark.parametrize("monitor", ["data_quality", "model_quality", "bias"])
@pytest.mark.parametrize("size", [0, 30, 800])
def test_a_report_stands_alone(monitor, size):
    """Whatever was found, the page is whole, loads nothing, runs nothing, and is made for phones and for the night."""
    found = rows(size, 5, shift=0.8, noise=0.5, unfair=1.5)
    page = report(monitor, [b"broken <b>", *captured(found)] if size else [], labelled(found))
    assert page.tags.isdisjoint({"script", "link", "img", "iframe", "b<", "object"})
    assert page.attributes.isdisjoint({"src", "href", "onload", "onclick"})
    assert "url(" not in page.text
    assert "http" not in page.text
    assert "prefers-color-scheme:dark" in page.text
    assert "width=device-width" in analyze(request(monitor), {}, [], []).files["report.html"].decode()


def test_a_report_tells_what_tripped_first():
    """Features that moved most come first, with both distributions and by how much they are out of bounds."""
    page = report("data_quality", captured(rows(1000, 5, shift=0.8)))
    order = [page.text.index(name) for name in ("Out of bounds (3)", "In bounds (3)", "region")]
    assert order == sorted(order)
    assert "exceeds threshold" in page.text
    assert "svg" in page.tags


def asked(names: tuple[str, ...]) -> Request:
    return replace(request("data_quality"), features=names)


def test_names_of_columns_and_values_are_text():
    """A column or a value that looks like markup is shown, and does nothing."""
    values = np.random.default_rng(0).normal(size=400)
    made = baseline({name: numbers(name, values) for name in HOSTILE}, None, problem="regression", target="y")
    line = ",".join(["<svg/onload=x>"] * len(HOSTILE))
    records = [captured_record(side(f"{line}\n"), None, f"<i>{k}", asked(HOSTILE).start) for k in range(200)]
    content = analyze(asked(HOSTILE), made, [source(records, "<u>.jsonl")], []).files["report.html"]
    page = Page(content)
    assert page.tags.isdisjoint({"script", "u"})
    assert "onload" not in page.attributes
    assert "<script>alert(1)</script>" in page.text
    assert b"<svg/onload" not in content


def test_a_name_does_not_fill_the_sentence():
    """The verdict names a column of thousands of letters by its beginning; the table has it whole."""
    name = "n" * 5000
    made = baseline({name: numbers(name, np.zeros(500))}, None, problem="regression", target="y")
    lines = [captured_record(side("1.5"), None, f"e{k}", asked((name,)).start) for k in range(200)]
    found = analyze(asked((name,)), made, [source(lines)], [])
    assert found.summary.status == "violations"
    assert len(found.summary.reason) < 200
    assert name in Page(found.files["report.html"]).text


def test_a_hundred_features_make_a_small_page():
    """A page of a hundred features that all moved is under 600 kB."""
    random = np.random.default_rng(0)
    names = tuple(f"feature_{k}" for k in range(100))
    made = baseline(
        {name: numbers(name, random.normal(size=3000)) for name in names},
        None,
        problem="regression",
        target="y",
    )
    lines = (
        "\n".join(",".join(f"{v:.5f}" for v in random.normal(1, 2, 100)) for _ in range(50))
        for _ in range(20)
    )
    records = [captured_record(side(line), None, f"e{k}", asked(names).start) for k, line in enumerate(lines)]
    found = analyze(asked(names), made, [source(records)], [])
    assert found.summary.drifted_features == 100
    assert len(found.files["report.html"]) < 600_000
