"""POST with a JSON object, over HTTP/1.1."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def serve(port, path, store):
    """Answers POST to `path` with 202 when `store` has taken the object, and with
    503 when it raises an OSError; GET /health with 200."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self):
            self.answer(200 if self.path == "/health" else 404, {})

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                order = json.loads(body)
                order["id"]
            except (ValueError, KeyError, TypeError):
                return self.answer(400, {"error": "an object with an id is wanted"})
            if self.path != path:
                return self.answer(404, {})
            try:
                store(order)
            except OSError as error:
                return self.answer(503, {"error": str(error)})
            return self.answer(202, {"id": order["id"]})

        def answer(self, status, value):
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    listen(port, Handler)


def listen(port, handler):
    """Answers requests, each on a thread, for as long as the process lives."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

    Server(("127.0.0.1", port), handler).serve_forever()
