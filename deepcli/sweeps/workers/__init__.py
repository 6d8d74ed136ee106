"""The processes that train the trials of a sweep."""
