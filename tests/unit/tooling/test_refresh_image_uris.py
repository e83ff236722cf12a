"""The table of AWS's images is taken from the SageMaker SDK's wheel, newest version first."""

import importlib.util
import json
import zipfile

from cloudformation import ROOT


def test_the_wheels_tables_become_ours(tmp_path, monkeypatch):
    """Accounts by region, repository and tag, with the SDK's version and the date; nothing is typed by hand."""
    spec = importlib.util.spec_from_file_location("refresh", ROOT / "tools/refresh_image_uris.py")
    refresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(refresh)
    wheel, target = tmp_path / "sagemaker-2.9-py3-none-any.whl", tmp_path / "images.json"
    old = {"repository": "old", "registries": {"us-east-1": "1"}}
    new = {"repository": "clarify", "registries": {"us-east-1": "2"}}
    plain = {"repository": "analyzer", "registries": {"us-east-1": "3"}}
    with zipfile.ZipFile(wheel, "w") as archive:
        folder = "sagemaker/image_uri_config/"
        archive.writestr(
            folder + "clarify.json", json.dumps({"processing": {"versions": {"0.9": old, "1.0": new}}})
        )
        archive.writestr(folder + "model-monitor.json", json.dumps({"versions": {"": plain}}))
    monkeypatch.setattr(refresh, "TARGET", target)
    refresh.main(str(wheel), "2026-11-23")
    assert json.loads(target.read_text()) == {
        "source": "image_uri_config of sagemaker-2.9 (Apache-2.0)",
        "date": "2026-11-23",
        "clarify": {"repository": "clarify", "tag": "1.0", "registries": {"us-east-1": "2"}},
        "model-monitor": {"repository": "analyzer", "tag": "", "registries": {"us-east-1": "3"}},
    }
