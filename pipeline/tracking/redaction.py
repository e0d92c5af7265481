"""Passwords and tokens are taken out of everything that is recorded."""

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
    # A password, or a token in a name's place, in an address.
    (re.compile(r"(?<=://)([^\s:/@]*):[^\s/]+(?=@)"), rf"\1:{REDACTED}"),
    (re.compile(r"(?<=://)[^\s:/@]{16,}(?=@)"), REDACTED),
    # name = "value", name: str = 'value', environ["NAME"] = "value", "name": "value": any text
    (
        re.compile(rf"((?:\b|[_-]){_NAME}(?:_\w+)?[\"']?\]?(?:\s*:\s*\w+)?\s*[:=]\s*){_LITERAL}", re.I | re.S),
        rf"\1{REDACTED}",
    ),
    # NAME=value, name: value: letters and digits; a call, an attribute or a number is no secret
    (re.compile(rf"((?:\b|[_-]){_NAME}\s*[:=]\s*){_BARE}", re.IGNORECASE), rf"\1{REDACTED}"),
    (re.compile(r"([?&]sig=)[^\s&]+", re.IGNORECASE), rf"\1{REDACTED}"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), REDACTED),
    # Tokens that are known by how they begin: of code hosts, clouds, chats and model hubs; web tokens.
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
    """Return text, or texts within mappings and sequences, without the secrets that are known or look like one.

    Known are the values of environment variables whose names say so, and Kaggle's token.
    """
    if isinstance(content, str):
        for known in _known():
            content = known.sub(REDACTED, content)
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
def _known() -> tuple[re.Pattern[str], ...]:
    found = {value for name, value in os.environ.items() if _SECRET_NAME.search(name) and not _NO_SECRET.search(name)}
    for path in KAGGLE:
        try:
            text = path.expanduser().read_text(encoding="utf-8")
        except (OSError, RuntimeError):
            continue
        found |= set(re.findall(r'"key"\s*:\s*"([^"]+)"', text)) or {text.strip()}
    # Long ones first, as one may be a part of another. As whole words: a short one occurs within others.
    kept = sorted((each for each in found if _tells(each)), key=len, reverse=True)
    return tuple(re.compile(rf"(?<!\w){re.escape(each)}(?!\w)") for each in kept)


def _tells(value: str) -> bool:
    # Words ("postgres", "password") stand everywhere; a path or a number is none.
    is_word = value.isalpha() and len(value) < 12
    return len(value) >= 8 and not is_word and not value.isdigit() and not Path(value).exists()
