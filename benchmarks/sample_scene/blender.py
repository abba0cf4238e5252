"""Blender's modules; they carry no types, so they are `Any` to the checker, here and once."""

import importlib
from typing import Any

import bpy as _bpy

bpy: Any = _bpy
Matrix: Any = importlib.import_module("mathutils").Matrix  # is there only once bpy is loaded
