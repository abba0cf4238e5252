# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings: one group on the scene, and the import options it shares with the import operator."""

# bpy has no type stubs, and its properties are calls in annotations.
# pyright: standard, reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportMissingImports=false

import bpy
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from .core import DEFAULT_KEEP
from .options import ImportChoices

CAMERAS = (
    ("AUTO", "Automatic", "One camera per view; for a video also one that moves through all of them"),
    ("EACH", "One per View", "One camera per view"),
    ("ANIMATED", "One Moving", "One camera that moves through all views"),
    ("BOTH", "Both", "One camera per view and one that moves through all of them"),
    ("NONE", "None", "No cameras"),
)
BACKGROUNDS = (
    ("AUTO", "Automatic", "Photos behind the views, the video or its frames behind the moving camera"),
    ("STILL", "Photos", "Photos behind the views"),
    ("SEQUENCE", "Image Sequence", "Photos behind the views, numbered frames behind the moving camera"),
    ("CLIP", "Movie Clip", "Photos behind the views, the video behind the moving camera"),
    ("NONE", "None", "Nothing behind the cameras"),
)
UP_AXES = (
    ("AUTO", "Automatic", "Up as the scene file says, else the mean of the cameras"),
    ("FIRST", "First Camera", "Up is where the first camera's top points"),
    ("AS_IS", "As Is", "The scene file's own axes, y down and z forward"),
)
TIMELINES = (
    ("TIME", "Time", "Views stand at their time in the video"),
    ("VIEWS", "One per Frame", "Views follow each other frame by frame"),
)
MODELS = (
    ("auto", "Automatic", "The best model whose weights are installed"),
    ("amb3r", "AMB3R", "The feed-forward network; needs its weights"),
    ("vggt", "VGGT", "The network's front end alone; needs its weights"),
    ("colmap", "COLMAP", "Classical reconstruction; needs no weights"),
)
QUALITIES = (
    ("DRAFT", "Draft", "Small depth maps, quick"),
    ("STANDARD", "Standard", "The model's own size of depth maps"),
    ("HIGH", "High", "Large depth maps, slow, needs much memory"),
)
KEEP_ITEMS = (
    ("trusted", "Trusted", "Depth that is nearly surely right; the rest is left open"),
    ("most", "Most", "Depth that is rather right than wrong"),
    ("all", "All", "Every answer, right or wrong"),
)
ORDERS = (
    ("AUTO", "Automatic", "As names, times and pictures tell"),
    ("VIDEO", "Video", "The photos follow each other like frames of a video"),
    ("UNORDERED", "Unordered", "The photos come in no order"),
)
ENGINE_OPTIONS = ("masks", "intrinsics", "poses", "scale_from", "order", "skip_bad", "resume", "more_options")
"""Settings of a run beyond model and quality, in the order the panel shows them."""


class ImportOptions:
    """The options of an import, for the operator (with presets) and for the scene's settings."""

    cameras: EnumProperty(name="Cameras", items=CAMERAS, default="AUTO", description="Which cameras to make")
    backgrounds: EnumProperty(
        name="Backgrounds", items=BACKGROUNDS, default="AUTO", description="What to show behind the cameras"
    )
    background_alpha: FloatProperty(name="Opacity", default=1.0, min=0.0, max=1.0, description="Opacity of the backgrounds")
    points: BoolProperty(name="Points", default=True, description="Import the coloured point cloud")
    max_points: IntProperty(
        name="Max Points", default=5_000_000, min=1, soft_max=50_000_000, description="Take no more points than this, evenly"
    )
    min_weight: FloatProperty(
        name="Min Confidence", default=0.0, min=0.0, max=1.0, description="Where the confidence slider starts"
    )
    point_radius: FloatProperty(
        name="Point Radius", default=0.0, min=0.0, soft_max=0.1, unit="LENGTH",
        description="One radius for all points; 0 takes each point's own",
    )  # fmt: skip
    viewport_share: FloatProperty(
        name="Viewport Share", default=1.0, min=0.0, max=1.0, description="Share of the points that 3D views show"
    )
    relief: BoolProperty(name="Depth Reliefs", default=False, description="Make a textured mesh of every view's depth map")
    keep: EnumProperty(
        name="Depth", items=KEEP_ITEMS, default=DEFAULT_KEEP,
        description="How much depth the reliefs, and the points of a new reconstruction, are made of",
    )  # fmt: skip
    up_axis: EnumProperty(name="Up", items=UP_AXES, default="AUTO", description="How to stand a new scene upright")
    scale: FloatProperty(name="Scale", default=1.0, min=1e-6, soft_max=1000.0, description="Scale of the root of a new scene")
    timeline: EnumProperty(name="Timeline", items=TIMELINES, default="TIME", description="Where a video's views stand in time")
    camera_size: FloatProperty(
        name="Camera Size",
        default=0.0,
        min=0.0,
        soft_max=1.0,
        unit="LENGTH",
        description="Size of the camera icons; 0 fits the scene",
    )
    match_colors: BoolProperty(
        name="Match Photo Colours",
        default=True,
        description="Set the scene's view transform to Standard, so renders look like photos",
    )
    material_preview: BoolProperty(
        name="Show Material Preview",
        default=True,
        description="Switch solid 3D views, where points are grey, to Material Preview",
    )
    set_render: BoolProperty(
        name="Set Render Size", default=True, description="Make the first view the scene's camera and take its size for renders"
    )
    set_timeline: BoolProperty(name="Set Timeline", default=True, description="Take frame rate and frame range from the video")
    replace: BoolProperty(
        name="Replace",
        default=True,
        description="Renew a scene that was imported from this file before, keeping your changes to its root",
    )


