"""Options come back from YAML as they went, and a wrong file is told."""

from dataclasses import fields
from pathlib import Path

import amb3r_open3d as a3
import numpy as np
import open3d as o3d
import pytest
from amb3r_open3d.yaml_options import YamlOptions

from amb3r_core.errors import FormatError, InputError
from amb3r_core.scene.conventions import rotation_from_quaternion
from amb3r_core.scene.geometry import Sim3

CHANGED = [
    a3.SceneOptions(device="CPU:0", weights=Path("a b.pt"), fps=2.5, order="video"),
    a3.MaskDepthOptions(edges=False, depth_max=4.0, seen_once="drop"),
    a3.FuseTSDFOptions(device=o3d.core.Device("CPU:0"), voxel_size=0.01, confidence="weight"),
    a3.FuseTSDFOptions(),
    a3.CleanMeshOptions(target_triangles=500),
    a3.AlignToOptions(mode="rigid", max_distance=1),
    a3.RefinePosesOptions(levels=2),
]


@pytest.mark.parametrize("options", CHANGED, ids=lambda options: type(options).__name__)
def test_options_come_back_as_they_went(options: YamlOptions, tmp_path: Path):
    back = type(options).from_yaml(options.to_yaml(tmp_path / "options.yml"))
    for field in fields(options):
        went, came = getattr(options, field.name), getattr(back, field.name)
        assert str(came) == went if isinstance(came, o3d.core.Device) else came == (str(went) if field.name == "device" else went)


def test_a_similarity_and_an_intrinsic_have_a_place_in_yaml(tmp_path: Path):
    start = Sim3(2.0, rotation_from_quaternion(np.array([0.8, 0.6, 0.0, 0.0])), np.array([1.0, 2.0, 3.0]))
    back = a3.AlignToOptions.from_yaml(a3.AlignToOptions(initial=start).to_yaml(tmp_path / "a.yml")).initial
    assert back is not None
    assert back.scale == 2.0
    assert np.array_equal(back.rotation, start.rotation)
    assert np.array_equal(back.translation, start.translation)
    intrinsic = o3d.camera.PinholeCameraIntrinsic(640, 480, 500.25, 501.5, 320.1, 240.2)
    same = a3.SceneOptions.from_yaml(a3.SceneOptions(intrinsic=intrinsic).to_yaml(tmp_path / "r.yml")).intrinsic
    assert same is not None
    assert np.array_equal(same.intrinsic_matrix, intrinsic.intrinsic_matrix)
    with pytest.raises(InputError, match="trajectory: a PinholeCameraTrajectory cannot be written as YAML"):
        a3.SceneOptions(trajectory=o3d.camera.PinholeCameraTrajectory()).to_yaml(tmp_path / "t.yml")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("voxel_sise: 0.01", InputError, "FuseTSDFOptions has no voxel_sise; it has device, voxel_size,"),
        ("voxel_size: small", InputError, "voxel_size is 'small'; wanted float or 'auto'"),
        ("integrate_color: 1", InputError, "integrate_color is 1; wanted bool"),
        ("confidence: guess", InputError, "confidence is 'guess'; wanted 'ignore' or 'mask' or 'weight'"),
        ("voxel_size: -1.0", InputError, "FuseTSDFOptions needs voxel_size > 0"),
        ("- 1", FormatError, "wanted a mapping of options to values, not a list"),
        ("a: [", FormatError, "this is no YAML"),
    ],
)
def test_a_wrong_file_is_told(text: str, error: type[Exception], message: str, tmp_path: Path):
    path = tmp_path / "options.yml"
    path.write_text(text)
    with pytest.raises(error, match=message):
        a3.FuseTSDFOptions.from_yaml(path)


def test_a_missing_and_an_empty_file(tmp_path: Path):
    with pytest.raises(InputError, match="the options cannot be read"):
        a3.CleanMeshOptions.from_yaml(tmp_path / "none.yml")
    (tmp_path / "empty.yml").write_text("")
    assert a3.CleanMeshOptions.from_yaml(tmp_path / "empty.yml") == a3.CleanMeshOptions()
