"""The zip around the parts of a workbook, and the references from part to part.

What is unpacked is counted as it comes out, whatever the zip's headers say.
"""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Self

from klearstack_async.sandbox.dataset.limits import DatasetError, DatasetLimits
from klearstack_async.sandbox.dataset.xml_events import Handler, XmlError, feed_xml
from klearstack_async.sandbox.unzip import ZipLimits, check_directory_size, reading_archive

_STEP_BYTES = 1 << 18
_ZIP_LIMITS = ZipLimits(members=5000)
# The only ways of packing that the format's standard knows; others unpack without any bound.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class Package:
    """An opened workbook, part by part; to be used as a context manager.

    Raises:
        ArchiveError: From any method: the zip is damaged.
    """

    def __init__(self, path: Path, limits: DatasetLimits) -> None:
        with reading_archive("The zip"):
            check_directory_size(path, _ZIP_LIMITS)
            self._zip = zipfile.ZipFile(path)
        # Part names don't mind upper and lower case.
        self._parts = {info.filename.lower(): info for info in self._zip.infolist()}
        self._limits = limits
        self._unpacked_bytes = 0
        self._elements = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def has(self, part: str) -> bool:
        """Tell whether there is a part of that name."""
        return part.lower() in self._parts

    def read(self, part: str, handler: Handler) -> None:
        """Parse a whole part; errors as `feed`."""
        for _ in self.feed(part, handler):
            pass

    def feed(self, part: str, handler: Handler) -> Generator[None]:
        """Parse a part step by step.

        Raises:
            DatasetError: It is missing, too large, or no harmless XML.
        """
        with closing(self._chunks(part)) as chunks:
            before = self._elements
            try:
                for count in feed_xml(chunks, handler):
                    self._elements = before + count
                    self._check_budget()
                    yield
            except XmlError as error:
                raise DatasetError(f"The workbook's part {part} is refused: {error}.") from error

    def related(self, part: str, kind: str) -> dict[str, str]:
        """Give the parts that another refers to as of one kind, by the reference's id.

        The package itself is the part with the empty name.
        """
        folder, name = posixpath.split(part)
        references = posixpath.join(folder, "_rels", f"{name}.rels")
        if not self.has(references):
            return {}
        found = _References(kind)
        self.read(references, found)
        # A target is relative to the part's folder, or absolute with a slash.
        return {
            key: posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
            for key, target in found.targets.items()
        }

    def _chunks(self, part: str) -> Generator[bytes]:
        info = self._parts.get(part.lower())
        if info is None or info.compress_type not in _METHODS:
            raise DatasetError(f"The workbook's part {part} is missing or packed in an odd way.")
        with reading_archive(f"Its part {part}"):
            opened = self._zip.open(info)
        with opened:
            while True:
                with reading_archive(f"Its part {part}"):
                    chunk = opened.read(_STEP_BYTES)
                if not chunk:
                    return
                self._unpacked_bytes += len(chunk)
                yield chunk

    def _check_budget(self) -> None:
        if self._unpacked_bytes > self._limits.unpacked_bytes:
            raise DatasetError(
                f"The workbook unpacks to more than the {self._limits.unpacked_bytes} bytes"
                " allowed."
            )
        if self._elements > self._limits.elements:
            raise DatasetError(
                f"The workbook has more than the {self._limits.elements} XML elements allowed."
            )


class _References(Handler):
    """Read of a .rels part the targets of one kind."""

    def __init__(self, kind: str) -> None:
        self.targets: dict[str, str] = {}
        self._kind = kind

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Note a reference."""
        # A type is an address, of which the two editions of the standard share the last part.
        kind = attributes.get("Type", "").rpartition("/")[2]
        is_inside = attributes.get("TargetMode") != "External"
        if name == "Relationship" and kind == self._kind and is_inside:
            self.targets[attributes.get("Id", "")] = attributes.get("Target", "")
