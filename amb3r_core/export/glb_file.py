"""The GLB container (glTF 2.0): a JSON document and one binary chunk of arrays and images."""

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amb3r_core.scene.arrays import Float64

FLOAT, UINT32, UINT16 = 5126, 5125, 5123
"""glTF's numbers of component types."""
VERTEX_DATA, INDEX_DATA = 34962, 34963
"""glTF's numbers of what an array is for."""

Json = dict[str, object]


@dataclass
class GlbBuffer:
    """The binary chunk as it grows, with glTF's views and accessors into it."""

    parts: list[bytes] = field(default_factory=list[bytes])
    views: list[Json] = field(default_factory=list[Json])
    accessors: list[Json] = field(default_factory=list[Json])
    size: int = 0

    def add(self, array: NDArray[np.generic], component: int, kind: str, target: int | None = None) -> int:
        """Appends an array; the index of its accessor."""
        accessor: Json = {"bufferView": len(self.views), "componentType": component, "count": len(array), "type": kind}
        if component == FLOAT:
            columns = [array[:, axis] for axis in range(array.shape[1])]  # several times as fast as along the first axis
            accessor |= {"min": [column.min().item() for column in columns], "max": [column.max().item() for column in columns]}
        self.accessors.append(accessor)
        view = self.add_bytes(np.ascontiguousarray(array).tobytes())
        if target is not None:
            self.views[view]["target"] = target
        return len(self.accessors) - 1

    def add_bytes(self, data: bytes) -> int:
        """Appends bytes, as of an image; the index of their view."""
        data += b"\0" * (-len(data) % 4)
        self.views.append({"buffer": 0, "byteOffset": self.size, "byteLength": len(data)})
        self.parts.append(data)
        self.size += len(data)
        return len(self.views) - 1


def column_major(matrix: Float64) -> list[float]:
    """A matrix (4, 4) as glTF writes it."""
    return matrix.T.ravel().tolist()


def write_container(path: Path, document: Json, buffer: GlbBuffer) -> None:
    """Writes document and buffer as one GLB."""
    text = json.dumps(document, allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    binary_header = struct.pack("<I4s", buffer.size, b"BIN\0") if buffer.size else b""
    total = 12 + 8 + len(text) + len(binary_header) + buffer.size
    with path.open("wb") as file:
        file.write(struct.pack("<4sII", b"glTF", 2, total) + struct.pack("<I4s", len(text), b"JSON") + text + binary_header)
        for part in buffer.parts:
            file.write(part)
