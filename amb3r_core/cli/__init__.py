"""The `amb3r` command: arguments to options, options to the core, results to the screen.

Nothing imports it.
"""
