"""The Python API: what a command, a notebook or a program calls. `import deepcli` offers its public names."""
