"""The process and its machine: signals, atomic writes, cores, memory, optional packages, garbage collection."""
