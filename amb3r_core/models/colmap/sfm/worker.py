"""The program a worker process runs: `python -m amb3r_core.models.colmap.sfm.worker REQUEST.json`."""

import os
import sys
import threading
from pathlib import Path

from amb3r_core.models.colmap.sfm.features import extract_features
from amb3r_core.models.colmap.sfm.requests import (
    ExtractFeatures,
    ExtractLearned,
    FinishModel,
    MatchLearned,
    RunAttempt,
    SettleVideo,
    read_request,
)
from amb3r_core.models.colmap.sfm.settling import settle_model
from amb3r_core.models.colmap.sfm.solve import finish_model, run_attempt

ORPHAN_EXIT_CODE = 3
STANDARD_INPUT = 0


def main(request_path: str) -> None:
    """Does what the request in this file asks for."""
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    match read_request(Path(request_path).read_text()):
        case ExtractFeatures() as request:
            extract_features(request)
        case ExtractLearned() as request:
            from amb3r_core.models.colmap.sfm.learned.extraction import extract_learned

            extract_learned(request)
        case MatchLearned() as request:
            from amb3r_core.models.colmap.sfm.learned.matcher import match_learned

            match_learned(request)
        case RunAttempt() as request:
            run_attempt(request)
        case FinishModel() as request:
            finish_model(request)
        case SettleVideo() as request:
            settle_model(request)


def _exit_with_parent() -> None:
    """The parent holds the other end of standard input, so its end of file means that the parent is gone."""
    while os.read(STANDARD_INPUT, 1):
        pass
    os._exit(ORPHAN_EXIT_CODE)


if __name__ == "__main__":
    main(sys.argv[1])
