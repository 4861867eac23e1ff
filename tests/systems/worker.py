"""A worker: takes jobs from a list of Redis, one at a time, and writes each result
once. What it holds when it dies, it finds again when it is started again."""

import argparse
import time

import life
from resp import Redis

DONE = """if redis.call('SADD', KEYS[1], ARGV[1]) == 1 then
  redis.call('RPUSH', KEYS[2], ARGV[1]) end
redis.call('LREM', KEYS[3], 1, ARGV[1]) return 1"""


def work(redis, number, variant, effort):
    holds = f"jobs:held:{number}"
    while redis.call("LMOVE", holds, "jobs", "RIGHT", "LEFT") is not None:
        pass
    while True:
        if variant == "forgets":
            popped = redis.call("BLPOP", "jobs", 1)
            job = popped and popped[1]
        else:
            job = redis.call("BLMOVE", "jobs", holds, "LEFT", "RIGHT", 1)
        if job is None:
            continue
        if variant == "repeats":
            redis.call("RPUSH", "results", job)
            time.sleep(effort)
            redis.call("LREM", holds, 1, job)
        else:
            time.sleep(effort)
            redis.call("EVAL", DONE, 3, "results:seen", "results", holds, job)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--number", type=int, required=True)
    parser.add_argument("--redis", type=int, required=True)
    parser.add_argument("--wanted-by", type=int, required=True)
    parser.add_argument("--variant", default="correct")
    parser.add_argument("--effort", type=float, default=0.05)
    asked = parser.parse_args()
    life.begin(None, asked.wanted_by)
    while True:
        try:
            work(Redis(asked.redis, "worker"), asked.number, asked.variant, asked.effort)
        except OSError:
            time.sleep(0.1)


main()
