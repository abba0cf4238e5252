"""Running the engine from Blender: by hand, in the background, and when everything goes wrong. The engine is a fake."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import kit
import pytest
from blender_host import part, preferences

ENGINE = Path(kit.__file__).with_name("fake_engine.py")


@pytest.fixture(autouse=True)
def _engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("FAKE_ENGINE", "FAKE_PIDS", "FAKE_ARGUMENTS", "FAKE_DELAY"):
        monkeypatch.delenv(name, raising=False)
    launcher = tmp_path / "my engine"
    launcher.write_text(
        f'#!/bin/sh\nPYTHONPATH="{ENGINE.parent}" exec "{os.environ["AMB3R_TEST_ENGINE_PYTHON"]}" "{ENGINE}" "$@"\n'
    )
    launcher.chmod(0o755)
    preferences().engine = str(launcher)
    (tmp_path / "photos").mkdir()
    settings = bpy.context.scene.amb3r
    settings.input_path, settings.output_path = str(tmp_path / "photos"), str(tmp_path / "out" / "scène")


def _runtime() -> Any:
    return part("runtime").RUNTIME


def _scene_objects() -> set[str]:
    return {thing.type for thing in bpy.data.objects}


def _log_text() -> str:
    assert bpy.ops.amb3r.copy_log() == {"FINISHED"}
    return bpy.data.texts["AMB3R Log"].as_string()


def test_a_script_gets_a_scene_in_one_blocking_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "told.json"
    monkeypatch.setenv("FAKE_ARGUMENTS", str(told))
    settings = bpy.context.scene.amb3r
    settings.model, settings.quality, settings.max_frames, settings.sample_fps = "colmap", "HIGH", 33, 1.5
    settings.masks, settings.poses, settings.scale_from = str(tmp_path / "mäsks"), "/known/poses.txt", "a.jpg,b.jpg,1.25"
    settings.order, settings.skip_bad, settings.resume, settings.more_options = "VIDEO", True, False, "--pipeline vo"
    preferences().extra_arguments = "--seed 4"
    assert bpy.ops.amb3r.reconstruct() == {"FINISHED"}
    preferences().extra_arguments = ""
    assert _scene_objects() == {"EMPTY", "CAMERA", "POINTCLOUD"}
    assert _runtime().report == "scène: 3 of 3 views placed, 500 points, in metres"
    arguments = json.loads(told.read_text())["arguments"]
    assert arguments[:2] == ["reconstruct", str(tmp_path / "photos")]
    for words in (
        "--model colmap",
        "--long-side 1024",
        "--max-frames 33",
        "--fps 1.5",
        "--seed 4 --pipeline vo",
        f"--masks {tmp_path / 'mäsks'}",
        "--poses /known/poses.txt",
        "--scale-from a.jpg,b.jpg,1.25",
        "--order video",
        "--skip-bad --no-resume",
        "--progress json",
        "--device auto",
    ):
        assert words in " ".join(arguments)


def test_lines_that_are_no_progress_do_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_ENGINE", "garbage")
    assert bpy.ops.amb3r.reconstruct() == {"FINISHED"}
    assert "plain words" in _log_text()


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("crash", r"The engine crashed \(SIGSEGV\)"),
        ("killed", "The engine ran out of memory"),
        ("memory", "Memory, disk space or a permission ran out: the GPU has 8 GB"),
        ("weights", "The model's weights are not there or not usable"),
        ("images", "The photos or options cannot be used: IMG_1.jpg is no image"),
        ("traceback", "The engine stopped with exit code 1"),
        ("silent", "The engine ended without a scene"),
        ("no scene", "The engine's scene cannot be read"),
    ],
)
def test_each_failure_is_one_report_and_a_log(mode: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_ENGINE", mode)
    with pytest.raises(RuntimeError, match=message) as error:
        bpy.ops.amb3r.reconstruct()
    assert str(error.value).strip().count("\n") == 0
    assert _runtime().is_error
    assert _runtime().job is None
    assert not bpy.data.objects
    assert "reconstruct" in _log_text()


def test_a_missing_engine_says_what_to_do() -> None:
    preferences().engine = "/no/such/engine"
    with pytest.raises(RuntimeError, match="named in the preferences does not exist"):
        bpy.ops.amb3r.reconstruct()
    with pytest.raises(RuntimeError, match="named in the preferences does not exist"):
        bpy.ops.amb3r.test_engine()


def test_photos_must_be_chosen_and_exist(tmp_path: Path) -> None:
    bpy.context.scene.amb3r.input_path = ""
    with pytest.raises(RuntimeError, match="Choose photos"):
        bpy.ops.amb3r.reconstruct()
    with pytest.raises(RuntimeError, match="does not exist"):
        bpy.ops.amb3r.reconstruct(filepath=str(tmp_path / "gone"))


def test_chosen_files_are_the_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "told.json"
    monkeypatch.setenv("FAKE_ARGUMENTS", str(told))
    for name in ("b ü.jpg", "a.jpg"):
        (tmp_path / "photos" / name).touch()
    files = [{"name": "a.jpg"}, {"name": "b ü.jpg"}]
    assert bpy.ops.amb3r.choose_input(directory=str(tmp_path / "photos"), files=files) == {"FINISHED"}
    bpy.ops.amb3r.reconstruct()
    photos = [str(tmp_path / "photos" / file["name"]) for file in files]
    assert json.loads(told.read_text())["arguments"][1:3] == photos
    bpy.ops.amb3r.choose_input(directory=str(tmp_path / "photos"), files=files[:1])
    assert part("run").inputs_of(bpy.context.scene.amb3r) == (photos[0],)


def test_the_engine_answers_its_test() -> None:
    assert bpy.ops.amb3r.test_engine() == {"FINISHED"}
    assert _runtime().engine_status == "amb3r 9.9.9, devices cpu, toaster"
    assert bpy.ops.amb3r.list_options() == {"FINISHED"}
    listed = bpy.data.texts["AMB3R Options"].as_string()
    assert "--seed (default: 0)\n    Chance, tamed." in listed
    assert "--masks" not in listed
    assert bpy.ops.amb3r.install_help() == {"FINISHED"}
    assert "pip install" in bpy.data.texts["AMB3R Engine"].as_string()


class _Manager:
    """Takes notes in place of a window manager; there is no event loop here."""

    windows: tuple = ()

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *_args, **_more: self.calls.append(name)


def _modal() -> tuple[Any, Any, _Manager]:
    """The operator's own functions on a stand-in, and the context for them."""
    operator = part("ops_run").AMB3R_OT_reconstruct
    functions = {name: value for name, value in vars(operator).items() if callable(value) and not name.startswith("__")}
    reports: list[tuple[set[str], str]] = []
    members = {**functions, "filepath": "", "output": "", "reports": reports}
    thing = type("StandIn", (), {**members, "report": lambda _self, level, text: reports.append((level, text))})()
    manager = _Manager()
    context = SimpleNamespace(
        scene=bpy.context.scene, window_manager=manager, window=None, preferences=bpy.context.preferences, object=None
    )
    context.evaluated_depsgraph_get = bpy.context.evaluated_depsgraph_get
    return thing, context, manager


