"""The other half of the edge: opening JPEG and PNG files, and writing page pictures.

With `pdf.py` the only module that touches pillow. Nothing here knows what an invoice is.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageOps

from klearstack_async.sandbox.reading.result import UnreadableDocument

__all__ = ["MAX_SIDE", "fitted_image", "fitted_size", "opened_image", "png_of"]

# A side of a page image in pixels. A2 stays at full scale; a larger sheet is scaled down, in the
# image and in the boxes alike.
MAX_SIDE = 5_000
MAX_IMAGE_PIXELS = 100_000_000
_DAMAGED_IMAGE = "The file is damaged and cannot be opened as an image."


@contextmanager
def opened_image(path: Path) -> Iterator[Image.Image]:
    """Open an image, turned upright; pillow's many ways to fail become one.

    Raises:
        UnreadableDocument: The image is damaged or too large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=("PNG", "JPEG")) as image:
                _check_pixels(image)
                image.load()
                upright = ImageOps.exif_transpose(image)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise UnreadableDocument("The image has too many pixels.") from error
    except UnreadableDocument:
        raise
    except Exception as error:  # pillow's decoders raise anything from struct.error to IndexError
        raise UnreadableDocument(_DAMAGED_IMAGE) from error
    with upright:
        yield upright


def _check_pixels(image: Image.Image) -> None:
    if image.width * image.height > MAX_IMAGE_PIXELS:
        raise UnreadableDocument("The image has too many pixels.")


def fitted_size(width: int, height: int) -> tuple[int, int]:
    """Give the size an image has as a page image, in pixels."""
    factor = min(1.0, MAX_SIDE / max(width, height, 1))
    return max(1, round(width * factor)), max(1, round(height * factor))


def fitted_image(image: Image.Image) -> Image.Image:
    """Scale an image down if it is larger than page images may be."""
    size = fitted_size(*image.size)
    return image if size == image.size else image.convert("RGB").resize(size)


def png_of(image: Image.Image) -> bytes:
    """Write an image as PNG."""
    buffer = io.BytesIO()
    plain = image if image.mode in {"RGB", "L"} else image.convert("RGB")
    plain.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
