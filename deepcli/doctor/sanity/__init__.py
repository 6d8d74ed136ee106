"""Whether a spec can learn at all: cheap checks that find the commonest silent faults before a long run."""
