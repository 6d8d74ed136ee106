"""A small terminal: what a person sees after a program has written to it, at any width."""

import re

TOKEN = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\r\n]|[^\x1b\r\n]")


class Screen:
    """Keeps whole lines, and wraps them when it is looked at, as terminals do that wrap anew when the window changes.

    Args:
        columns: The width of the window; it may be changed.
    """

    def __init__(self, columns):
        self.columns = columns
        self.lines, self.row, self.column = [""], 0, 0
        self.wraps = True
        self.escapes = []

    def feed(self, text):
        for token in TOKEN.findall(text):
            if token == "\r":
                self.column = self._row_in_line() * self.columns
            elif token == "\n":
                self.row, self.column = self.row + 1, 0
                if self.row == len(self.lines):
                    self.lines.append("")
            elif token.startswith("\x1b"):
                self._escape(token)
            elif self.wraps or self.column < self.columns:
                line = self.lines[self.row].ljust(self.column)
                self.lines[self.row] = line[: self.column] + token + line[self.column + 1 :]
                self.column += 1
        return self

    def _row_in_line(self):
        """The row of a wrapped line that the cursor is in; after its last column it is still in that row."""
        return max(self.column - (self.column == len(self.lines[self.row])), 0) // self.columns

    def _escape(self, token):
        self.escapes.append(token)
        if token in ("\x1b[?7l", "\x1b[?7h"):
            self.wraps = token.endswith("h")
        if token.endswith("A"):  # up; rows and lines are the same where nothing wraps
            self.row = max(self.row - int(token[2:-1]), 0)
        line = self.lines[self.row]
        if token.endswith("J"):  # to the end of the screen
            self.lines[self.row :] = [line[: self.column]]
        elif token.endswith("K"):  # to the end of the row
            end = (self.column // self.columns + 1) * self.columns
            self.lines[self.row] = line[: self.column] + " " * len(line[self.column : end]) + line[end:]

    @property
    def rows(self):
        """The rows as they are seen, without empty ones at the end."""
        rows = []
        for line in self.lines:
            rows += [line[at : at + self.columns].rstrip() for at in range(0, max(len(line), 1), self.columns)]
        while rows and not rows[-1]:
            rows.pop()
        return rows
