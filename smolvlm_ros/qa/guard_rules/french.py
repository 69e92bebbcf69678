"""French."""
from __future__ import annotations

from smolvlm_ros.qa.guard_rules.shared import MANY, UNIT

_MANY = rf"(?:{MANY}|quatre|cinq|six|sept|huit|neuf|dix|onze|douze|vingt|cinquante|cent)"
_SIZES = r"(?:grande?s?|petite?s?|hautes?|hauts?|large?s?|longue?s?|epaisse?s?|profonde?s?)"
_MOVING = (r"(?:va|vont|roule|roulent|marche|marchent|avance|avancent|court|courent|bouge"
           r"|bougent|se deplace|se deplacent|vole|se dirige|se dirigent|arrive|vient)")

RULES: dict[str, tuple[str, ...]] = {
    "count": (
        r"\bcombien de (?!temps|fois|minutes|secondes|metres|centimetres|kilometres)",
        r"\bcombien d'(?!heures?|annees?)", r"\bcombien y a|\bcombien (?:sont|en vois|en voit)",
        r"\b(?:quel est le|le) nombre d", r"^compte[rz]?\b", r"\bil y en a combien\b",
        rf"\b(?:plus|moins) (?:de |d'){_MANY} (?!{UNIT})\w",
        rf"\b(?:au moins|au plus|exactement) {_MANY} (?!{UNIT})\w",
        rf"\b(?:y a-t-il|il y a|vois-tu|voyez-vous) {_MANY} (?!{UNIT})\w",
    ),
    "speed": (
        r"\bvitesse\b", r"\b(?:a quelle allure|trop vite|plus vite|moins vite|si vite)\b",
        rf"\b{_MOVING}(?:-t)?(?:-il|-elle|-ils|-elles)? (?:\w+ )?(?:vite|rapidement|lentement)\b",
        r"\b(?:accelere|ralentit|freine)\w*",
    ),
    "size": (
        r"\b(?:quelle?s?|la|meme) (?:est (?:la|sa) )?(?:taille|hauteur|largeur|longueur|epaisseur"
        r"|profondeur)\b", r"\bde quelle (?:taille|hauteur|largeur|longueur)\b",
        r"\bsa (?:taille|hauteur|largeur|longueur)\b", r"\bdimensions?\b", r"\bdiametre\b",
        r"\bcombien (?:mesure|fait)", rf"\b(?:plus|moins|aussi) {_SIZES} (?:que|qu')",
        rf"\bassez {_SIZES}\b", rf"\btrop {_SIZES}\b", r"\bassez de place\b",
        r"\b(?:peut-il|peut-elle|pourra|peut|passe-t-il|passe-t-elle|tient-il|tient-elle|rentre)\b"
        r".*\b(?:passer|entrer|tenir|par la|dans)\b",
        rf"\bqu(?:el|elle|i)\b.*\b(?:le|la) plus {_SIZES}\b",
    ),
    "direction": (
        r"\b(?:quelle|meme|mauvaise) direction\b",
        r"\b(?:dans|vers) quel(?:le)? (?:sens|cote|direction)\b", r"\bde quel cote\b",
        r"\bvers ou\b",
        r"\b(?:quel|l') ?angle\b", r"\bquelle orientation\b",
        r"\ba (?:ma|ta|sa|votre|notre) (?:gauche|droite)\b",
        r"\ba (?:gauche|droite) (?:de|du|des|d')", r"\ba gauche ou a droite\b", r"\bapproche\w*\b",
        r"\beloigne\w*\b",
        rf"\b{_MOVING}(?:-t)?(?:-il|-elle|-ils|-elles)? (?:vers|a gauche|a droite)\b",
        r"\bpar rapport a\b", r"\d ?(?:degres?|°)",
    ),
    "distance": (
        r"\bdistances?\b", r"\b(?:plus|moins|aussi|assez|trop|tres|si) (?:pres|proches?|loin)\b",
        r"\bloin (?:de|du|des|d'|est)\b", r"\bloin\W*$",
        r"\bcombien de (?:metres|centimetres|kilometres)\b",
        r"\b(?:un|deux|trois|quatre|cinq|dix|quelques|plusieurs) (?:metres?|centimetres?)\b",
        r"\bqu(?:el|elle|i)\b.*\b(?:le|la) plus proche\b", r"\bec(?:art|artement) entre\b",
        r"\ba portee de\b",
    ),
}
