"""The options' facts are those of `ReconstructOptions`, and the command line takes what they say."""

import json
from dataclasses import fields

import pytest

from amb3r_core.cli.main import run
from amb3r_core.options import ReconstructOptions
from tests.cli.conftest import amb3r

KEYS = ["name", "flag", "type", "choices", "default", "help"]


def test_programs_read_every_option_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["options", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [facts["name"] for facts in listed] == [field.name for field in fields(ReconstructOptions)]
    assert all(list(facts) == KEYS for facts in listed)
    assert all(facts["help"] and facts["type"] in ("bool", "int", "float", "str", "path") for facts in listed)
    by_name = {facts["name"]: facts for facts in listed}
    assert by_name["long_side"] | {"help": ""} == dict(
        zip(KEYS, ["long_side", "--long-side", "int", None, None, ""], strict=True)
    )
    assert by_name["order"]["choices"] == ["auto", "video", "unordered"]
    assert by_name["backend"]["default"] is True
    assert by_name["masks"]["type"] == "path"
    assert by_name["scale_from"]["type"] == "str"


def test_people_read_them_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["options"]) == 0
    shown = capsys.readouterr().out
    assert all(f"--{field.name.replace('_', '-')}" in shown for field in fields(ReconstructOptions))


def test_every_flag_is_one_of_the_command() -> None:
    shown = amb3r("reconstruct", "--help").stdout
    listed = json.loads(amb3r("options", "--json").stdout)
    assert [facts["flag"] for facts in listed if facts["flag"] not in shown] == []
