"""What the European languages share: numbers beyond a few, and units of length."""
from __future__ import annotations

MANY = r"(?:[4-9]|\d{2,})"
UNIT = (r"(?:mm|cm|dm|m|km|ft|millimet(?:er|re)s?|centimet(?:er|re)s?|kilomet(?:er|re)s?"
        r"|met(?:er|re)s?|metern|foot|feet|inch(?:es)?|yards?|zoll|metros?|centimetros?|pies"
        r"|pulgadas?)\b")
