"""Finding the engine and speaking its command line."""

import sys
from pathlib import Path

import pytest
from amb3r_blender.engine import EngineNotFound, RunRequest, find_engine, reconstruct_command

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="made of POSIX scripts")


def _program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_preference_wins_over_everything(tmp_path: Path) -> None:
    chosen, on_path = _program(tmp_path / "my engine" / "amb3r"), _program(tmp_path / "bin" / "amb3r")
    environment = {"PATH": str(on_path.parent), "AMB3R_ENGINE": str(on_path)}
    assert find_engine(str(chosen), environment, tmp_path) == [str(chosen)]
    assert find_engine(str(chosen.parent), environment, tmp_path) == [str(chosen)]


def test_an_environments_folder_stands_for_its_command(tmp_path: Path) -> None:
    program = _program(tmp_path / "venv" / "bin" / "amb3r")
    assert find_engine(str(tmp_path / "venv"), {}, tmp_path / "home") == [str(program)]


def test_a_whole_command_line_is_taken_as_it_is(tmp_path: Path) -> None:
    python = _program(tmp_path / "bin" / "python9")
    found = find_engine("python9 -m 'my engine'", {"PATH": str(python.parent)}, tmp_path)
    assert found == [str(python), "-m", "my engine"]


def test_the_variable_comes_before_the_path(tmp_path: Path) -> None:
    named, on_path = _program(tmp_path / "named" / "amb3r"), _program(tmp_path / "bin" / "amb3r")
    environment = {"PATH": str(on_path.parent), "AMB3R_ENGINE": str(named)}
    assert find_engine("", environment, tmp_path) == [str(named)]
    assert find_engine("", {"PATH": str(on_path.parent)}, tmp_path) == [str(on_path)]


@pytest.mark.parametrize("place", [".venv/bin", "amb3r/bin", "miniforge3/envs/amb3r/bin", ".local/bin"])
def test_usual_environments_are_found(tmp_path: Path, place: str) -> None:
    program = _program(tmp_path / place / "amb3r")
    assert find_engine("", {"PATH": ""}, tmp_path) == [str(program)]


def test_a_missing_engine_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EngineNotFound, match="Install it, or set Engine"):
        find_engine("", {"PATH": str(tmp_path)}, tmp_path)
    with pytest.raises(EngineNotFound, match="named in the preferences does not exist"):
        find_engine("/no/such/engine", {"PATH": str(tmp_path)}, tmp_path)
    with pytest.raises(EngineNotFound, match="named in AMB3R_ENGINE does not exist"):
        find_engine("", {"AMB3R_ENGINE": "nothing-of-this-name", "PATH": str(tmp_path)}, tmp_path)


def test_the_command_line_is_one_that_amb3r_understands(tmp_path: Path) -> None:
    import tyro

    from amb3r_core.cli.reconstruct import reconstruct

    request = RunRequest(
        inputs=("a b.jpg", "c.jpg"),
        output="/out/my scene",
        model="colmap",
        device="cpu",
        quality="DRAFT",
        max_frames=40,
        frames_per_second=2.5,
        extra="--seed 3 --voxel-size 0.02",
    )
    command = reconstruct_command(["amb3r"], request)
    assert command[:2] == ["amb3r", "reconstruct"]
    seen: dict[str, object] = {}

    def stand_in(**given: object) -> None:
        seen.update(given)

    stand_in.__signature__ = __import__("inspect").signature(reconstruct)  # type: ignore[attr-defined]
    stand_in.__annotations__ = reconstruct.__annotations__
    stand_in.__doc__ = reconstruct.__doc__
    tyro.cli(stand_in, args=command[2:], config=(tyro.conf.OmitArgPrefixes,))
    assert seen["inputs"] == (Path("a b.jpg"), Path("c.jpg"))
    assert (seen["output"], seen["overwrite"], seen["progress"]) == (Path("/out/my scene"), True, "json")
    options, cloud = seen["options"], seen["cloud"]
    assert (options.model, options.device, options.long_side) == ("colmap", "cpu", 320)  # type: ignore[attr-defined]
    assert (options.max_frames, options.fps, options.seed) == (40, 2.5, 3)  # type: ignore[attr-defined]
    assert cloud.voxel_size == 0.02  # type: ignore[attr-defined]
