"""Tables as people bring them: what reads files, finds the types of columns, and reads targets. Imports nothing heavy."""
