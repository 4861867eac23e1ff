"""Two versions of a service that say of themselves what they did, as Prometheus has it,
and somebody who sends both of them requests. What they are called is in the labels;
each listens on a port of its own.

Variants: errors (5 % of the new version's requests fail), slower (a fifth of them take
20 ms longer), restarts (the new version's process begins again every few seconds, and so
do its counters), idle (nobody sends anything), correct.
"""

import argparse
import http.client
import random
import threading
import time
from http.server import BaseHTTPRequestHandler

import life
import web

BOUNDS = [0.005, 0.01, 0.025, 0.1]


class Version:
    """What a version has counted since its process began."""

    def __init__(self, name, variant):
        self.name, self.variant = name, variant
        self.lock = threading.Lock()
        self.random = random.Random(name)
        self.begin()

    def begin(self):
        self.began = time.time()
        self.statuses = {}
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.sum = 0.0

    def answer(self):
        began = time.monotonic()
        status, takes = 200, 0.001
        with self.lock:
            luck = self.random.random()
        if self.name == "canary":
            if self.variant == "errors" and luck < 0.05:
                status = 500
            if self.variant == "slower" and luck < 0.2:
                takes = 0.020
        time.sleep(takes)
        took = time.monotonic() - began
        with self.lock:
            if self.variant == "restarts" and self.name == "canary" and time.time() - self.began > 7:
                self.begin()
            self.statuses[status] = self.statuses.get(status, 0) + 1
            self.sum += took
            place = next((at for at, bound in enumerate(BOUNDS) if took <= bound), len(BOUNDS))
            self.buckets[place] += 1
        return status

    def metrics(self):
        with self.lock:
            lines = ["# TYPE http_requests_total counter"]
            for status, count in self.statuses.items():
                lines.append(f'http_requests_total{{status="{status}"}} {count}')
            lines.append("# TYPE http_request_duration_seconds histogram")
            so_far = 0
            for bound, count in zip(BOUNDS + ["+Inf"], self.buckets):
                so_far += count
                lines.append(f'http_request_duration_seconds_bucket{{le="{bound}"}} {so_far}')
            lines.append(f"http_request_duration_seconds_sum {self.sum}")
            lines.append(f"http_request_duration_seconds_count {so_far}")
            lines.append("# TYPE process_start_time_seconds gauge")
            lines.append(f"process_start_time_seconds {self.began}")
        return "\n".join(lines) + "\n"


def serve(port, version):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self):
            body = b""
            if self.path == "/metrics":
                status, body = 200, version.metrics().encode()
            else:
                status = version.answer()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    web.listen(port, Handler)


def send(port, rate):
    """Requests at about this rate, one after another."""
    pause, due, connection = 1 / rate, time.monotonic(), None
    while True:
        try:
            connection = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/")
            connection.getresponse().read()
        except OSError:
            connection = None
        due = max(due + pause, time.monotonic() - 1)
        time.sleep(max(0.0, due - time.monotonic()))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--stable", type=int, required=True)
    parser.add_argument("--canary", type=int, required=True)
    parser.add_argument("--pid-file", default="")
    parser.add_argument("--wanted-by", type=int, required=True)
    parser.add_argument("--variant", default="correct")
    asked = parser.parse_args()
    life.begin(asked.pid_file, asked.wanted_by)
    for name, port in [("stable", asked.stable), ("canary", asked.canary)]:
        version = Version(name, asked.variant)
        threading.Thread(target=serve, args=(port, version), daemon=True).start()
        if asked.variant != "idle":
            for _ in range(2):
                threading.Thread(target=send, args=(port, 60), daemon=True).start()
    threading.Event().wait()


main()
