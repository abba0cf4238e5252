"""What Cycles gives for a placed camera: a photo-like picture, or the exact depth of every pixel's centre."""

from pathlib import Path
from typing import Any

import numpy as np

from sample_scene.blender import bpy
from sample_scene.camera_path import HEIGHT, WIDTH
from sample_scene.modelling import node_tree
from sample_scene.surfaces import Array


def set_up_cycles() -> None:
    """Cycles on the CPU, with the sky's colour behind the window."""
    scene = bpy.context.scene
    scene.render.engine, scene.cycles.device = "CYCLES", "CPU"
    scene.render.resolution_x, scene.render.resolution_y = WIDTH, HEIGHT
    scene.render.resolution_percentage = 100
    scene.cycles.seed, scene.cycles.max_bounces, scene.cycles.diffuse_bounces = 0, 4, 3
    scene.cycles.caustics_reflective = scene.cycles.caustics_refractive = False
    scene.cycles.sample_clamp_indirect = 6.0
    scene.render.use_persistent_data = True
    world = scene.world or bpy.data.worlds.new("world")
    scene.world = world
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.75, 0.85, 1.0, 1.0)


def render_photo(path: Path, samples: int) -> None:
    """Leave the denoised picture at `path` as 16-bit PNG."""
    scene = bpy.context.scene
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.denoiser = samples, True, "OPENIMAGEDENOISE"
    scene.cycles.use_adaptive_sampling = False
    scene.cycles.pixel_filter_type, scene.cycles.filter_width = "BLACKMAN_HARRIS", 1.3
    scene.world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.6
    scene.view_layers[0].material_override = None
    scene.view_settings.view_transform, scene.view_settings.look = "AgX", "AgX - Medium High Contrast"
    scene.view_settings.exposure = 0.42
    scene.render.image_settings.file_format, scene.render.image_settings.color_depth = "PNG", "16"
    render_to(path)


def render_depth(path: Path) -> None:
    """Leave an EXR at `path` with the z-depth in metres of the point that each pixel's centre sees, 0 where it sees none.

    One ray a pixel through a filter of no width, onto a material that glows with its distance along the optical axis.
    """
    scene = bpy.context.scene
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.use_adaptive_sampling = 1, False, False
    scene.cycles.pixel_filter_type, scene.cycles.filter_width = "BLACKMAN_HARRIS", 0.01
    scene.world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.0
    scene.view_layers[0].material_override = bpy.data.materials.get("z-depth") or depth_material()
    scene.render.image_settings.file_format, scene.render.image_settings.color_depth = "OPEN_EXR", "32"
    render_to(path)


def depth_material() -> Any:
    material = bpy.data.materials.new("z-depth")
    nodes, links = node_tree(material)
    emission, camera = nodes.new("ShaderNodeEmission"), nodes.new("ShaderNodeCameraData")
    links.new(camera.outputs["View Z Depth"], emission.inputs["Color"])
    links.new(emission.outputs["Emission"], nodes["Material Output"].inputs["Surface"])
    return material


def render_to(path: Path) -> None:
    bpy.context.scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)


def read_image(path: Path) -> Array:
    """A rendered file's stored values (H, W, 3), the top row first."""
    image = bpy.data.images.load(str(path))
    image.colorspace_settings.name = "Non-Color"  # else Blender turns sRGB into linear light
    width, height = image.size
    rgba = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(rgba)
    bpy.data.images.remove(image)
    return rgba.reshape(height, width, 4)[::-1, :, :3].astype(float)
