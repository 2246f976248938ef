"""What a vendor has taken, in a SQLite file that any process can count."""

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Orders:
    """Every order that was taken, and so is billed, in its order."""

    file: Path

    def add(self, request: Any) -> None:
        with closing(self._open()) as taken:
            taken.execute("INSERT INTO taken (request) VALUES (?)", (json.dumps(request),))

    @property
    def all(self) -> list[Any]:
        with closing(self._open()) as taken:
            return [json.loads(request) for (request,) in taken.execute("SELECT request FROM taken ORDER BY id")]

    def _open(self) -> sqlite3.Connection:
        taken = sqlite3.connect(self.file, timeout=30, isolation_level=None)
        taken.execute("CREATE TABLE IF NOT EXISTS taken (id INTEGER PRIMARY KEY, request TEXT)")
        return taken
