"""What gives a geometry question away: regular expressions by language and aspect.

They are written for text as `guard.plain` makes it: lower case and **without accents** (so "à" is
"a", and "größe" and "große" are both "grosse"). A count up to three is a few, and ordinary.
"""
from __future__ import annotations

from smolvlm_ros.qa.guard_rules import chinese, english, french, german, spanish

RULES: dict[str, dict[str, tuple[str, ...]]] = {
    "en": english.RULES, "fr": french.RULES, "de": german.RULES, "es": spanish.RULES,
    "zh": chinese.RULES}

# Taken out before the rules are tried: what only locates or names something.
LOCATED = (
    r"\bspeed (?:limit|sign|bump|camera|boat)s?\b", r"\bright of way\b", r"\blong distance\b",
    r"\b(?:to|on|at|in|of) the (?:left|right)(?: hand)?(?: side| half| part| edge| third)?"
    r" of (?:the|this) (?:image|picture|photo|frame|screen|view)\b",
    r"\b(?:left|right) (?:side|half|part|edge|third)(?: of (?:the|this) (?:image|picture|photo"
    r"|frame|screen|view))?\b",
    r"\bpanneau(?:x)? de (?:limitation de )?vitesse\b", r"\blimitation de vitesse\b",
    r"\ba (?:gauche|droite) (?:de|dans) l'(?:image|ecran)\b", r"\bdistances? de securite\b",
    r"\b(?:links|rechts) im bild\b", r"\bgeschwindigkeits(?:schild|begrenzung)\w*\b",
    r"\b(?:limite|senal|limitacion) de velocidad\b",
    r"\ba la (?:izquierda|derecha) (?:de la (?:imagen|foto|pantalla)|en la imagen)\b",
    r"(?:图像|图片|画面|照片)的?(?:左|右)(?:边|侧|半|部|半边|面)", r"限速(?:牌|标志)?",
    r"\bsigns? (?:\w+ )?(?:says?|reads?|shows?)\b.*",
    r"\bcuanto tiempo\b", r"\bcombien de temps\b", r"\bwie lange\b",
)
