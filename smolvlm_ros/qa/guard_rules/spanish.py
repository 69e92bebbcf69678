"""Spanish."""
from __future__ import annotations

from smolvlm_ros.qa.guard_rules.shared import MANY, UNIT

_MANY = rf"(?:{MANY}|cuatro|cinco|seis|siete|ocho|nueve|diez|once|doce|veinte|cincuenta|cien)"
_SIZES = (r"(?:grandes?|pequen[oa]s?|alt[oa]s?|anch[oa]s?|larg[oa]s?|profund[oa]s?|grues[oa]s?"
          r"|cort[oa]s?|estrech[oa]s?|baj[oa]s?)")
_GO = (r"(?:va|van|anda|camina|caminan|corre|corren|conduce|circula|avanza|avanzan|viene|vienen"
       r"|se mueve|se mueven|moviendose|moviendo|caminando|corriendo|yendo|avanzando|se dirige"
       r"|vuela|gira)")

RULES: dict[str, tuple[str, ...]] = {
    "count": (
        r"\bcuant[oa]s (?!metros|centimetros|kilometros|segundos|minutos|horas|anos)",
        r"\b(?:el|que) numero de\b", r"\bcantidad de\b", r"^cuent[ae]\b",
        rf"\b(?:mas|menos) de {_MANY} (?!{UNIT})\w",
        rf"\b(?:al menos|por lo menos|como mucho|exactamente) {_MANY} (?!{UNIT})\w",
        rf"\b(?:hay|ves|ve usted) {_MANY} (?!{UNIT})\w",
    ),
    "speed": (
        r"\bvelocidad\b", r"\b(?:que|cuan) (?:tan )?(?:rapid[oa]|lent[oa]|deprisa)\b",
        r"\b(?:mas|menos|demasiado) (?:rapid[oa]|lent[oa]|deprisa|despacio)\b",
        rf"\b{_GO}\b.*\b(?:rapid[oa]|rapidamente|deprisa|despacio|lentamente)\b",
        r"\b(?:acelera|frena|acelerando|frenando)\b",
    ),
    "size": (
        r"\b(?:tamano|altura|anchura|longitud|grosor|profundidad|diametro|dimension(?:es)?)\b"
        r"(?! (?:natural|real))",
        r"\b(?:que|cuan) (?:tan )?(?:grande|alt[oa]|anch[oa]|larg[oa]|profund[oa]|pequen[oa])s?\b",
        r"\bcuanto mide\b", r"\bcomo de (?:grande|alt[oa]|anch[oa]|larg[oa]|pequen[oa])s?\b",
        rf"\b(?:mas|menos|tan) {_SIZES} (?:que|como)\b",
        rf"\b(?:suficientemente|bastante|demasiado) {_SIZES}\b", r"\b(?:cabe|caben|cabria|quepa)\b",
        r"\b(?:suficiente|bastante) (?:espacio|sitio)\b",
        rf"\b(?:cual|quien|que)\b.*\b(?:mas|menos) {_SIZES}\b",
    ),
    "direction": (
        r"\b(?:que|cual|misma) direccion\b", r"\bhacia (?:donde|que)\b", r"\ben direccion a\b",
        r"\bque lado\b", r"\b(?:que|el) angulo\b", r"\borientacion\b",
        r"\ba (?:la|mi|tu|su|nuestra) (?:izquierda|derecha)(?: (?:de|del)\b|\W*$)",
        r"\ba la izquierda o a la derecha\b",
        r"\b(?:acerca|acercan|acercando|aleja|alejan|alejando)\w*\b", rf"\b{_GO}\b.*\bhacia\b",
        r"\brespecto (?:a|al|de|del)\b", r"\d ?(?:grados?|°)",
    ),
    "distance": (
        r"\bdistancias?\b", r"\b(?:mas|menos|demasiado|muy|tan) (?:cerca|lejos)\b",
        r"\blejos (?:de|del|esta|estan)\b", r"\blejos\W*$",
        r"\b(?:lo )?(?:bastante|suficientemente) (?:cerca|lejos)\b",
        r"\b(?:que|cuan) (?:tan )?(?:cerca|lejos)\b",
        r"\bcuant[oa]s (?:metros|centimetros|kilometros)\b",
        r"\b(?:un|dos|tres|cuatro|cinco|diez|pocos|varios|unos) (?:metros?|centimetros?)\b",
        r"\b(?:cual|quien|que)\b.*\bmas (?:cercan[oa]|cerca|lejan[oa])\b", r"\bal alcance\b",
    ),
}
