"""A small terminal: what a person sees after a program has written to it, at any width."""

import re

TOKEN = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\r\n]|[^\x1b\r\n]")


class Screen:
    """Keeps lines without an end; the rows of a line that is wrapped belong together, as in terminals that reflow.

    Args:
        columns: The width.
    """

    def __init__(self, columns):
        self.columns = columns
        self.lines, self.row, self.column = [""], 0, 0
        self.escapes = []

    def feed(self, text):
        for token in TOKEN.findall(text):
            if token == "\r":
                # To the start of the row, which is that of the line unless the line is wrapped.
                self.column -= self.column % self.columns if self.column != len(self.lines[self.row]) else (
                    max(self.column - 1, 0) % self.columns + 1 if self.column else 0
                )
            elif token == "\n":
                self.row, self.column = self.row + 1, 0
                if self.row == len(self.lines):
                    self.lines.append("")
            elif token.startswith("\x1b"):
                self._escape(token)
            else:
                line = self.lines[self.row].ljust(self.column)
                self.lines[self.row] = line[: self.column] + token + line[self.column + 1 :]
                self.column += 1
        return self

    def _escape(self, token):
        self.escapes.append(token)
        if token.endswith(("J", "K")):
            self.lines[self.row] = self.lines[self.row][: self.column]
        if token.endswith("J"):
            del self.lines[self.row + 1 :]

    @property
    def rows(self):
        """The rows as they are seen, without empty ones at the end."""
        rows = []
        for line in self.lines:
            rows += [line[at : at + self.columns].rstrip() for at in range(0, max(len(line), 1), self.columns)]
        while rows and not rows[-1]:
            rows.pop()
        return rows
