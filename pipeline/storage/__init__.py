"""Files and folders: where they belong, written whole or not at all, hashed, locked."""

from pipeline.storage.atomic import csv_text, new_file, new_folder, write_bytes, write_json, write_text
from pipeline.storage.digest import code_digest, digest, folder_digest, sha256
from pipeline.storage.errors import PipelineError
from pipeline.storage.lock import FolderLock, LockError
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
    "folder_digest",
    "new_file",
    "new_folder",
    "root",
    "sha256",
    "write_bytes",
    "write_json",
    "write_text",
]
