"""Run `python -m deepcli`."""

from deepcli.cli import main

if __name__ == "__main__":
    main()
