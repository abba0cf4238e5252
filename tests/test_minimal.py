"""The scene half works in an interpreter that has numpy and nothing else of ours."""

import subprocess
import sys
from pathlib import Path

from tests.paths import ROOT

SCRIPT = """
import sys
from importlib.abc import MetaPathFinder

BLOCKED = {
    "torch", "PIL", "cv2", "open3d", "bpy", "trimesh", "pycolmap", "tyro", "rich", "scipy", "av", "safetensors", "psutil",
    "plyfile", "evo", "nerfstudio", "gsplat",
}

class Nothing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"{name} is blocked", name=name)

sys.meta_path.insert(0, Nothing())

import importlib
from pathlib import Path

out = Path(sys.argv[1])
for name in sys.argv[2:]:
    importlib.import_module(name)

from amb3r_core import export_scene, fuse, load_scene, save_scene
from amb3r_core.errors import DependencyError
from amb3r_core.export import EXPORTERS
from tests.fakes import fake_room

scene = fake_room(3, mixed=True).reconstruction
cloud = fuse(scene)
save_scene(scene, out / "saved", cloud)
loaded = load_scene(out / "saved")
assert (fuse(loaded).points == cloud.points).all()
for name in set(EXPORTERS) - {"colmap", "colmap-text"}:
    assert all(path.is_file() for path in export_scene(loaded, out / name, name))
try:
    export_scene(loaded, out / "colmap", "colmap")
except DependencyError as error:
    print(error)
assert not (out / "colmap").exists()
assert not BLOCKED & set(sys.modules)
"""


def scene_half_modules() -> list[str]:
    """Dotted names of every module that needs numpy alone."""
    folders = [ROOT / "amb3r_core" / name for name in ("scene", "scene_folder", "storage", "export")]
    paths = [path for folder in folders for path in sorted(folder.glob("[a-z]*.py"))]
    return [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths]


def test_scenes_are_read_fused_and_written_with_numpy_alone(tmp_path: Path):
    command = [sys.executable, "-c", SCRIPT, str(tmp_path), *scene_half_modules()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "pycolmap is needed (to write COLMAP models) but not installed: pip install" in done.stdout
