"""A hub on this machine, as far as `huggingface_hub` asks for it: it keeps what is sent to it."""

import base64
import contextlib
import hashlib
import http.server
import json
import threading
import urllib.parse


class Hub:
    """What it has, and where it is.

    Attributes:
        repositories: files (content by place) by OWNER/NAME.
        private: names that answer as if they were not there.
        url: the address.
    """

    def __init__(self):
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.private: set[str] = set()
        self.refuses = False
        self.url = ""

    def commit(self, name):
        content = repr(sorted(self.repositories[name].items())).encode()
        return hashlib.sha1(content).hexdigest()


@contextlib.contextmanager
def serving():
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    hub: Hub

    def log_message(self, *arguments):
        pass

    def _answer(self, status, content=b"", headers=()):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _json(self, content, status=200):
        self._answer(status, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _missing(self, code):
        self._answer(404, headers={"X-Error-Code": code, "X-Error-Message": code})

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        parts = urllib.parse.unquote(self.path).partition("?")[0].strip("/").split("/")
        name = "/".join(parts[:2])
        if len(parts) < 5 or parts[2] != "resolve":
            return self._missing("RepoNotFound")
        if name not in self.hub.repositories or name in self.hub.private:
            return self._missing("RepoNotFound")
        commit = self.hub.commit(name)
        if parts[3] not in ("main", commit):
            return self._missing("RevisionNotFound")
        content = self.hub.repositories[name].get("/".join(parts[4:]))
        if content is None:
            return self._missing("EntryNotFound")
        tag = hashlib.sha256(content).hexdigest()
        return self._answer(200, content, {"X-Repo-Commit": commit, "ETag": f'"{tag}"'})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        parts = urllib.parse.unquote(self.path).partition("?")[0].strip("/").split("/")
        if self.hub.refuses:
            return self._json({"error": "forbidden"}, 403)
        if parts == ["api", "repos", "create"]:
            asked = json.loads(body)
            name = "/".join(filter(None, (asked.get("organization"), asked["name"])))
            self.hub.repositories.setdefault(name, {})
            return self._json({"url": f"{self.hub.url}/{name}"})
        if parts == ["api", "validate-yaml"]:
            return self._json({"errors": [], "warnings": []})
        name = "/".join(parts[2:4])
        if parts[4] == "preupload":
            files = json.loads(body)["files"]
            plain = {"uploadMode": "regular", "shouldIgnore": False}
            return self._json({"files": [{"path": each["path"]} | plain for each in files]})
        for line in body.splitlines():
            entry = json.loads(line)
            if entry["key"] == "file":
                value = entry["value"]
                content = base64.b64decode(value["content"])
                self.hub.repositories[name][value["path"]] = content
        commit = self.hub.commit(name)
        url = f"{self.hub.url}/{name}/commit/{commit}"
        return self._json({"commitUrl": url, "commitOid": commit})
