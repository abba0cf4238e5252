# SPDX-License-Identifier: GPL-3.0-or-later
"""AMB3R in Blender: photos or a video in, cameras that line up and a coloured cloud out.

The reconstruction runs in the `amb3r` command of the user's own environment, as a child process. This package holds the
importer, the tools and the panels; it is pure Python and needs nothing but Blender. Importing it does nothing: the modules
that need no `bpy` can be used and tested without Blender.
"""


def register() -> None:
    """Called by Blender when the extension is enabled."""
    from . import registration

    registration.register()


def unregister() -> None:
    """Called by Blender when the extension is disabled; ends a running job."""
    from . import registration

    registration.unregister()
