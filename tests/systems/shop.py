"""A shop: takes orders over HTTP and writes each once into a stream of Redis. Its
pool opens connections only when they are needed, and closes idle ones."""

import argparse
import json
import threading
import time

import life
import web
from resp import Redis

IDLE = 1.0
PATIENCE = 3.0
ONCE = """if redis.call('SADD', KEYS[1], ARGV[1]) == 1 then
  redis.call('XADD', KEYS[2], '*', 'order', ARGV[2]) end return 1"""


class Pool:
    def __init__(self, port, leaks):
        self.port, self.leaks = port, leaks
        self.lock, self.idle, self.taken = threading.Lock(), [], 0

    def take(self):
        with self.lock:
            self.taken += 1
            old = time.monotonic() - IDLE
            while self.idle and self.idle[0][1] < old:
                self.idle.pop(0)[0].close()
            if self.idle:
                return self.idle.pop()[0]
        return Redis(self.port, "shop")

    def give(self, connection):
        with self.lock:
            if self.leaks and self.taken % 4 == 0:
                # Still open, and nobody will ever use it again.
                LEAKED.append(connection)
            else:
                self.idle.append((connection, time.monotonic()))


LEAKED = []


class Shop:
    def __init__(self, pool, variant):
        self.pool, self.variant = pool, variant
        self.waiting = []
        if variant == "answers-first":
            threading.Thread(target=self.catch_up, daemon=True).start()

    def take(self, order):
        if self.variant == "answers-first":
            self.waiting.append(order)
        else:
            self.store(order)

    def catch_up(self):
        while True:
            time.sleep(0.25)
            while self.waiting:
                self.store(self.waiting.pop(0))

    def store(self, order):
        """Writes an order; whatever a lost connection hid is done again."""
        until = time.monotonic() + PATIENCE
        while True:
            connection = None
            try:
                connection = self.pool.take()
                self.write(connection, order["id"], json.dumps(order))
                return self.pool.give(connection)
            except OSError:
                if connection:
                    connection.close()
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)

    def write(self, connection, identity, text):
        if self.variant == "no-dedupe":
            connection.call("XADD", "orders", "*", "order", text)
        else:
            connection.call("EVAL", ONCE, 2, "orders:seen", "orders", identity, text)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--redis", type=int, required=True)
    parser.add_argument("--pid-file", required=True)
    parser.add_argument("--wanted-by", type=int, required=True)
    parser.add_argument("--variant", default="correct")
    asked = parser.parse_args()
    life.begin(asked.pid_file, asked.wanted_by)
    shop = Shop(Pool(asked.redis, asked.variant == "leaks"), asked.variant)
    web.serve(asked.port, "/orders", shop.take)


main()