def _tick(thing: Any, context: Any, kind: str = "TIMER") -> set[str]:
    return thing.modal(context, SimpleNamespace(type=kind))


def test_the_modal_run_shows_progress_and_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_DELAY", "0.05")
    thing, context, manager = _modal()
    assert thing.invoke(context, None) == {"RUNNING_MODAL"}
    assert not bpy.ops.amb3r.reconstruct.poll()
    with pytest.raises(part("run").RunError, match="running already"):
        part("run").start_job(bpy.context)
    stages, longest, result = set(), 0.0, {"PASS_THROUGH"}
    assert _tick(thing, context, "MOUSEMOVE") == {"PASS_THROUGH"}
    while result == {"PASS_THROUGH"}:
        stages.add(_runtime().job.progress.stage)
        started = time.thread_time()
        result = _tick(thing, context)
        if result == {"PASS_THROUGH"}:
            longest = max(longest, time.thread_time() - started)
        time.sleep(0.02)
    print(f"MEASURED longest tick of the modal timer: {1000 * longest:.2f} ms")
    assert longest < 0.005
    assert result == {"FINISHED"}
    assert stages >= {"read photos", "poses", "depth"}
    assert manager.calls[:3] == ["event_timer_add", "progress_begin", "modal_handler_add"]
    assert manager.calls[-2:] == ["event_timer_remove", "progress_end"]
    assert _scene_objects() == {"EMPTY", "CAMERA", "POINTCLOUD"}
    assert thing.reports[-1] == ({"INFO"}, "scène: 3 of 3 views placed, 500 points, in metres")


