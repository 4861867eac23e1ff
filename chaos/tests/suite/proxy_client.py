"""Drives a proxy by the PyPI package toxiproxy-python, as its users do.

usage: PYTHONPATH=… python3 proxy_client.py HOST:PORT
"""

import json
import socket
import sys
import threading
import time

from toxiproxy import Toxiproxy
from toxiproxy.api import APIConsumer
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

TOXICS = {
    "latency": {"latency": 300, "jitter": 0},
    "bandwidth": {"rate": 100},
    "slow_close": {"delay": 10},
    "timeout": {"timeout": 0},
    "reset_peer": {"timeout": 60000},
    "slicer": {"average_size": 10, "size_variation": 2, "delay": 10},
    "limit_data": {"bytes": 100000},
    "half_open": {"delay": 60000, "graceful": False},
    "partition": {},
}


def echo():
    """Starts a server that sends back what it gets; its address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def talk(peer):
        with peer:
            try:
                while data := peer.recv(4096):
                    peer.sendall(data)
            except OSError:
                pass

    def serve():
        while True:
            threading.Thread(target=talk, args=listener.accept()[:1], daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    return "127.0.0.1:%d" % listener.getsockname()[1]


def ping(address):
    """Sends a word and waits for it; how many seconds that took."""
    host, port = address.split(":")
    begun = time.monotonic()
    with socket.create_connection((host, int(port)), timeout=60) as peer:
        peer.sendall(b"ping")
        assert peer.recv(4) == b"ping"
    return time.monotonic() - begun


def refused(error, ask, *args, **kwargs):
    try:
        ask(*args, **kwargs)
    except error:
        return
    raise AssertionError("%s was not raised" % error)


def main():
    host, port = sys.argv[1].split(":")
    upstream = echo()
    server = Toxiproxy()
    server.update_api_consumer(host, int(port))
    assert server.running()
    assert json.loads(server.version())["version"].startswith("2.")

    proxy = server.create(upstream=upstream, name="python")
    assert proxy.enabled
    ping(proxy.listen)
    refused(ProxyExists, server.create, upstream=upstream, name="python")
    assert server.get_proxy("nobody") is None
    refused(NotFound, APIConsumer.get, "/proxies/nobody")

    for kind, attributes in TOXICS.items():
        proxy.add_toxic(type=kind, attributes=attributes)
        name = kind + "_downstream"
        toxic = proxy.get_toxic(name)
        assert (toxic.type, toxic.stream, toxic.toxicity) == (kind, "downstream", 1.0)
        assert toxic.attributes == attributes
        refused(ProxyExists, proxy.add_toxic, type=kind, attributes=attributes)
        if kind == "latency":
            assert ping(proxy.listen) >= 0.299
        # This client has no way of its own to change a toxic.
        path = "/proxies/python/toxics/" + name
        changed = APIConsumer.post(path, json={"toxicity": 0.5}).json()
        assert (changed["toxicity"], changed["attributes"]) == (0.5, attributes)
        assert proxy.destroy_toxic(name)
        assert proxy.toxics() == {}
    refused(InvalidToxic, proxy.add_toxic, type="nonsense")

    proxy.add_toxic(type="timeout", stream="upstream", attributes={"timeout": 0})
    with proxy.down():
        refused(OSError, ping, proxy.listen)
    proxy.disable()
    assert server.reset()
    again = server.get_proxy("python")
    assert again.enabled and again.listen == proxy.listen and again.toxics() == {}
    ping(proxy.listen)

    made = server.populate([
        {"name": "python", "listen": proxy.listen, "upstream": upstream},
        {"name": "python2", "listen": "127.0.0.1:0", "upstream": upstream},
    ])
    assert [one.name for one in made] == ["python2"]
    assert sorted(server.proxies()) == ["python", "python2"]
    ping(made[0].listen)
    server.destroy_all()
    assert server.proxies() == {}


main()
