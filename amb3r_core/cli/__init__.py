"""The `amb3r` command: arguments to options, options to the core, results to the screen.

Plugins' own commands import `host`; nothing else imports it.
"""
