"""What the owner of the photos is told of how far the model may be trusted."""

import numpy as np
import pytest

from amb3r_core.models.colmap.sfm.judge import Judgement, Signs
from amb3r_core.models.colmap.sfm.result import MOST_TRUST_IN_PARTS, judged
from amb3r_core.models.colmap.sfm.sparse import Observations, SparseModel, SparseView
from amb3r_core.scene.camera import Camera
from tests.models.colmap import posed_photos as scene

SIGNS = Signs(expected=1.0, contradicted=0.0, disputed=0.0, link=4, lens=1.0)
NOTHING_SEEN = Observations(point_index=np.zeros(0, np.int64), pixels=np.zeros((0, 2)))


def sparse(n_photos: int, missing: tuple[int, ...] = ()) -> SparseModel:
    views = tuple(
        SparseView(
            name=f"{index}.jpg",
            camera=Camera(pinhole=scene.CAMERA),
            cam_to_world=None if index in missing else np.eye(4),
            reason="no features" if index in missing else "",
            observations=NOTHING_SEEN,
        )
        for index in range(n_photos)
    )
    return SparseModel(
        views=views,
        points=np.zeros((0, 3)),
        track_lengths=np.zeros(0, np.int64),
        mean_error_px=0.5,
        chosen="a",
        attempts=(),
        notes=("a lens",),
    )


def judgement(scene_trust: float = 0.99, loose: tuple[int, ...] = (), **photo_trust: float) -> Judgement:
    of_photo = {int(name.removeprefix("photo")) + 1: trust for name, trust in photo_trust.items()}
    groups = {index + 1: 9 for index in loose}
    return Judgement(signs=SIGNS, scene_trust=scene_trust, photo_trust=of_photo, loose=groups, loosest_link=4)


def test_each_photo_gets_its_own_trust_and_one_without_a_pose_none() -> None:
    result = judged(sparse(3, missing=(1,)), judgement(photo0=0.7, photo1=0.6, photo2=0.5))
    assert [view.pose_trust for view in result.views] == [0.7, 0.0, 0.5]


@pytest.mark.parametrize(("n_missing", "is_capped"), [(0, False), (1, False), (2, True), (10, True)])
def test_a_scene_that_many_photos_are_missing_from_is_never_sure(n_missing: int, is_capped: bool) -> None:
    result = judged(sparse(20, missing=tuple(range(n_missing))), judgement(0.99))
    assert result.scene_trust == (MOST_TRUST_IN_PARTS if is_capped else 0.99)
    assert judged(sparse(20, missing=tuple(range(n_missing))), judgement(0.2)).scene_trust == 0.2


def test_loose_photos_are_named_with_what_holds_them() -> None:
    assert judged(sparse(4), judgement(loose=(3, 1))).notes == (
        "a lens",
        "hardly held to the rest of the photos, by as few as 4 points that three of them see: 1.jpg, 3.jpg; "
        "their place may be wrong, and photos in between would hold them",
    )
    assert judged(sparse(4), judgement()).notes == ("a lens",)


def test_of_many_loose_photos_the_first_are_named_and_the_rest_counted() -> None:
    note = judged(sparse(20), judgement(loose=tuple(range(2, 10)))).notes[-1]
    assert "2.jpg, 3.jpg, 4.jpg, 5.jpg, 6.jpg and 3 more;" in note
