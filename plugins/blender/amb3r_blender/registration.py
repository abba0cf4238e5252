# SPDX-License-Identifier: GPL-3.0-or-later
"""Enabling and disabling: everything that is added is taken away again."""

# bpy has no type stubs.
# pyright: standard, reportAttributeAccessIssue=false

import atexit

import bpy

from . import command_line, ops_export, ops_import, ops_place, ops_run, ops_views, prefs, props, ui
from .runtime import RUNTIME

CLASSES = (
    *prefs.CLASSES,
    *props.CLASSES,
    *ops_run.CLASSES,
    *ops_import.CLASSES,
    *ops_export.CLASSES,
    *ops_views.CLASSES,
    *ops_place.CLASSES,
    *ui.CLASSES,
)
_commands: list[object] = []


def register() -> None:
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    props.register()
    bpy.types.TOPBAR_MT_file_import.append(ops_import.menu_import)
    bpy.types.TOPBAR_MT_file_export.append(ops_export.menu_export)
    _commands.append(bpy.utils.register_cli_command(command_line.COMMAND, command_line.run))
    atexit.register(RUNTIME.close)


def unregister() -> None:
    RUNTIME.close()
    atexit.unregister(RUNTIME.close)
    while _commands:
        bpy.utils.unregister_cli_command(_commands.pop())
    bpy.types.TOPBAR_MT_file_export.remove(ops_export.menu_export)
    bpy.types.TOPBAR_MT_file_import.remove(ops_import.menu_import)
    props.unregister()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
