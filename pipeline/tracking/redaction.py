"""Passwords and tokens are taken out of everything that is recorded."""

import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

REDACTED = "[redacted]"
_NAME = r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|credentials?|api_?key|access_?key|private_?key|auth_?key)"
_SECRET_NAME = re.compile(rf"(?:^|_|-|\.){_NAME}(?:$|_|-|\d)", re.IGNORECASE)
_PATTERNS = (
    # the password within an address
    (re.compile(r"(?<=://)([^\s:/@]*):[^\s/@]+(?=@)"), rf"\1:{REDACTED}"),
    # name = "value", name: value, "name": "value", NAME=value; a call or another name is no secret
    (
        re.compile(
            rf"""(?ix)((?:\b|[_-]){_NAME}(?:_id)?["']?\s*[:=]\s*)
            (?:"(?!\[redacted\])[^"\n]{{4,}}"|'(?!\[redacted\])[^'\n]{{4,}}'|(?=[^\s"'(]*\d)[^\s"'(),;\[\]]{{6,}}(?![\w(\[]))"""
        ),
        rf"\1{REDACTED}",
    ),
    (
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
        REDACTED,
    ),
    # Tokens that are known by how they begin: of code hosts, clouds, chats and model hubs.
    (re.compile(r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[abp]-|sk-|hf_|AKIA|KGAT_)[A-Za-z0-9_-]{12,}"), REDACTED),
    (re.compile(r"(?i)(\bauthorization:\s*(?:basic|bearer)\s+)\S+"), rf"\1{REDACTED}"),
)
KAGGLE = (Path("~/.kaggle/kaggle.json"), Path("~/.kaggle/access_token"))


def redacted(content: Any) -> Any:
    """Return text, or texts within mappings and sequences, without the secrets that are known or look like one.

    Known are the values of environment variables whose names say so, and Kaggle's token.
    """
    if isinstance(content, str):
        for secret in _known():
            content = content.replace(secret, REDACTED)
        for pattern, instead in _PATTERNS:
            content = pattern.sub(instead, content)
        return content
    if isinstance(content, Mapping):
        return {
            name: REDACTED if isinstance(value, str) and _SECRET_NAME.search(name) and value else redacted(value)
            for name, value in content.items()
        }
    if isinstance(content, list | tuple):
        return [redacted(each) for each in content]
    return content


@cache
def _known() -> tuple[str, ...]:
    found = {value for name, value in os.environ.items() if _SECRET_NAME.search(name)}
    for path in KAGGLE:
        try:
            text = path.expanduser().read_text(encoding="utf-8")
        except (OSError, RuntimeError):
            continue
        found |= set(re.findall(r'"key"\s*:\s*"([^"]+)"', text)) or {text.strip()}
    # Short ones occur in ordinary words; long ones first, as one may be a part of another.
    return tuple(sorted((each for each in found if len(each) >= 8), key=len, reverse=True))