def _is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _hanging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_ENGINE", "hang")
    monkeypatch.setenv("FAKE_PIDS", str(tmp_path / "pids"))


@pytest.mark.parametrize("way", ["esc", "button"])
def test_cancelling_a_hanging_engine_takes_less_than_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    _hanging(tmp_path, monkeypatch)
    thing, context, manager = _modal()
    thing.invoke(context, None)
    while _runtime().job.progress.stage != "poses":
        assert _tick(thing, context) == {"PASS_THROUGH"}
        time.sleep(0.01)
    started = time.monotonic()
    if way == "esc":
        assert _tick(thing, context, "ESC") == {"RUNNING_MODAL"}
    else:
        assert bpy.ops.amb3r.cancel() == {"FINISHED"}
    while (result := _tick(thing, context)) == {"PASS_THROUGH"}:
        time.sleep(0.01)
    seconds = time.monotonic() - started
    print(f"MEASURED cancel of a deaf engine: {seconds:.2f} s")
    assert seconds < 1.0
    assert result == {"CANCELLED"}
    assert thing.reports == [({"WARNING"}, "Reconstruction cancelled")]
    assert manager.calls[-2:] == ["event_timer_remove", "progress_end"]
    time.sleep(0.05)
    assert not any(_is_alive(int(process)) for process in (tmp_path / "pids").read_text().split())
    assert not bpy.data.objects


def test_disabling_the_extension_ends_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _hanging(tmp_path, monkeypatch)
    job = part("run").start_job(bpy.context)
    while job.progress.stage != "poses":
        job.poll()
        time.sleep(0.01)
    module = "bl_ext.user_default.amb3r"
    engine = preferences().engine
    bpy.ops.preferences.addon_disable(module=module)
    time.sleep(0.05)
    assert not any(_is_alive(int(process)) for process in (tmp_path / "pids").read_text().split())
    bpy.ops.preferences.addon_enable(module=module)
    preferences().engine = engine


def test_the_command_line_makes_a_blend(tmp_path: Path) -> None:
    engine = preferences().engine
    blend = tmp_path / "films" / "scene.blend"
    run = part("command_line").run
    assert run([str(tmp_path / "photos"), "-o", str(blend), "--model", "colmap", "--quality", "draft"]) == 0
    assert preferences().engine == engine
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    assert _scene_objects() == {"EMPTY", "CAMERA", "POINTCLOUD"}
    assert bpy.data.images["photo_000.png"].filepath == "//amb3r/photos/images/photo_000.png"
    assert run([str(blend.parent / "amb3r" / "photos"), "-o", str(tmp_path / "again.blend")]) == 0
    assert run([str(tmp_path / "gone"), "-o", str(tmp_path / "none.blend")]) == 1


def test_the_engine_is_found_by_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMB3R_ENGINE", preferences().engine)
    preferences().engine = ""
    assert bpy.ops.amb3r.reconstruct() == {"FINISHED"}
    assert (tmp_path / "out" / "scène" / "scene.amb3r").is_file()


def test_scenes_of_unsaved_files_go_to_the_users_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not below the extension, which goes with all it holds when it is uninstalled."""
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    bpy.context.scene.amb3r.output_path = ""
    output = part("run").output_of(bpy.context, bpy.context.scene.amb3r, ("/films/Mein Urlaub?.mp4",))
    assert Path(output) == tmp_path / "home" / "AMB3R Scenes" / "Mein_Urlaub_"


def test_quitting_blender_ends_the_engine(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    code = (
        "import time, bpy, blender_host as host\n"
        "bpy.ops.extensions.package_install_files(filepath=__import__('os').environ['AMB3R_TEST_ZIP'], repo='user_default',"
        " enable_on_install=True, overwrite=True)\n"
        f"host.preferences().engine = {preferences().engine!r}\n"
        f"bpy.context.scene.amb3r.input_path = {str(tmp_path / 'photos')!r}\n"
        "job = host.part('run').start_job(bpy.context)\n"
        "while job.progress.stage != 'poses':\n    job.poll()\n    time.sleep(0.01)\n"
    )
    environment = {**os.environ, "FAKE_ENGINE": "hang", "FAKE_PIDS": str(pids), "BLENDER_USER_RESOURCES": str(tmp_path / "user")}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=60, capture_output=True)
    time.sleep(0.1)
    assert not any(_is_alive(int(process)) for process in pids.read_text().split())
