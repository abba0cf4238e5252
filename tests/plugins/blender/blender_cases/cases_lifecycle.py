"""Enabling and disabling leaves Blender as it was."""

import gc
import json
import sys
from pathlib import Path

import bpy
import kit
from blender_host import MODULE


def _menus() -> dict[str, int]:
    menus = {"import": bpy.types.TOPBAR_MT_file_import, "export": bpy.types.TOPBAR_MT_file_export}
    return {name: len(menu._dyn_ui_initialize()) for name, menu in menus.items()}


def _handlers() -> dict[str, int]:
    lists = {name: getattr(bpy.app.handlers, name) for name in dir(bpy.app.handlers)}
    return {name: len(entries) for name, entries in lists.items() if isinstance(entries, list)}


def _classes() -> set[str]:
    kinds = (bpy.types.Operator, bpy.types.Panel, bpy.types.FileHandler, bpy.types.PropertyGroup, bpy.types.AddonPreferences)
    return {f"{kind.__name__}.{cls.__name__}" for kind in kinds for cls in kind.__subclasses__() if cls.is_registered}


def _state() -> dict[str, object]:
    gc.collect()
    operators = [name for space in ("amb3r", "import_scene", "export_scene") for name in dir(getattr(bpy.ops, space))]
    return {
        "menus": _menus(),
        "handlers": _handlers(),
        "operators": [name for name in operators if "amb3r" in name],
        "tools": dir(bpy.ops.amb3r),
        "classes": {name for name in _classes() if "amb3r" in name.lower()},
        "settings": hasattr(bpy.types.Scene, "amb3r"),
    }


def test_ten_cycles_leave_nothing_behind() -> None:
    enabled = _state()
    assert enabled["settings"]
    assert enabled["classes"]
    disabled = None
    for _ in range(10):
        assert bpy.ops.preferences.addon_disable(module=MODULE) == {"FINISHED"}
        off = _state()
        disabled = disabled or off
        assert off == disabled
        assert not off["classes"]
        assert not off["tools"]
        assert not off["settings"]
        assert bpy.ops.preferences.addon_enable(module=MODULE) == {"FINISHED"}
        assert _state() == enabled


def test_scenes_survive_while_the_extension_is_off(tmp_path: Path) -> None:
    kit.simple_scene(tmp_path)
    bpy.ops.import_scene.amb3r(filepath=str(tmp_path))
    bpy.ops.preferences.addon_disable(module=MODULE)
    assert len(next(iter(bpy.data.pointclouds)).points) == 500
    bpy.ops.preferences.addon_enable(module=MODULE)
    assert bpy.ops.amb3r.next_view() == {"FINISHED"}


def test_panels_draw_without_complaint(tmp_path: Path) -> None:
    """Draw functions are run on a stand-in for the layout: no window exists here."""
    ui = sys.modules[f"{MODULE}.ui"]

    class Layout:
        lines: list[str] = []  # noqa: RUF012

        def __getattr__(self, name: str) -> object:
            def call(*_args: object, **more: object) -> object:
                self.lines.append(str(more.get("text", name)))
                return self

            return call

        def __setattr__(self, name: str, value: object) -> None:
            pass

    def draw_all() -> list[str]:
        Layout.lines = []
        for panel in ui.CLASSES:
            poll = getattr(panel, "poll", None)
            if poll is None or poll(bpy.context):
                panel.draw(type("Self", (), {"layout": Layout()})(), bpy.context)
        return Layout.lines

    assert "Cancel Reconstruction" not in draw_all()
    kit.simple_scene(tmp_path)
    bpy.ops.import_scene.amb3r(filepath=str(tmp_path))
    bpy.context.scene.amb3r.show_options = bpy.context.scene.amb3r.show_engine_options = True
    said = " ".join(draw_all())
    for words in (
        "Metric: lengths are metres",
        "two views 0.52 m apart",
        "Weights' licence: none",
        "Min Confidence",
        "photo_000.png",
        "Poses: not judged",
    ):
        assert words in said
    document = json.loads((tmp_path / "scene.amb3r").read_text())
    document["pose_trust"] = document["views"][0]["pose_trust"] = 0.31
    kit.write_scene(tmp_path, document)
    bpy.ops.import_scene.amb3r(filepath=str(tmp_path))
    said = " ".join(draw_all())
    assert "Poses: doubtful (31%): check them before you" in said
    assert "photo_000.png, pose doubtful (31%)" in said