def choices_of(options: ImportOptions) -> ImportChoices:
    """The options as plain values."""
    return ImportChoices(**{name: getattr(options, name) for name in ImportChoices.__dataclass_fields__})


def draw_options(layout: bpy.types.UILayout, options: ImportOptions) -> None:
    """The options in the order an artist thinks of them."""
    layout.use_property_split, layout.use_property_decorate = True, False
    groups = {
        "Cameras": ("cameras", "backgrounds", "background_alpha", "camera_size", "timeline"),
        "Points": ("points", "max_points", "min_weight", "point_radius", "viewport_share", "relief", "keep"),
        "Scene": ("up_axis", "scale", "match_colors", "material_preview", "set_render", "set_timeline", "replace"),
    }
    for heading, names in groups.items():
        column = layout.column(heading=heading)
        for name in names:
            column.prop(options, name)


class AMB3R_PG_input(bpy.types.PropertyGroup):
    """One chosen photo."""

    path: StringProperty(name="File")


class AMB3R_PG_settings(ImportOptions, bpy.types.PropertyGroup):
    """Everything the panel remembers."""

    input_path: StringProperty(name="Input", description="Folder of photos, a photo, or a video", subtype="FILE_PATH")
    input_files: CollectionProperty(type=AMB3R_PG_input)
    output_path: StringProperty(
        name="Output",
        description="Scene folder to write; empty: beside the .blend file, else in the scenes folder of the preferences",
        subtype="DIR_PATH",
    )
    model: EnumProperty(name="Model", items=MODELS, default="auto", description="What reconstructs the scene")
    quality: EnumProperty(name="Quality", items=QUALITIES, default="STANDARD", description="Size of the depth maps")
    max_frames: IntProperty(name="Max Frames", default=100, min=2, soft_max=2000, description="Take no more frames of a video")
    sample_fps: FloatProperty(
        name="Frames per Second",
        default=0.0,
        min=0.0,
        soft_max=30.0,
        description="Frames of a video to take per second; 0: automatic",
    )
    masks: StringProperty(name="Masks", subtype="DIR_PATH", description="Folder of masks named like the photos; black is ignored")
    intrinsics: StringProperty(
        name="Known Camera", subtype="FILE_PATH", description="A cameras file, or fx,fy,cx,cy in pixels; empty: not known"
    )
    poses: StringProperty(name="Known Poses", subtype="FILE_PATH", description="File of camera poses that are known; empty: none")
    scale_from: StringProperty(
        name="Scale From",
        subtype="FILE_PATH",
        description="Photos and their distance in metres (A,B,1.25), a poses file in metres, gps, or none; empty: GPS if good",
    )
    order: EnumProperty(name="Order", items=ORDERS, default="AUTO", description="Whether the photos follow each other")
    skip_bad: BoolProperty(name="Skip Bad Files", default=False, description="Leave unreadable files out instead of stopping")
    resume: BoolProperty(
        name="Resume", default=True, description="Go on where a cancelled run of the same input and options stopped"
    )
    more_options: StringProperty(
        name="More Options", description="More options of the engine as on its command line; List Options tells which there are"
    )
    show_engine_options: BoolProperty(name="Engine Options", default=False, description="Show more options of the engine")
    show_options: BoolProperty(name="Import Options", default=False, description="Show the options of the import")
    distance: FloatProperty(
        name="Distance", default=1.0, min=1e-6, unit="LENGTH", description="True distance of the two selected points"
    )


CLASSES = (AMB3R_PG_input, AMB3R_PG_settings)


def register() -> None:
    bpy.types.Scene.amb3r = bpy.props.PointerProperty(type=AMB3R_PG_settings)


def unregister() -> None:
    del bpy.types.Scene.amb3r
