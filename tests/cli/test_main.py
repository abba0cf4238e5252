"""The command itself: quick help, versions, exit codes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from amb3r_core.cli.main import COMMANDS, GROUPS, run
from tests.cli.conftest import amb3r, environment
from tests.paths import ROOT, SAMPLE


def test_help_imports_neither_torch_nor_numpy() -> None:
    code = (
        "import sys\nfrom amb3r_core.cli.main import COMMANDS, GROUPS, run\n"
        "try: run(['reconstruct', '--help'])\nexcept SystemExit: pass\n"
        "assert not {'torch', 'numpy', 'PIL'} & set(sys.modules), sorted(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_arguments_show_the_commands() -> None:
    done = amb3r()
    assert done.returncode == 0
    assert "reconstruct" in done.stdout


@pytest.mark.parametrize("command", ["list", "import", "fetch", "verify"])
def test_weights_has_its_own_commands(command: str) -> None:
    done = amb3r("weights", command, "--help")
    assert done.returncode == 0
    assert f"amb3r weights {command}" in done.stdout


def test_wrong_arguments_exit_two() -> None:
    assert amb3r("reconstruct", "photos", "--no-such-option").returncode == 2


def test_the_module_of_the_command_is_the_command() -> None:
    words = [sys.executable, "-m", "amb3r_core.cli.main", "info", "nowhere"]
    done = subprocess.run(words, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")


def test_every_command_is_listed() -> None:
    shown = amb3r("--help").stdout
    for name in (*COMMANDS, *GROUPS, "--version"):
        assert name in shown


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["recontruct", "photos"], "amb3r recontruct: no such command; did you mean reconstruct?"),
        (["weights", "lst"], "amb3r weights lst: no such command; did you mean list?"),
        (["qqq"], "amb3r qqq: no such command; there are reconstruct, info"),
    ],
)
def test_an_unknown_command_suggests_the_nearest(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 2
    assert capsys.readouterr().err.startswith(f"error: {told}")


def test_switches_show_both_ways(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(["reconstruct", "--help"])
    shown = capsys.readouterr().out
    assert "--backend, --no-backend" in shown
    assert "--resume, --no-resume" in shown


@pytest.mark.parametrize("word", ["--version", "-V"])
def test_version_is_printed(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([word]) == 0
    assert capsys.readouterr().out.startswith("amb3r ")


def test_doctor_lists_packages_devices_and_models(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor"]) == 0
    shown = capsys.readouterr().out
    for word in ("torch", "devices", "extra heic", "model colmap", "model amb3r"):
        assert word in shown


def test_doctor_says_when_cuda_libraries_lie_idle(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("torch.version.hip", None)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for cuda, told in (("12.6", "no CUDA GPU is here"), (None, "without CUDA")):
        monkeypatch.setattr("torch.version.cuda", cuda)
        assert run(["doctor"]) == 0
        assert told in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["info", "nowhere"], "nowhere"),
        (["convert", "nowhere", "--to", "ply"], "nowhere"),
        (["convert", "nowhere", "--to", "dxf"], "dxf"),
        (["reconstruct", ".", "-o", "x", "--export", "dxf"], "dxf"),
        (["reconstruct", ".", "-o", "x", "--model", "magic"], "magic"),
        (["reconstruct", "-o", "x"], "no input"),
    ],
)
def test_wrong_wishes_get_one_line(
    words: list[str],
    told: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import numpy as np
    from PIL import Image

    folder = tmp_path_factory.mktemp("cwd")
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(folder / "a.png")
    monkeypatch.chdir(folder)
    assert run(words) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("error: ")
    assert told in shown
    assert shown.count("\n") == 1


@pytest.mark.parametrize("words", [["--scale-from", "a,b"], ["--scale-from", "a,b,nan"], ["--intrinsics", "1,2,3"]])
def test_a_malformed_value_is_a_usage_error(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(["reconstruct", ".", "-o", "x", *words])
    assert caught.value.code == 2
    assert words[0] in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN, reason="the shell has interrupts ignored, in its background"
)
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("module", ["tyro", "amb3r_core.cli.screen", "amb3r_core.jobs.write_scene", "torch"])
def test_a_stop_while_the_command_is_still_importing_gets_one_line(stop: signal.Signals, module: str, tmp_path: Path) -> None:
    """A stop meets the import of this module, whichever part of the command asks for it."""
    (tmp_path / "sitecustomize.py").write_text(STOPPED_AT_IMPORT.format(module=module, number=int(stop)))
    environ = {**environment(), "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    words = [sys.executable, "-m", "amb3r_core.cli", "reconstruct", str(SAMPLE / "images"), "-o", str(tmp_path / "scene")]
    done = subprocess.run([*words, "--model", "colmap"], env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 130
    assert done.stderr.splitlines()[-1] == "cancelled; the output was not written"
    assert "Traceback" not in done.stderr
    assert not [path.name for path in tmp_path.iterdir() if "scene" in path.name]


STOPPED_AT_IMPORT = """
import os, sys
class Stop:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), {number})
sys.meta_path.insert(0, Stop())
"""
