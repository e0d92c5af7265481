"""Remove passwords and tokens from everything that is recorded."""

import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

REDACTED = "[redacted]"
_NAME = (
    r"(?:\w*pass(?:word|wd|phrase)|secret|(?:access|api|auth|refresh)?token|credentials?|"
    r"(?:api|access|account|private|auth|kaggle|secret)_?key|client_?secret)"
)
_SECRET_NAME = re.compile(rf"(?:^|_|-|\.){_NAME}(?:$|_|-|\d)", re.IGNORECASE)
_NO_SECRET = re.compile(r"_(?:FILE|PATH|DIR|URL|HOST)$", re.IGNORECASE)
_LITERAL = r"""[rbfu]{0,2}(?:\"{3}.+?\"{3}|'{3}.+?'{3}|"[^"\n]{4,}"|'[^'\n]{4,}')"""
_BARE = r"""(?=[^\s"'(]*[a-z])(?=[^\s"'(]*\d)[^\s"'(),;\[\].]{6,}+(?![\w(\[.])"""
_PATTERNS = (
    # An address with a password, or with a token in place of the user name.
    (re.compile(r"(?<=://)([^\s:/@]*):[^\s/]+(?=@)"), rf"\1:{REDACTED}"),
    (re.compile(r"(?<=://)[^\s:/@]{16,}(?=@)"), REDACTED),
    # name = "value", name: str = 'value', environ["NAME"] = "value", "name": "value", with any text as the value
    (
        re.compile(rf"((?:\b|[_-]){_NAME}(?:_\w+)?[\"']?\]?(?:\s*:\s*\w+)?\s*[:=]\s*){_LITERAL}", re.I | re.S),
        rf"\1{REDACTED}",
    ),
    # NAME=value, name: value, with letters and digits; a call, an attribute or a number is not a secret
    (re.compile(rf"((?:\b|[_-]){_NAME}\s*[:=]\s*){_BARE}", re.IGNORECASE), rf"\1{REDACTED}"),
    (re.compile(r"([?&]sig=)[^\s&]+", re.IGNORECASE), rf"\1{REDACTED}"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), REDACTED),
    # Tokens with a known prefix: of code hosts, clouds, chats and model hubs; web tokens.
    (
        re.compile(
            r"\b(?:(?:gh[pousr]_|hf_|KGAT_|dapi|AIza)(?=\w*\d)[A-Za-z0-9]{20,}|"
            r"(?:github_pat_|glpat-|xox[abp]-|sk-)(?=[\w-]*\d)[\w-]{20,}|AKIA[0-9A-Z]{16}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*)"
        ),
        REDACTED,
    ),
    (re.compile(r"(\bauthorization:\s*(?:basic|bearer)\s+)\S+", re.IGNORECASE), rf"\1{REDACTED}"),
)
KAGGLE = (Path("~/.kaggle/kaggle.json"), Path("~/.kaggle/access_token"))


def redacted(content: Any) -> Any:
    """Return text, or the texts in mappings and sequences, without known secrets and what looks like a secret.

    Known secrets are the values of environment variables with a name such as PASSWORD, and Kaggle's token.
    """
    if isinstance(content, str):
        for known in known_secrets():
            content = known.sub(REDACTED, content)
        for pattern, replacement in _PATTERNS:
            content = pattern.sub(replacement, content)
        return content
    if isinstance(content, Mapping):
        return {
            name: REDACTED if isinstance(value, str) and _SECRET_NAME.search(name) and value else redacted(value)
            for name, value in content.items()
        }
    if isinstance(content, list | tuple):
        return [redacted(item) for item in content]
    return content


@cache
def known_secrets() -> tuple[re.Pattern[str], ...]:
    """Return patterns of the secrets in this process' environment and in Kaggle's files."""
    secrets = {value for name, value in os.environ.items() if _SECRET_NAME.search(name) and not _NO_SECRET.search(name)}
    for path in KAGGLE:
        try:
            text = path.expanduser().read_text(encoding="utf-8")
        except (OSError, RuntimeError):
            continue
        secrets |= set(re.findall(r'"key"\s*:\s*"([^"]+)"', text)) or {text.strip()}
    # Longest first, as a secret may contain another one. Whole words only, as a short secret may be part of other
    # words.
    kept = sorted((secret for secret in secrets if _is_distinctive(secret)), key=len, reverse=True)
    return tuple(re.compile(rf"(?<!\w){re.escape(secret)}(?!\w)") for secret in kept)


def _is_distinctive(value: str) -> bool:
    # Words ("postgres", "password") occur everywhere; a path or a number is not a secret.
    is_word = value.isalpha() and len(value) < 12
    return len(value) >= 8 and not is_word and not value.isdigit() and not Path(value).exists()
