"""Drawings as pixels, with Pillow; apart, because it is imported when the first picture is asked for."""

from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from afnet.web.chart import Drawing, Mark, Shape

__all__ = ["png"]

_FINER = 2
"""Lines are drawn so much larger and made smaller again: that smooths them."""
_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial.ttf", "segoeui.ttf")
_ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}


def png(drawing: Drawing, *, scale: float = 1.0) -> bytes:
    """Return a drawing as a PNG file, ``scale`` times as large. It takes some ten milliseconds: call it in a thread."""
    size = (round(drawing.wide * scale), round(drawing.high * scale))
    fine = scale * _FINER
    shapes = Image.new("RGB", (size[0] * _FINER, size[1] * _FINER))
    pen = ImageDraw.Draw(shapes, "RGBA")
    for part in drawing.parts:
        if isinstance(part, Mark):
            corner = ((part.x + part.wide) * fine - 1, (part.y + part.high) * fine - 1)
            if corner[0] >= part.x * fine and corner[1] >= part.y * fine:
                pen.rectangle((part.x * fine, part.y * fine, *corner), fill=_ink(part.colour, part.opacity))
        elif isinstance(part, Shape):
            points = [(x * fine, y * fine) for x, y in part.points]
            if part.filled:
                pen.polygon(points, fill=_ink(part.colour, part.opacity))
            else:
                pen.line(points, fill=_ink(part.colour, part.opacity), width=max(1, round(part.wide * fine)))
    image = shapes.resize(size, Image.Resampling.BOX)
    pen = ImageDraw.Draw(image)
    for part in drawing.parts:
        if not isinstance(part, Mark | Shape):
            font = _font(part.size * scale)
            where = (part.x * scale, part.y * scale)
            pen.text(where, part.text, fill=part.colour, font=font, anchor=_ANCHORS[part.anchor])
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _ink(colour: str, opacity: float) -> tuple[int, int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16), round(255 * opacity)


def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return a font of the machine, or the one that Pillow brings."""
    for name in _FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)
