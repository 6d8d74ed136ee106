"""When something in data is worth telling, each limit with its reason."""

FEW_OF_CLASS = 5
"""Fewer examples of a class than this: it cannot have one in each split and still be learned."""
IMBALANCE = 10.0
"""A class this many times as frequent as another: accuracy says little about the rare one."""
CONSTANT_SPLIT = 2
"""Different targets that a split needs at least: with one, every score of it is meaningless."""
MUCH_MISSING = 0.5
"""Share of missing values from which a column says more about who filled it in than about the thing itself."""
CUT_TEXTS = 0.1
"""Share of training texts that `maxlen` cuts from which what is cut may matter to the result."""
UNKNOWN_WORDS = 0.2
"""Share of unknown words in held-out texts from which a model misses one word in five of what it is tested on."""
FAR_SIZE = 4.0
"""A side this many times the median side, or as many times smaller: such a picture was often not taken like the others."""
HELD_OUT = 50
"""Held-out rows below which a column that predicts all of them may do so by chance."""
HARD_ROWS = 10
"""Held-out rows that the most frequent class gets wrong, below which a column cannot show that it knows more."""
GIVEN_AWAY = 0.98
"""Share of those rows that one column alone gets right from which it is more likely made from the target than a clue."""
STRONG = 0.9
"""The same share from which one column alone does nearly all the work, which may be so."""
GIVEN_AWAY_FIT = 0.99
"""R² of one column alone, on held-out rows, from which it is more likely made from the target than a clue."""
STRONG_FIT = 0.95
"""R² of one column alone, on held-out rows, from which it does nearly all the work."""
REPEATED = 0.05
"""Share of equal examples from which data are likely to be collected twice, or to have few different inputs."""
KEPT_PLACES = 1_000
"""Places that a problem keeps, so that a problem of all examples stays readable; its text has the number."""
SHOWN_PLACES = 3
"""Places that the text of a problem names: enough to look at, and short."""
EXAMPLES = 5
"""Examples that are shown."""
