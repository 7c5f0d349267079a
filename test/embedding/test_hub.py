"""Hub models and hub failures, against a small web server on this machine that speaks the hub's language."""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from novic_ros.embedding import load

# In another process, as the hub client reads its address once, when it is imported.
CODE = """
import json, sys, warnings
import numpy as np
from novic_ros.embedding import EmbeddingError, load

results = {}
for spec in sys.argv[1:]:
    try:
        embedder = load(spec, device="cpu")
        vectors = embedder.embed_images([np.full((40, 50, 3), 90, np.uint8)]).vectors
        texts = embedder.embed_texts(["bird feeder"])
        results[spec] = [embedder.width, *vectors.shape, vectors[0].tolist(), texts[0].tolist()]
    except EmbeddingError as error:
        results[spec] = str(error)
print(json.dumps(results))
"""


class FakeHub(BaseHTTPRequestHandler):
    """Serves /ORG/NAME/resolve/REVISION/FILE from folders; unknown models and files answer as the hub does."""

    models: dict = {}

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, body):
        parts = self.path.split("?")[0].strip("/").split("/")
        name, file = "/".join(parts[:2]), parts[-1]
        if "resolve" not in parts or name not in self.models:
            return self.refuse(401 if name not in self.models else 404, "RepoNotFound")
        if self.models[name] is None:
            return self.refuse(403, "GatedRepo")
        path = self.models[name] / file
        if not path.is_file():
            return self.refuse(404, "EntryNotFound")
        data = path.read_bytes()
        self.send_response(200)
        for key, value in {
            "ETag": f'"{file}-{len(data)}"',
            "X-Repo-Commit": "0" * 40,
            "Content-Length": len(data),
        }.items():
            self.send_header(key, str(value))
        self.end_headers()
        if body:
            self.wfile.write(data)

    def refuse(self, status, code):
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


def run(specs, home, **environment):
    """Load specs in another process; what each gave, and all that was printed to stderr."""
    environment = {**os.environ, "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1", **environment}
    for name in (
        "HF_HUB_CACHE",
        "HF_TOKEN",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "http_proxy",
        "https_proxy",
        "ALL_PROXY",
    ):
        environment.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-c", CODE, *specs],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


@pytest.fixture
def hub(clip_folder, tmp_path):
    """Address of a hub with one good model, one without a configuration, one without weights and one behind terms."""
    bare, weightless = tmp_path / "bare", tmp_path / "weightless"
    bare.mkdir()
    weightless.mkdir()
    (weightless / "open_clip_config.json").write_bytes((clip_folder / "open_clip_config.json").read_bytes())
    FakeHub.models = {
        "tiny/clip": clip_folder,
        "tiny/bare": bare,
        "tiny/weightless": weightless,
        "tiny/gated": None,
    }
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeHub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_hub_models(hub, clip_folder, tmp_path):
    names = ["tiny/clip", "tiny/absent", "tiny/bare", "tiny/weightless", "tiny/gated"]
    specs = [f"openclip:{name}" for name in names]
    results, noise = run(specs, tmp_path / "home", HF_ENDPOINT=hub)
    width, *shape, vector, text = results["openclip:tiny/clip"]
    assert (width, shape) == (24, [1, 24])
    assert noise == ""
    local = load(f"local:{clip_folder}", device="cpu")
    assert local.embed_images([np.full((40, 50, 3), 90, np.uint8)]).vectors[0].tolist() == pytest.approx(
        vector, abs=1e-5
    )
    assert local.embed_texts(["bird feeder"])[0].tolist() == pytest.approx(text, abs=1e-5)
    assert "the hub has no public model tiny/absent" in results["openclip:tiny/absent"]
    assert "tiny/bare has no open_clip_config.json" in results["openclip:tiny/bare"]
    assert "cannot load the model described by tiny/weightless" in results["openclip:tiny/weightless"]
    assert "tiny/gated has terms to accept" in results["openclip:tiny/gated"]
    assert all("\n" not in results[spec] for spec in specs[1:])

    again, _ = run(specs[:1], tmp_path / "home", HF_ENDPOINT=hub, HF_HUB_OFFLINE="1")
    assert again["openclip:tiny/clip"][0] == 24  # from the cache, without a word to the hub


@pytest.mark.parametrize(
    "environment",
    [{"HF_ENDPOINT": "http://127.0.0.1:9"}, {"HF_HUB_OFFLINE": "1"}],
    ids=["refused", "offline"],
)
def test_unreachable_hub(environment, tmp_path):
    results, noise = run(["openclip:tiny/clip"], tmp_path, **environment)
    message = results["openclip:tiny/clip"]
    assert message.startswith("the hub cannot be reached (") and "\n" not in message
    assert "tiny/clip is not in its local cache" in message and "local:DIR" in message
    assert noise == ""
