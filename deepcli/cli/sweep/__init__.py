"""`deepcli sweep`: each command of it in a file of its own."""
