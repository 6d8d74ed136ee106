"""Run `python -m deepcli`."""

from deepcli.cli import script

if __name__ == "__main__":
    script()
