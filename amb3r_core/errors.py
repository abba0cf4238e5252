"""Every error a user can meet, as one tree.

    Amb3rError
    ├── InputError          photos, videos, masks, cameras or options that cannot be used
    │   └── OptionError     an option's value is out of its range, or goes with no other
    ├── WeightsError        a checkpoint is missing, damaged, of the wrong shape, or its licence forbids the use
    ├── DependencyError     an optional package is not installed
    ├── ResourceError       memory, disk or permission ran out
    ├── AlignmentError      two reconstructions or trajectories share too little to be brought together
    ├── RegistrationError   too few views could be placed
    └── FormatError         a file we read does not follow its format

A message says what was given, what was wanted and what to do. The command line prints it as one line and exits 1, or 2 for an
`OptionError`, as for any other wrong use.
Being asked to stop is not an error: see `progress.Cancelled`.

A message that speaks of an option writes it in backticks as Python does: `masks`, `long_side=320`, `pipeline="sfm"`,
`backend=False`, and alternatives as `pipeline="sfm" or "vo"`. Each front door spells that in its own words: the command line as
`--masks`, `--long-side 320`, `--pipeline sfm`, `--no-backend` (`cli/flags.py`).
"""


class Amb3rError(Exception):
    """Trouble that the user can mend; its message is one line meant for them."""

    option: str | None
    """The option at fault, by its name in Python (`masks`); None when it is none or more than one."""

    def __init__(self, message: str = "", *, option: str | None = None) -> None:
        super().__init__(message)
        self.option = option


class InputError(Amb3rError):
    """Photos, videos, masks, cameras or options that cannot be used."""


class OptionError(InputError):
    """An option's value is out of its range, or does not go with the other options; no file had to be looked at."""


class WeightsError(Amb3rError):
    """A checkpoint is missing, damaged, of the wrong shape, or its licence forbids the use."""


class DependencyError(Amb3rError):
    """An optional package is not installed; the message holds the command that installs it."""


class ResourceError(Amb3rError):
    """Memory, disk space or a permission ran out; the message names the lever to pull."""


class AlignmentError(Amb3rError):
    """Two reconstructions or trajectories share too little to be brought together."""


class RegistrationError(Amb3rError):
    """Too few views could be placed in one scene."""


class FormatError(Amb3rError):
    """A file does not follow its format; the message names the file and the field."""
