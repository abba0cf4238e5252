"""The settings of following a video."""

from dataclasses import dataclass, field

from amb3r_core.models.colmap.sfm.features import FeatureConfig
from amb3r_core.models.colmap.sfm.matching import MatchConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowConfig:
    """How frames are matched, when one becomes a keyframe, and when the map is adjusted."""

    features: FeatureConfig = field(default_factory=lambda: FeatureConfig(max_features=2500))
    match: MatchConfig = field(default_factory=MatchConfig)
    frames_at_a_time: int = 12
    """Frames that wait for one another, so that the features of all can be found side by side: two jobs of workers."""
    start_flow: float = 0.04
    """Before there is a map, a frame counts as another view once features have moved by this share of the longer side."""
    start_share: float = 0.4
    """The same once fewer features are shared than this share of the most: far things hardly move before a camera going ahead."""
    start_views: int = 6
    """So many such views are the first try at a map; each further try waits for half as many more."""
    max_start_views: int = 27
    """With so many views in vain the frames so far are given up, and the start begins anew."""
    patience: int = 8
    """After so many frames in a row that have nothing in common with the last view, the video has been cut."""
    helpers: int = 3
    """Keyframes that a frame is matched with to find its place."""
    keyframe_pairs: int = 8
    """Keyframes that a new keyframe is matched with: those that share most points with it."""
    loops: int = 2
    """Further keyframes it is matched with: the most alike in looks."""
    relocalise: int = 5
    """Keyframes, the most alike in looks, that a lost frame is matched with."""
    min_inliers: int = 25
    """Map points that place a frame."""
    max_error_px: float = 6.0
    """Within which a map point counts, at the working size."""
    keyframe_share: float = 0.35
    """A frame that sees fewer of the last keyframe's points than this share is the next keyframe."""
    keyframe_angle_deg: float = 5.0
    """A frame whose rays to the last keyframe's points have turned by this angle in the median is the next keyframe."""
    growth: float = 1.25
    """The map is adjusted as a whole when it has grown by this factor."""
