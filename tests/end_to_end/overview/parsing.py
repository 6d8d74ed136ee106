"""What an overview page shows, and what it is made of."""

from html.parser import HTMLParser
from pathlib import Path


class Overview(HTMLParser):
    """The tables of a page, its text, its tags, and the content of its scripts."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.script = "", ""
        self.tables: list[list[list[dict[str, str | None]]]] = []
        self._cell: dict[str, str | None] | None = None
        self._in = ""
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._in = tag
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self._cell = {"text": "", **dict(attrs)}
            self.tables[-1][-1].append(self._cell)

    def handle_endtag(self, tag):
        self._in = ""
        if tag in ("td", "th"):
            self._cell = None

    def handle_data(self, data):
        if self._in == "script":
            self.script += data
        elif self._in != "style":
            self.text += data
            if self._cell is not None:
                self._cell["text"] = (self._cell["text"] or "") + data

    def column(self, name, table=-1):
        """The cells of a column of a table, by the beginning of its heading."""
        head, *rows = self.tables[table]
        place = next(place for place, cell in enumerate(head) if cell["text"].startswith(name))
        return [row[place] for row in rows]

    def texts(self, name, table=-1):
        return [cell["text"] for cell in self.column(name, table)]

    def heads(self, table=-1):
        return [cell["text"] for cell in self.tables[table][0]]
