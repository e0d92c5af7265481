"""Files and folders: where they belong, written whole or not at all, hashed, locked."""

from pipeline.storage.atomic import (
    csv_text,
    is_leftover,
    new_file,
    new_folder,
    private_file,
    private_folder,
    read_json,
    sync_file,
    write_bytes,
    write_json,
    write_text,
)
from pipeline.storage.digest import code_digest, digest, file_digests, folder_digest, sha256
from pipeline.storage.errors import PipelineError
from pipeline.storage.lock import FolderLock, LockError
from pipeline.storage.process import is_alive, this_process
from pipeline.storage.root import AUDIT, CONF, MODELS, PROCESSED, PROJECT, RAW, REPORTS, checkpoints, root

__all__ = [
    "AUDIT",
    "CONF",
    "MODELS",
    "PROCESSED",
    "PROJECT",
    "RAW",
    "REPORTS",
    "FolderLock",
    "LockError",
    "PipelineError",
    "checkpoints",
    "code_digest",
    "csv_text",
    "digest",
    "file_digests",
    "folder_digest",
    "is_alive",
    "is_leftover",
    "new_file",
    "new_folder",
    "private_file",
    "private_folder",
    "read_json",
    "root",
    "sha256",
    "sync_file",
    "this_process",
    "write_bytes",
    "write_json",
    "write_text",
]
