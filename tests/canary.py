"""A secret that must be seen nowhere, and the looking for it: in files, on screens, in what was printed,
plain and in base64 at each of the three places where it may begin."""

from __future__ import annotations

import base64
from pathlib import Path

CANARY = "sk-CANARY0123456789abcdefABCDEF"


def forms_of(secret: str = CANARY) -> list[bytes]:
    """How `secret` may stand in a file: as it is; and in base64 behind 0, 1 or 2 other bytes, without
    the signs that the bytes around it have a part in."""
    forms = [secret.encode()]
    for shift, start in enumerate((0, 2, 3)):
        whole = b"\0" * shift + secret.encode()
        forms.append(base64.b64encode(whole[: len(whole) // 3 * 3])[start:])
    return forms


def assert_nowhere(*places: Path | bytes | str, secret: str = CANARY) -> None:
    """`secret` is in none of these: folders with all that is below, files, texts."""
    for place in places:
        if isinstance(place, Path):
            files = [place] if place.is_file() else sorted(place.rglob("*"))
            contents = [(str(file), file.read_bytes()) for file in files if file.is_file()]
        else:
            contents = [("a text", place.encode() if isinstance(place, str) else place)]
        for name, content in contents:
            for form in forms_of(secret):
                assert form not in content, (name, form)
