"""Pictures: a photo lifted into points and rendered through its imported camera is the photo again."""

import os
from pathlib import Path

import bpy
import kit
import numpy as np
from blender_host import part

WIDTH, HEIGHT = 640, 480


def _photo() -> np.ndarray:
    """A photo of the bundled sample where there is one, else a made-up picture; (H, W, 3) uint8."""
    photos = sorted(Path(os.environ["AMB3R_TEST_SAMPLE"]).glob("*.jpg"))
    if not photos:
        return kit.made_picture(WIDTH, HEIGHT)
    image = bpy.data.images.load(str(photos[0]))
    pixels = _pixels(image)
    bpy.data.images.remove(image)
    return pixels


def _pixels(image: bpy.types.Image) -> np.ndarray:
    values = np.empty(image.size[0] * image.size[1] * 4, np.float32)
    image.pixels.foreach_get(values)
    return np.rint(values.reshape(image.size[1], image.size[0], 4)[::-1, :, :3] * 255).astype(np.uint8)


def _render(path: Path) -> np.ndarray:
    """One light path per pixel, through the pixel's centre."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device, scene.cycles.samples = "CPU", 1
    scene.cycles.use_denoising = scene.cycles.use_adaptive_sampling = False
    scene.cycles.pixel_filter_type = "BOX"
    scene.render.filter_size = 0.01
    scene.render.image_settings.file_format = "PNG"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(str(path))
    pixels = _pixels(image)
    bpy.data.images.remove(image)
    return pixels


def _psnr(one: np.ndarray, two: np.ndarray) -> float:
    error = np.mean((one.astype(np.float64) - two) ** 2)
    return float(10 * np.log10(255**2 / error)) if error else np.inf


def test_a_lifted_photo_is_rendered_as_itself(tmp_path: Path) -> None:
    photo = _photo()
    kit.lifted_scene(tmp_path / "lifted", photo)
    assert bpy.ops.import_scene.amb3r(filepath=str(tmp_path / "lifted")) == {"FINISHED"}
    modifier = part("build_cloud").sliders_of(next(thing for thing in bpy.data.objects if thing.type == "POINTCLOUD"))
    part("compat").set_modifier_input(modifier, "Viewport Share", 0.1)
    rendered = _render(tmp_path / "render.png")
    if "AMB3R_TEST_KEEP" in os.environ:
        version = ".".join(map(str, bpy.app.version))
        kit.write_png(Path(os.environ["AMB3R_TEST_KEEP"]) / f"lifted_{version}.png", np.concatenate([photo, rendered], axis=1))
    psnr = _psnr(photo, rendered)
    print(f"MEASURED lifted photo: {psnr:.2f} dB")
    assert psnr >= 50.0


def test_points_keep_their_material_when_others_are_hidden(tmp_path: Path) -> None:
    photo = np.full((HEIGHT, WIDTH, 3), (200, 100, 50), np.uint8)
    confidence = np.full((HEIGHT, WIDTH), 10.0)
    confidence[: HEIGHT // 2] = 1.0
    path, _, _ = kit.lifted_scene(tmp_path / "lifted", photo, confidence=confidence)
    bpy.ops.import_scene.amb3r(filepath=str(path), min_weight=0.5)
    rendered = _render(tmp_path / "render.png")
    assert np.array_equal(np.median(rendered[HEIGHT // 2 + 2 :], axis=(0, 1)), [200, 100, 50])
    assert rendered[: HEIGHT // 2 - 2].max() <= 1
    own = part("nodes").emission_material("Mine", attribute="none of this name")
    next(thing for thing in bpy.data.objects if thing.type == "POINTCLOUD").material_slots[0].material = own
    assert _render(tmp_path / "render.png").max() <= 1


def test_depth_reliefs_show_the_photo_too(tmp_path: Path) -> None:
    photo = kit.made_picture(WIDTH, HEIGHT, seed=3)
    random = np.random.default_rng(0)
    K, pose = kit.random_intrinsics(random, WIDTH, HEIGHT), kit.random_pose(random)
    kit.write_png(tmp_path / "images" / "a.png", photo)
    view = kit.view_document("a.png", (WIDTH, HEIGHT), K, pose, image="images/a.png", letterbox=[4, 8, 160, 120])
    depth = np.zeros((1, 136, 168), np.float32)
    depth[0, 8:128, 4:164] = 3.0 + 0.004 * np.arange(160)
    kit.write_scene(tmp_path, kit.scene_document([view], dense=kit.write_dense(tmp_path, depth)))
    assert bpy.ops.import_scene.amb3r(filepath=str(tmp_path), relief=True) == {"FINISHED"}
    rendered = _render(tmp_path / "render.png")
    inner = (slice(8, -8), slice(8, -8))
    psnr = _psnr(photo[inner], rendered[inner])
    print(f"MEASURED relief: {psnr:.2f} dB")
    assert psnr >= 30.0


def test_every_view_is_rendered_at_its_own_size(tmp_path: Path) -> None:
    sizes = [(64, 48), (48, 64), (80, 20)]
    random = np.random.default_rng(0)
    views = [
        kit.view_document(f"in/{index}.jpg", size, kit.random_intrinsics(random, *size), kit.random_pose(random))
        for index, size in enumerate(sizes)
    ]
    kit.write_scene(tmp_path, kit.scene_document(views))
    bpy.ops.import_scene.amb3r(filepath=str(tmp_path))
    scene = bpy.context.scene
    scene.render.engine, scene.cycles.samples = "CYCLES", 1
    scene.render.resolution_x, scene.camera = 99, None
    assert bpy.ops.amb3r.render_views(directory=str(tmp_path / "out")) == {"FINISHED"}
    for index, size in enumerate(sizes):
        image = bpy.data.images.load(str(tmp_path / "out" / "in" / f"{index}.png"))
        assert tuple(image.size) == size
    assert (scene.render.resolution_x, scene.camera) == (99, None)
