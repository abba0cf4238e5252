"""Copies the part of the core that the extension uses into it, as a sub-package with relative imports.

The extension says what it takes in one module, `core.py`. From there the imports are followed through `amb3r_core`, so that no
list of files is kept by hand. The copy lives inside the extension's own package: nothing named `amb3r_core` is added to Python's
modules, and an `amb3r_core` that the user installed is neither used nor shadowed.
"""

import ast
import runpy
import shutil
from collections.abc import Iterator
from pathlib import Path

CORE = "amb3r_core"
DOOR = "core.py"
VENDOR = "vendor"
PACKAGE_TEXT = '''"""Parts of {core} {version}, carried by this extension.

Copyright the AMB3R authors, licensed under the Apache License, Version 2.0: see the file LICENSE beside this one. The files are
unchanged but for their import lines, which were made relative.
"""
'''
NOTICE = """# SPDX-License-Identifier: Apache-2.0
# Part of {core} {version}; its import lines were made relative. See {vendor}/{core}/LICENSE.
"""


class VendorError(Exception):
    """The core cannot be carried along; the message says why."""


def vendor_core(extension: Path, project: Path) -> list[Path]:
    """Puts what `core.py` of a copied extension imports into its `vendor/`; the modules that were copied."""
    version = _version(project)
    door = extension / DOOR
    target = extension / VENDOR / CORE
    target.mkdir(parents=True)
    (extension / VENDOR / "__init__.py").write_text('"""What the extension carries from elsewhere."""\n', encoding="utf-8")
    (target / "__init__.py").write_text(PACKAGE_TEXT.format(core=CORE, version=version), encoding="utf-8")
    shutil.copyfile(project / "LICENSE", target / "LICENSE")
    modules = sorted(_closure(door, project))
    notice = NOTICE.format(core=CORE, version=version, vendor=VENDOR)
    for module in modules:
        inside = module.relative_to(project / CORE)
        (target / inside).parent.mkdir(parents=True, exist_ok=True)
        (target / inside).write_text(notice + _relative(module, "." * len(inside.parts)), encoding="utf-8")
    door.write_text(_relative(door, f".{VENDOR}.{CORE}."), encoding="utf-8")
    return [module.relative_to(project) for module in modules]


def _version(project: Path) -> str:
    """What the core calls itself where the extension is built."""
    return runpy.run_path(str(project / CORE / "_version.py"))["__version__"]


def _closure(start: Path, project: Path) -> set[Path]:
    """Every file of the core that a module needs, the packages' own files included."""
    found: set[Path] = set()
    waiting = [start]
    while waiting:
        for file in _files_imported_by(waiting.pop(), project):
            if file not in found:
                found.add(file)
                waiting.append(file)
    return found


def _files_imported_by(module: Path, project: Path) -> Iterator[Path]:
    for node in _core_imports(module):
        path = project.joinpath(*(node.module or "").split("."))
        modules = [path / alias.name for alias in node.names] if path.is_dir() else [path]
        for place in modules:
            file = place.with_suffix(".py")
            if not file.is_file():
                raise VendorError(f"{module}:{node.lineno}: import from the module itself, not from the package {node.module}")
            yield file
            yield from (package / "__init__.py" for package in file.parents if (project / CORE) in package.parents)


def _core_imports(module: Path) -> Iterator[ast.ImportFrom]:
    """The module's imports of the core, each of which says from which module it takes what."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"), str(module))):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").startswith(f"{CORE}."):
            yield node
        elif isinstance(node, ast.Import | ast.ImportFrom) and _names_the_core(node):
            raise VendorError(f"{module}:{node.lineno}: write `from {CORE}.x import y`, which can be made relative")


def _names_the_core(node: ast.Import | ast.ImportFrom) -> bool:
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    is_absolute = isinstance(node, ast.Import) or node.level == 0
    return is_absolute and any(name.split(".")[0] == CORE for name in names)


def _relative(module: Path, prefix: str) -> str:
    """The module's text with its imports of the core starting at `prefix`."""
    lines = module.read_text(encoding="utf-8").splitlines(keepends=True)
    for node in _core_imports(module):
        line = lines[node.lineno - 1]
        lines[node.lineno - 1] = line.replace(f"from {CORE}.", f"from {prefix}", 1)
    return "".join(lines)
