"""Finding the engine and speaking its command line."""

import sys
from pathlib import Path

import pytest
from amb3r_blender.engine import (
    OPTIONS_IN_THE_PANEL,
    EngineNotFound,
    RunRequest,
    describe_options,
    find_engine,
    parse_options,
    reconstruct_command,
)

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
    from amb3r_core.cli.values import option_values

    request = RunRequest(
        inputs=("a b.jpg", "c.jpg"),
        output="/out/my scene",
        model="colmap",
        device="cpu",
        quality="DRAFT",
        max_frames=40,
        frames_per_second=2.5,
        masks="/m ä",
        intrinsics="500,500,320,240",
        poses="poses.txt",
        order="unordered",
        scale_from="a.jpg,b.jpg,1.25",
        keep="most",
        skip_bad=True,
        resume=False,
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
    tyro.cli(stand_in, args=command[2:], registry=option_values(), config=(tyro.conf.OmitArgPrefixes,))
    assert seen["inputs"] == (Path("a b.jpg"), Path("c.jpg"))
    assert (seen["output"], seen["overwrite"], seen["progress"]) == (Path("/out/my scene"), True, "json")
    options, cloud = seen["options"], seen["cloud"]
    assert (options.model, options.device, options.long_side) == ("colmap", "cpu", 320)  # type: ignore[attr-defined]
    assert (options.max_frames, options.fps, options.seed) == (40, 2.5, 3)  # type: ignore[attr-defined]
    options = options.parsed()  # type: ignore[attr-defined]
    assert (options.masks, options.poses) == (Path("/m ä"), Path("poses.txt"))
    assert (str(options.intrinsics), str(options.scale_from)) == ("500.0,500.0,320.0,240.0", "a.jpg,b.jpg,1.25")
    assert (options.order, options.skip_bad, options.resume) == ("unordered", True, False)
    assert options.keep == "most"
    assert cloud.voxel_size == 0.02  # type: ignore[attr-defined]


def test_what_is_not_asked_for_is_left_to_the_engine() -> None:
    command = reconstruct_command(["amb3r"], RunRequest(inputs=("a",), output="b"))
    unasked = {"--masks", "--intrinsics", "--poses", "--order", "--scale-from", "--skip-bad", "--no-resume", "--keep"}
    assert not unasked & set(command)


def test_every_option_of_the_engine_is_in_the_panel_or_in_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    from amb3r_core.cli.options import options
    from amb3r_core.options import ReconstructOptions

    options(json=True)
    told = parse_options(capsys.readouterr().out)
    assert {option.name for option in told} == set(ReconstructOptions.__dataclass_fields__)
    assert {option.name for option in told} >= OPTIONS_IN_THE_PANEL
    lines = describe_options(told)
    for option in told:
        is_listed = any(line.split()[:1] == [option.flag] for line in lines)
        assert is_listed == (option.name not in OPTIONS_IN_THE_PANEL)
    assert "--pipeline {auto, one-shot, vo, sfm} (default: auto)" in lines


@pytest.mark.parametrize("text", ["", "unrecognized options", "{}x", '[{"name": "a"}]', "[1]", "7"])
def test_an_engine_that_tells_no_options_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="does not tell its options"):
        parse_options(text)
