"""Pillow images: mode, size, palette and info, and the pixels as they are in memory.

The pixels travel in a PNG, which compresses photographs to two thirds where zlib alone saves
nothing. PNG knows few modes, so a mode is carried by the one with as many bytes for a pixel.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

from PIL import Image, PngImagePlugin

from . import codes
from .errors import DecodeError, EncodeError
from .packing import pack
from .parts import Decoder, Structure

# A small file of one colour can claim any size; this is what a 50-megapixel camera makes.
_MOST_PIXELS = 64_000_000
_CARRIERS = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_PIXEL_BYTES = {
    **dict.fromkeys(("L", "P"), 1),
    **dict.fromkeys(("LA", "La", "PA", "I;16", "I;16B", "I;16L"), 2),
    **dict.fromkeys(("RGB", "YCbCr", "LAB", "HSV"), 3),
    **dict.fromkeys(("RGBA", "RGBa", "RGBX", "CMYK", "I", "F"), 4),
}


def encode(value: Any) -> Structure | None:
    if not isinstance(value, Image.Image):
        return None
    if getattr(value, "is_animated", False) and value.format != "MPO":
        raise EncodeError.of(value, "it has several frames; store each of them by itself")
    if value.width * value.height > _MOST_PIXELS:
        raise EncodeError.of(value, f"it has more than {_MOST_PIXELS} pixels")
    if value.mode != "1" and value.mode not in _PIXEL_BYTES:
        raise EncodeError.of(value, f"its mode is {value.mode}")
    value.load()
    palette = None
    if value.palette is not None:
        mode = value.palette.mode
        palette = [mode, value.im.getpalette(mode, mode)]
    info = {key: part for key, part in value.info.items() if _storable(key) and _storable(part)}
    return Structure(codes.IMAGE, [value.mode, value.size, palette, info, _compress(value)])


def _storable(value: Any) -> bool:
    """File plugins leave objects of their own in `info`; the image is whole without them."""
    try:
        pack(value)
    except EncodeError:
        return False
    return True


def _carrier(mode: str) -> str:
    return "1" if mode == "1" else _CARRIERS[_PIXEL_BYTES[mode]]


def _compress(image: Image.Image) -> bytes:
    if 0 in image.size:
        return b""
    pixels = Image.frombytes(_carrier(image.mode), image.size, image.tobytes())
    file = BytesIO()
    pixels.save(file, "PNG", compress_level=1)
    return file.getvalue()


def _decompress(data: bytes, carrier: str, size: tuple[int, int]) -> bytes:
    with PngImagePlugin.PngImageFile(BytesIO(data)) as pixels:
        if pixels.size != size or pixels.mode != carrier:
            raise DecodeError("it holds an image whose pixels do not fit its size")
        return pixels.tobytes()


def _read_image(parts: list[Any]) -> Image.Image:
    mode, (width, height), palette, info, data = parts
    if width * height > _MOST_PIXELS:
        raise DecodeError("it holds an image that is too large")
    if width and height:
        pixels = _decompress(data, _carrier(mode), (width, height))
        image = Image.frombytes(mode, (width, height), pixels)
    else:
        image = Image.new(mode, (width, height))
    if palette is not None:
        palette_mode, colours = palette
        image.putpalette(colours, palette_mode)
    image.info = dict(info)
    return image


DECODERS: dict[int, Decoder] = {codes.IMAGE: _read_image}
