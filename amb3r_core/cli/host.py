"""What a plugin's own command shares with `amb3r`: its screen, its exit codes, its flags and how it reads options."""

from amb3r_core.cli.flags import CORE_FLAGS, as_flags, flag_of, flags_of
from amb3r_core.cli.screen import EXIT_ERROR, ProgressStyle, exit_code, print_table, watching
from amb3r_core.cli.summary import depth_row, pose_row, summary_rows
from amb3r_core.cli.values import option_values

__all__ = [
    "CORE_FLAGS",
    "EXIT_ERROR",
    "ProgressStyle",
    "as_flags",
    "depth_row",
    "exit_code",
    "flag_of",
    "flags_of",
    "option_values",
    "pose_row",
    "print_table",
    "summary_rows",
    "watching",
]
