"""`python -m amb3r_core.cli` is the `amb3r` command."""

from amb3r_core.cli.main import main

if __name__ == "__main__":
    main()
