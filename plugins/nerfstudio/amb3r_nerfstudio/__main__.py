"""`python -m amb3r_nerfstudio process-data|check|to-metric ...`."""

import sys

from amb3r_nerfstudio import commands

COMMANDS = {"process-data": commands.process_data, "check": commands.check, "to-metric": commands.to_metric}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        sys.exit(f"usage: python -m amb3r_nerfstudio {{{','.join(COMMANDS)}}} ...")
    COMMANDS[sys.argv.pop(1)]()
