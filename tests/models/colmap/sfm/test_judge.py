"""What raises and lowers trust in a model, and which photos are called loose."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pycolmap
import pytest

from amb3r_core.models.colmap.sfm import mapping
from amb3r_core.models.colmap.sfm.cameras import colmap_cameras
from amb3r_core.models.colmap.sfm.database import write_database
from amb3r_core.models.colmap.sfm.json_records import from_json, to_json
from amb3r_core.models.colmap.sfm.judge import (
    ENOUGH_LINK,
    FEW_POINTS_LINK,
    Judgement,
    Rival,
    Signs,
    judge,
    loose_groups,
    probability,
)
from amb3r_core.models.colmap.sfm.matching import MatchConfig
from amb3r_core.scene.conventions import invert
from tests.models.colmap import posed_photos as scene

N_PHOTOS = 5
PAIRS = [(0, 1), (1, 2), (2, 3), (3, 4), (0, 2), (1, 3), (2, 4)]
POSES = scene.poses_on_an_arc(N_PHOTOS)
FAIR = Signs(expected=0.8, contradicted=0.2, disputed=0.2, link=20, lens=0.7)


@pytest.mark.parametrize(
    ("sign", "worst_first"),
    [
        ("expected", (0.1, 0.5, 0.9, 1.0)),
        ("contradicted", (0.9, 0.3, 0.0)),
        ("disputed", (0.9, 0.3, 0.0)),
        ("link", (0, 3, 9, 30, ENOUGH_LINK)),
        ("lens", (0.0, 0.3, 0.9, 1.0)),
    ],
)
def test_trust_rises_with_each_sign_for_a_model_and_falls_with_each_against_it(sign: str, worst_first: Sequence[float]) -> None:
    trust = [probability(replace(FAIR, **{sign: value}), N_PHOTOS) for value in worst_first]
    assert trust == sorted(set(trust))
    assert 0.0 < trust[0] < trust[-1] < 1.0


def test_more_than_enough_points_say_no_more() -> None:
    enough, more = (probability(replace(FAIR, link=link), N_PHOTOS) for link in (ENOUGH_LINK, 10 * ENOUGH_LINK))
    assert enough == more


def test_two_photos_are_not_blamed_for_few_points() -> None:
    assert probability(replace(FAIR, link=3), 2) == probability(replace(FAIR, link=ENOUGH_LINK), 2)


def test_groups_that_few_points_hold_are_loose_but_for_the_largest() -> None:
    few, enough = FEW_POINTS_LINK - 1, FEW_POINTS_LINK
    chain = {(1, 2): enough, (2, 3): enough, (3, 4): few, (4, 5): enough, (5, 6): few, (1, 6): 0}
    loose = loose_groups(range(1, 7), chain)
    assert set(loose) == {4, 5, 6}
    assert loose[4] == loose[5] != loose[6]
    assert loose_groups(range(1, 7), {**chain, (2, 4): enough, (1, 6): enough}) == {}


def test_a_photo_that_nothing_holds_is_loose_and_of_equal_groups_the_first_stays() -> None:
    assert set(loose_groups([3, 5, 8], {(3, 5): 40, (3, 8): 0, (5, 8): 0})) == {8}
    assert set(loose_groups([1, 2, 3, 4], {(1, 2): 40, (3, 4): 90, (2, 3): 5})) == {3, 4}


def test_two_photos_are_never_loose() -> None:
    assert loose_groups([1, 2], {(1, 2): 1}) == {}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    features = [scene.see(scene.cloud(300), pose, seed=k) for k, pose in enumerate(POSES)]
    cameras = colmap_cameras([scene.photo(str(k)) for k in range(N_PHOTOS)], features)
    pairs = [scene.match_pair(features, cameras, pair, MatchConfig()) for pair in PAIRS]
    path = tmp_path_factory.mktemp("scene") / "database.db"
    write_database(path, list("01234"), cameras, features, [pair for pair in pairs if pair is not None])
    return path


def placed(database: Path, poses: Sequence[scene.Float64]) -> pycolmap.Reconstruction:
    """The model that holds these poses, with all points that its matches then give."""
    model = mapping.posed_model(database, {index + 1: invert(pose)[:3] for index, pose in enumerate(poses)})
    model.camera(1).focal_length = scene.FOCAL_PX
    held = mapping.relaxed(refine_focal=False, refine_distortion=False)
    return mapping.polish(database, model, held, keep_poses=True)


@pytest.fixture(scope="module")
def good(database: Path) -> pycolmap.Reconstruction:
    return placed(database, POSES)


def rival_of(model: pycolmap.Reconstruction, support: float = 100.0) -> Rival:
    poses = {image_id: model.image(image_id).cam_from_world().matrix() for image_id in model.reg_image_ids()}
    return Rival(cam_from_world=poses, support=support)


def judged(model: pycolmap.Reconstruction, database: Path, *rivals: Rival) -> Judgement:
    return judge(model, database, (), rivals, 100.0)


def test_nothing_speaks_against_a_true_model(database: Path, good: pycolmap.Reconstruction) -> None:
    judgement = judged(good, database)
    assert judgement.signs.expected > 0.95
    assert judgement.signs.contradicted == 0.0
    assert judgement.signs.disputed == 0.0
    assert judgement.signs.link > 100
    assert judgement.signs.lens > 0.99
    assert judgement.loose == {}
    assert judgement.loosest_link == 0
    assert set(judgement.photo_trust) == set(range(1, N_PHOTOS + 1))


def test_a_photo_out_of_place_costs_trust_and_its_own_most_of_all(database: Path, good: pycolmap.Reconstruction) -> None:
    aside = POSES[4].copy()
    aside[:3, 3] += [0.0, 1.0, 0.0]
    before, after = judged(good, database), judged(placed(database, [*POSES[:4], aside]), database)
    assert after.signs.contradicted > 0.2
    assert after.scene_trust < before.scene_trust
    assert min(after.photo_trust, key=after.photo_trust.__getitem__) == 5
    assert after.photo_trust[5] < before.photo_trust[5]


def test_a_bent_lens_costs_trust(database: Path, good: pycolmap.Reconstruction) -> None:
    bent = pycolmap.Reconstruction(good)
    bent.camera(1).params = [3.0 * scene.FOCAL_PX, *list(bent.camera(1).params[1:3]), 1.0]
    lens = judged(bent, database).signs.lens
    assert lens < judged(good, database).signs.lens
    assert judge(bent, database, [1], (), 100.0).signs.lens > lens, "EXIF tells that the focal length is long"


def similar(model: pycolmap.Reconstruction) -> pycolmap.Reconstruction:
    moved = pycolmap.Reconstruction(model)
    moved.transform(pycolmap.Sim3d(3.0, pycolmap.Rotation3d(np.array([0.1, -0.5, 0.5, 0.7])), np.array([1.0, 20.0, -4.0])))
    return moved


def mirrored_path(model: pycolmap.Reconstruction) -> Rival:
    """One that has the photos in the opposite order."""
    poses = rival_of(model).cam_from_world
    return Rival(cam_from_world={image_id: poses[N_PHOTOS + 1 - image_id] for image_id in poses}, support=100.0)


def test_a_rival_in_another_place_size_and_turn_disputes_nothing(database: Path, good: pycolmap.Reconstruction) -> None:
    assert judged(good, database, rival_of(similar(good))).signs.disputed < 1e-3


def test_a_rival_that_explains_as_much_with_other_poses_disputes_them(database: Path, good: pycolmap.Reconstruction) -> None:
    alone, disputed = judged(good, database), judged(good, database, rival_of(similar(good)), mirrored_path(good))
    assert disputed.signs.disputed > 0.5
    assert disputed.scene_trust < alone.scene_trust
    assert all(disputed.photo_trust[image_id] < trust for image_id, trust in alone.photo_trust.items())


def test_a_rival_counts_the_less_the_less_it_explains(database: Path, good: pycolmap.Reconstruction) -> None:
    other = mirrored_path(good)
    found = [judged(good, database, replace(other, support=support)).signs.disputed for support in (70.0, 85.0, 95.0, 100.0)]
    assert found == sorted(found)
    assert found[0] == 0.0 < found[1] < found[2] < found[3]


def test_only_the_photo_that_a_rival_places_elsewhere_loses_most(database: Path, good: pycolmap.Reconstruction) -> None:
    poses = dict(rival_of(good).cam_from_world)
    poses[3] = poses[3].copy()
    poses[3][:, :3] = np.diag([-1.0, 1.0, -1.0]) @ poses[3][:, :3]
    trust = judged(good, database, Rival(cam_from_world=poses, support=100.0)).photo_trust
    assert min(trust, key=trust.__getitem__) == 3


def test_photos_held_by_few_points_are_named_with_how_few(database: Path, good: pycolmap.Reconstruction) -> None:
    hinged = pycolmap.Reconstruction(good)
    seen = [place for place, point in enumerate(hinged.image(5).points2D) if point.has_point3D()]
    for place in seen[4:]:
        hinged.delete_observation(5, place)
    judgement = judged(hinged, database)
    assert set(judgement.loose) == {5}
    assert 0 < judgement.loosest_link <= 4
    assert judgement.photo_trust[5] < min(judgement.photo_trust[image_id] for image_id in (1, 2, 3, 4))
    assert judgement.scene_trust < judged(good, database).scene_trust


def test_two_photos_can_be_judged(database: Path) -> None:
    judgement = judged(placed(database, POSES[:2]), database)
    assert set(judgement.photo_trust) >= {1, 2}
    assert 0.0 < judgement.scene_trust < 1.0


def test_a_model_without_points_is_not_trusted(database: Path, good: pycolmap.Reconstruction) -> None:
    bare = mapping.posed_model(database, {index + 1: invert(pose)[:3] for index, pose in enumerate(POSES)})
    assert judged(bare, database).scene_trust < judged(good, database).scene_trust


def test_a_judgement_comes_back_from_json_as_it_was() -> None:
    judgement = Judgement(signs=FAIR, scene_trust=0.1 + 0.2, photo_trust={1: 0.5, 12: 0.25}, loose={12: 1}, loosest_link=7)
    assert from_json(Judgement, json.loads(json.dumps(to_json(judgement)))) == judgement
