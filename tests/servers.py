"""A real MLflow server that can be stopped and frozen, and what may stand between it and a training."""

import http.client
import http.server
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_for(address: str, seconds: float = 90) -> None:
    """Wait until a server answers."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(address, timeout=5):  # noqa: S310
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(f"{address}: the server did not start")


class Server:
    """`mlflow server` with a database and artifacts of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, on the same port and with the same database each time; wait until it answers."""
        command = [
            *(sys.executable, "-m", "mlflow", "server"),
            *("--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"),
            *("--backend-store-uri", f"sqlite:///{self.folder / 'server.db'}"),
            *("--artifacts-destination", str(self.folder / "artifacts")),
        ]
        environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        self._process = subprocess.Popen(
            command, env=environment, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for(f"{self.uri}/health")

    def signal(self, number: int) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, number)

    def stop(self) -> None:
        if self._process is not None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def runs(self) -> list[Run]:
        client = MlflowClient(self.uri)
        found = client.get_experiment_by_name("tiny")
        return list(client.search_runs([found.experiment_id])) if found else []

    def history(self, run: Run, metric: str) -> list[tuple[int, float]]:
        points = MlflowClient(self.uri).get_metric_history(run.info.run_id, metric)
        return sorted((point.step, point.value) for point in points)


class Between:
    """Hands requests on to a server: at once, late, or answers 500 itself."""

    def __init__(self, server: Server) -> None:
        self.seconds, self.fails = 0.0, False
        self.failed = self.late = 0
        between = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if between.fails:
                    between.failed += 1
                    self.answer(500, b'{"error_code": "INTERNAL_ERROR", "message": "planted"}', "application/json")
                    return
                if between.seconds:
                    between.late += 1
                    time.sleep(between.seconds)
                there = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
                there.request(self.command, self.path, body, dict(self.headers))
                reply = there.getresponse()
                self.answer(reply.status, reply.read(), reply.headers.get("Content-Type", "text/plain"))
                there.close()

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815

            def answer(self, status: int, content: bytes, kind: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_arguments: object) -> None:
                return

        self._listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._listening.daemon_threads = True
        self.uri = f"http://127.0.0.1:{self._listening.server_address[1]}"
        threading.Thread(target=self._listening.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._listening.shutdown()
        self._listening.server_close()


def clear(folder: Path, *names: str) -> None:
    """Remove what a training left in a copy of the project."""
    for name in names:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
