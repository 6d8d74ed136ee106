"""Where the workers of a sweep run: on this machine, on Ray, or as jobs of SLURM."""
