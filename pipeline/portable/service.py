"""Serve a bundle over HTTP: `python -m portable.service FOLDER`, in the folder of the bundle or of the project.

`POST /predict` takes `{"rows": […]}`, `{"sentences": […]}`, `{"prompts": […]}` or `{"points": […]}`, depending on the
family, and returns `{"predictions": […], "warnings": […]}`. `GET /` says what the network takes, with an example. A
request that cannot be answered gets status 400 and `{"error": "…"}`.
"""

# Annotations are not postponed here: FastAPI reads those of the functions within `application`.
import argparse
import json
import socket
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

from .bundle import ABOUT, load
from .errors import BundleError

LARGEST_BODY = 20 * 2**20
"""Largest body of a request in bytes."""
EXAMPLE = "example.json"


class Service:
    """Answers requests with the network of a bundle.

    Args:
        folder: The bundle.
        name: What the model is called, for the page that describes it.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._reader, self._lock = load(folder), threading.Lock()
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        self.about: dict[str, Any] = {"model": name, "task": about["task"], **self._reader.describe()}
        example = folder / EXAMPLE
        if example.is_file():
            inputs = json.loads(example.read_text(encoding="utf-8"))["input"]
            # The example of a text is one prompt.
            self.about["example"] = {self._reader.field: inputs if isinstance(inputs, list) else [inputs]}

    def answer(self, body: bytes) -> dict[str, Any]:
        """Return the predictions for the body of a request, and warnings about it.

        Raises:
            BundleError: The body is not JSON, or not what the network takes.
        """
        if len(body) > LARGEST_BODY:
            raise BundleError(
                f"the body has {len(body):,} bytes; at most {LARGEST_BODY:,} are accepted; send less at once"
            )
        try:
            request = json.loads(body, parse_constant=_refused)
        except (ValueError, RecursionError) as error:
            raise BundleError(f"the body is not JSON: {error}") from error
        # One at a time: the network uses all processors, and Python's warnings belong to the whole process.
        with self._lock, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                predictions = self._reader.answer(request)
            except BundleError:
                raise
            except (ValueError, TypeError, OverflowError) as error:
                raise BundleError(str(error)) from error
        return {"predictions": predictions, "warnings": [str(warning.message) for warning in caught]}


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is not a value of JSON; send null for an unknown value")


def application(service: Service) -> Any:
    """Return an ASGI application that answers with a service."""
    from fastapi import FastAPI, Request
    from fastapi.concurrency import run_in_threadpool
    from fastapi.responses import JSONResponse

    app = FastAPI(title=service.about["model"], description=f"Predictions of {service.about['model']}.")

    @app.get("/")
    async def describe() -> JSONResponse:
        """Say what the network takes and returns, with an example."""
        return JSONResponse(service.about)

    @app.get("/health")
    async def health() -> JSONResponse:
        """Say that the service is up."""
        return JSONResponse({"status": "ok"})

    async def refuse(request: Request, error: Exception) -> JSONResponse:
        """Answer a wrong path or method like any other bad request: with one sentence."""
        wrong = f"{request.method} {request.url.path} is not answered; POST /predict, or see /docs"
        return JSONResponse({"error": wrong}, status_code=getattr(error, "status_code", 404))

    for status in (404, 405):
        app.add_exception_handler(status, refuse)

    async def predict(request: Request) -> JSONResponse:
        """Predict for a list of inputs."""
        try:
            body = await _body(request)
            return JSONResponse(await run_in_threadpool(service.answer, body))
        except BundleError as error:
            return JSONResponse({"error": str(error)}, status_code=400)

    example = {"requestBody": {"content": {"application/json": {"example": service.about.get("example", {})}}}}
    app.add_api_route("/predict", predict, methods=["POST"], openapi_extra=example, response_model=None)
    return app


async def _body(request: Any) -> bytes:
    """Return the body of a request, without reading much more than is accepted."""
    parts, size = [], 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > LARGEST_BODY:
            break
    return b"".join(parts)


def serve(folder: Path, name: str, host: str, port: int) -> None:
    """Answer requests until the process is interrupted.

    Raises:
        BundleError: The bundle cannot be loaded, or a package is missing.
    """
    try:
        import uvicorn

        app = application(Service(folder, name))
    except ImportError as error:
        raise BundleError(
            f"serving needs {error.name}, which is not installed; run `pip install fastapi uvicorn`"
        ) from error
    # Bound here, so that a port that is taken is reported before anything is announced.
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except (OSError, OverflowError) as error:
            raise BundleError(f"{host}:{port}: {error}; choose another --port") from error
        print(f"serving {name} on http://{host}:{port}; POST /predict, or see /docs", flush=True)
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run([listening])


def main() -> None:
    """Parse the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m portable.service", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", default=Path(), help="the bundle; default: the current folder")
    parser.add_argument(
        "--host", default="127.0.0.1", help="default: 127.0.0.1, this machine only; 0.0.0.0: all machines"
    )
    parser.add_argument("--port", type=int, default=8000, help="default: 8000")
    given = parser.parse_args()
    try:
        serve(given.folder, given.folder.resolve().name, given.host, given.port)
    except (BundleError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
