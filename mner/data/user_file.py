"""Open a file that a user names: refuse what is no text file by kind and size, decode it, name its likely form."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from mner.base.files import REGULAR, RefusedFileError, regular_file
from mner.data.corpus import CorpusError

LARGEST = 64 * 1024 * 1024
"""Largest file that is read, in bytes; the largest public corpus file has 2.6 MB."""

AT_MOST = f"a file of at most {LARGEST // 2**20} MiB"
_SHOWN = 60
_SIGNATURES = (
    (b"\xff\xfe\x00\x00", "UTF-32 text"),
    (b"\x00\x00\xfe\xff", "UTF-32 text"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
    (b"\x1f\x8b", "a gzip file"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\xfd7zXZ", "an xz file"),
    (b"BZh", "a bzip2 file"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\x80\x02", "a pickle"),
    (b"\x80\x04", "a pickle"),
    (b"PAR1", "a Parquet file"),
)


class UnreadableFileError(CorpusError):
    """A user's file that cannot be read; the message is one line without control characters.

    Attributes:
        path: The file.
        line: Its line, from 1, or None where the file as a whole is meant.
        expected: What should stand there.
        found: What stands there, or the likely form of the file.
    """

    def __init__(self, path: Path, line: int | None, expected: str, found: str) -> None:
        super().__init__(f"found {found}; expected {expected}", f"{path}:{line}" if line else path)
        self.path: Path = path
        self.expected, self.found = expected, found
        self.args = (printable(self.args[0]),)


def printable(text: str) -> str:
    """The text with control, format-override and surrogate characters written as escapes; line feeds too."""
    return "".join(_escaped(one) if _harmful(one) else one for one in text)


def quoted(text: str) -> str:
    """A piece of a file for a message: short, in quotes, without control characters."""
    return printable(repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "..."))


def _harmful(character: str) -> bool:
    category = unicodedata.category(character)
    return (
        category in ("Cc", "Cs", "Zl", "Zp")
        or "\u202a" <= character <= "\u202e"
        or "\u2066" <= character <= "\u2069"
    )


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def read_text(path: Path, expected: str = "CoNLL text (a word and its tags a line)") -> str:
    """The text of a user's file, without its byte order mark, with line feeds between lines.

    Args:
        path: The file; links are followed.
        expected: What the caller reads, for messages.

    Raises:
        FileNotFoundError: no such file.
        UnreadableFileError: no regular file, too large, empty, binary, or not UTF-8.
    """
    content = _content(path, expected)
    for start, form in _SIGNATURES:
        if content.startswith(start):
            raise UnreadableFileError(path, None, f"{expected} in UTF-8", f"{form} by its first bytes")
    if not content:
        raise UnreadableFileError(path, None, expected, "an empty file")
    if content.count(0) * 10 > len(content):
        wide = content[1:200:2].count(0) * 4 > len(content[1:200:2]) * 3
        form = (
            "UTF-16 text without a byte order mark" if wide and content[:200:2].strip(b"\0") else "a binary file"
        )
        raise UnreadableFileError(path, None, f"{expected} in UTF-8", f"many NUL bytes: this looks like {form}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"byte 0x{content[error.start]:02x}: this looks like Latin-1 or Windows-1252"
        raise UnreadableFileError(path, line, f"{expected} in UTF-8", found) from error
    text = text.replace("\r\n", "\n")
    if "\n" not in text:
        text = text.replace("\r", "\n")
    if not text.strip(" \t\n"):
        raise UnreadableFileError(path, None, expected, "only blank lines")
    return text


def _content(path: Path, expected: str) -> bytes:
    try:
        regular_file(path, LARGEST)
    except RefusedFileError as error:
        if error.kind == REGULAR:
            raise UnreadableFileError(path, None, AT_MOST, f"{error.size:,} bytes") from error
        advice = f"; name the files in it, such as {path / '*.txt'}" if path.is_dir() else ""
        raise UnreadableFileError(path, None, f"a regular file: {expected}{advice}", f"a {error.kind}") from error
    with path.open("rb") as handle:
        content = handle.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise UnreadableFileError(path, None, AT_MOST, "more, without an end")
    return content
