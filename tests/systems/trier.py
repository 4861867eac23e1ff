"""A worker that tries each job three times, and then puts it aside."""

import argparse
import json
import time

import life
from resp import Redis

TRIES = 3


def say(log, line):
    with open(log, "a") as file:
        file.write(line + "\n")


def work(redis, log, variant):
    while redis.call("LMOVE", "held", "jobs", "RIGHT", "LEFT") is not None:
        pass
    while True:
        job = redis.call("BLMOVE", "jobs", "held", "LEFT", "RIGHT", 1)
        if job is None:
            continue
        for tried in range(TRIES):
            try:
                redis.call("RPUSH", "results", json.loads(job)["id"])
                break
            except ValueError as error:
                say(log, f"ERROR in try {tried + 1} of {TRIES}: {error}")
                time.sleep(0.02)
        else:
            if variant != "drops-poison":
                redis.call("RPUSH", "dead", job)
            say(log, "GIVEN UP")
        redis.call("LREM", "held", 1, job)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--redis", type=int, required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--wanted-by", type=int, required=True)
    parser.add_argument("--variant", default="correct")
    asked = parser.parse_args()
    say(asked.log, "ready")
    life.begin(None, asked.wanted_by)
    while True:
        try:
            work(Redis(asked.redis, "trier"), asked.log, asked.variant)
        except OSError:
            time.sleep(0.1)


main()
