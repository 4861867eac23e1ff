"""Two versions of a service behind a balancer, all in one process: half of the requests
are answered by the new version, and each answer says by which it was.

Variants of the new version: errors (3 % of its requests fail), slower (its times are a
fifth longer), slow-tail (8 % of them are 20 ms longer), one-caller (it always fails for
one caller of twenty), wrong-split (it gets three requests of four). Of noisy both
versions are slower at the same times, which is nobody's fault.
"""

import argparse
import itertools
import random
import threading
import time
from http.server import BaseHTTPRequestHandler

import life
import web

CALLERS = 20


class Balancer:
    def __init__(self, variant):
        self.variant = variant
        self.lock = threading.Lock()
        self.turns = itertools.count()
        self.random = random.Random(7)

    def answer(self, caller):
        """The version, the status and how long it takes in seconds."""
        with self.lock:
            turn, luck, spread = next(self.turns), self.random.random(), self.random.gauss(0, 1)
        is_canary = turn % 4 != 0 if self.variant == "wrong-split" else turn % 2 == 0
        takes, status = 0.003 * 2.718281828 ** (0.1 * spread), 200
        if self.variant == "noisy" and time.time() % 5 < 1.5:
            takes *= 2.5
        if is_canary:
            if self.variant == "errors" and luck < 0.03:
                status = 500
            if self.variant == "one-caller" and caller == 7:
                status = 500
            if self.variant == "slower":
                takes *= 1.2
            if self.variant == "slow-tail" and luck < 0.08:
                takes += 0.020
        return ("canary" if is_canary else "stable"), status, takes


def serve(port, balancer):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self):
            began = time.monotonic()
            caller = int(self.headers.get("x-caller", 0)) % CALLERS
            version, status, takes = balancer.answer(caller)
            time.sleep(max(0.0, takes - (time.monotonic() - began)))
            self.send_response(status)
            self.send_header("x-version", version)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    web.listen(port, Handler)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--pid-file", required=True)
    parser.add_argument("--wanted-by", type=int, required=True)
    parser.add_argument("--variant", default="correct")
    asked = parser.parse_args()
    life.begin(asked.pid_file, asked.wanted_by)
    serve(asked.port, Balancer(asked.variant))


main()
