# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension's preferences: where the engine is, and whether it answers."""

# bpy has no type stubs, and its properties are calls in annotations.
# pyright: standard, reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportMissingImports=false

import os
from pathlib import Path

import bpy
from bpy.props import EnumProperty, StringProperty

from . import engine
from .runtime import RUNTIME

DEVICES = (
    ("auto", "Automatic", "The fastest device the engine finds"),
    ("cuda", "CUDA", "NVIDIA graphics card"),
    ("mps", "Metal", "Apple graphics"),
    ("cpu", "CPU", "The processor"),
)


class AMB3R_AP_preferences(bpy.types.AddonPreferences):
    """Engine, device, folders."""

    bl_idname = __package__

    engine: StringProperty(
        name="Engine", subtype="FILE_PATH",
        description="The amb3r command, its environment's folder, or a whole command line; empty: found by itself",
    )  # fmt: skip
    device: EnumProperty(name="Device", items=DEVICES, default="auto", description="Where the engine computes")
    extra_arguments: StringProperty(name="Extra Arguments", description="More arguments for amb3r reconstruct")
    cache_folder: StringProperty(
        name="Scenes Folder",
        subtype="DIR_PATH",
        description="Where scenes of unsaved .blend files go; empty: 'AMB3R Scenes' in your home folder",
    )

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        for name in ("engine", "device", "extra_arguments", "cache_folder"):
            layout.prop(self, name)
        row = layout.row()
        row.operator("amb3r.test_engine", icon="PLAY")
        row.operator("amb3r.install_help", icon="HELP")
        if RUNTIME.engine_status:
            layout.label(text=RUNTIME.engine_status, icon="INFO")
        box = layout.box().column(align=True)
        for line in engine.INSTALL_LINES:
            box.label(text=line)


def preferences(context: bpy.types.Context) -> AMB3R_AP_preferences:
    return context.preferences.addons[__package__].preferences


def engine_command(context: bpy.types.Context) -> list[str]:
    """The engine's command; raises `engine.EngineNotFound`."""
    return engine.find_engine(preferences(context).engine, os.environ, Path.home())


CLASSES = (AMB3R_AP_preferences,)
