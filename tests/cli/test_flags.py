"""Options that the core names in Python's words, spelled as flags."""

import json
import re

import pytest

from amb3r_core.cli.flags import as_flags, flags_of
from amb3r_core.cli.screen import exit_code
from amb3r_core.errors import Amb3rError, InputError
from tests.paths import ROOT

FLAG_IN_A_STRING = re.compile(r"""["' (]--[a-z]""")


@pytest.mark.parametrize(
    ("told", "spelled"),
    [
        ("`masks` works with photos", "--masks works with photos"),
        ("try `long_side=320`, or less", "try --long-side 320, or less"),
        ('use `pipeline="sfm"`', "use --pipeline sfm"),
        ('(`pipeline="sfm" or "vo"`)', "(--pipeline sfm or vo)"),
        ("""`model="it's here"`: no such model""", "--model it's here: no such model"),
        ("`skip_bad=True` leaves it out", "--skip-bad leaves it out"),
        ("`backend=False` (less exact)", "--no-backend (less exact)"),
        ("`overwrite=True` and `cloud`, `x = 1`", "`overwrite=True` and `cloud`, `x = 1`"),
    ],
)
def test_options_become_flags_and_the_rest_stays(told: str, spelled: str) -> None:
    assert as_flags(told) == spelled


def test_a_command_has_its_own_flags_beside_the_core() -> None:
    def command(*, crop_factor: float, overwrite: bool) -> None: ...

    flags = flags_of(command)
    assert as_flags("`crop_factor=0.5`, `overwrite=True`, `masks`", flags) == "--crop-factor 0.5, --overwrite, --masks"


def test_programs_are_told_the_option_at_fault(capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> None:
        raise InputError("`masks` is no folder", option="masks")

    assert exit_code(command, ["--progress", "json"]) == 1
    shown = capsys.readouterr()
    event = json.loads(shown.out)
    assert event == {"event": "error", "kind": "InputError", "message": "--masks is no folder", "option": "masks"}
    assert shown.err == "error: --masks is no folder\n"


def test_an_error_without_an_option_has_none() -> None:
    assert Amb3rError("no room").option is None


def test_the_core_speaks_no_command_line() -> None:
    for path in (ROOT / "amb3r_core").rglob("*.py"):
        if "cli" not in path.parts:
            text = path.read_text(encoding="utf-8")
            code = re.sub(r'""".*?"""', "", text, flags=re.DOTALL)
            assert not FLAG_IN_A_STRING.search(code), path
