"""A ledger: takes entries over HTTP and keeps each once in a file of SQLite."""

import argparse
import sqlite3
import threading

import life
import web


class Ledger:
    def __init__(self, path, variant):
        self.lock, self.variant, self.uncommitted = threading.Lock(), variant, 0
        self.file = sqlite3.connect(path, timeout=10, check_same_thread=False)
        self.file.execute("pragma journal_mode = wal")
        once = "" if variant == "books-twice" else "unique"
        self.file.execute(
            f"create table if not exists entries (number integer primary key, id text {once}, account text)"
        )
        self.file.commit()

    def take(self, entry):
        with self.lock:
            try:
                self.file.execute(
                    "insert or ignore into entries (id, account) values (?, ?)",
                    (entry["id"], str(entry.get("account", ""))),
                )
                self.uncommitted += 1
                if self.variant != "commits-late" or self.uncommitted % 50 == 0:
                    self.file.commit()
            except sqlite3.Error as error:
                self.file.rollback()
                raise OSError(str(error)) from error


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--file", required=True)
    parser.add_argument("--pid-file", required=True)
    parser.add_argument("--wanted-by", type=int, required=True)
    parser.add_argument("--variant", default="correct")
    asked = parser.parse_args()
    life.begin(asked.pid_file, asked.wanted_by)
    web.serve(asked.port, "/entries", Ledger(asked.file, asked.variant).take)


main()
