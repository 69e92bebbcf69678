"""French: idioms and everyday wordings of reach, collision, passage, pace and place."""
from __future__ import annotations

from smolvlm_ros.qa.guard_rules.shared import END, NOT_COUNTED, OTHER, WARMTH

_MANY = (r"(?:[4-9]|\d{2,}|quatre|cinq|six|sept|huit|neuf|dix|onze|douze|quinze|vingt|trente"
         r"|cinquante)")
_HOUR = r"(?:\d{1,2}|une|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|onze|douze)"
_WIND = r"(?:nord|sud|est|ouest)(?:-(?:est|ouest))?"
_SEEN = (r"(?:obstacles?|drones?|cibles?|contacts?|objets?|personnes?|quelqu'un|quelque chose"
         r"|vehicules?|bateaux?|danger|voitures?|camions?|animal|animaux)")

ORDINARY = (
    WARMTH,
    r"\b(?:prendre|prends|prenez|prend) (?:une |la |des |en )?(?:photo|image|video)s?\b",
    r"\bau niveau de la (?:rue|mer)\b"
    r"|\b(?:lait|eau|verre|casserole|evier|poubelle|baignoire) deborde\w*",
    r"\b(?:telecommande|commande|enseignement|travail|formation|cours|vente|controle"
    r"|reunion|apprentissage|surveillance)s? a distance\b",
    r"\b(?:levier|boite|changement|selecteur|regulateur|radar|panneau|pommeau|controleur)s?"
    r" (?:de |du |des )(?:controle de )?vitesses?\b",
    r"\bvitesses? (?:du velo|enclenchees?)\b",
)

RULES: dict[str, tuple[str, ...]] = {
    "count": (
        rf"\bplus (?:de |d')(?:trois|3) {NOT_COUNTED}[a-z]",
        rf"\b{_MANY} (?:\w+ )?ou (?:plus|davantage|moins)\b",
        rf"\b(?:assez|suffisamment) (?:de |d')\w+(?: \w+)? pour (?:nous )?{_MANY}"
        rf"(?! {OTHER})\b",
        r"\b(?:y a-t-il|il y a|y a) une (?:douzaine|dizaine|vingtaine|centaine) d'",
        r"\bplus d'une poignee\b|\bdavantage de \w+ que\b",
    ),
    "speed": (
        r"\b(?:quel|quelle|bon|meme) (?:rythme|allure|train|cadence)\b|\ba toute allure\b"
        r"|\ba (?:vive|petite|grande) allure\b|\ba fond de train\b|\b(?:roul|avanc"
        r"|va)\w*(?:-\w+)* au pas\b",
        r"\b(?:depass|exced|respect)\w*(?:-\w+)* (?:la |les )?(?:_|limite)",
        r"\b(?:gagne|gagnent)(?:-t-\w+|-\w+)? du terrain\b|\brattrap\w+|\b(?:nous|me|vous"
        r"|te) (?:doubl|depass|devanc)(?:e|ent)\b",
        r"\b(?:dans|en|avant|encore) ?(?:_|combien de temps)\b.*\b(?:attein\w+|arriv\w+|rejoin\w"
        r"+|touch\w+)|_ (?:avant|pour|jusqu'a|nous|faut-il|reste-t-il|met\w*)\b.*\b(?:atteindre"
        r"|atteign\w+|arriver?|arrivions|rejoindre|borne|porte|impact|collision)\b",
    ),
    "size": (
        r"\bmetres? (?:carres?|cubes?)\b|\bm[23]\b",
        r"\b(?:quel|le|son) (?:est (?:le|son) )?volume\b(?! (?:de |du )?(?:la )?(?:tele|radio"
        r"|son|musique|enceinte|haut))",
        r"\bgabarits?\b(?! de (?:percage|soudage))|\btirants? d'air\b|\bemprise au sol\b"
        r"|\bhauteur (?:libre|sous|de passage|utile)\b|\bgarde au sol\b",
        r"\bpass\w*(?:-\w+)* (?:de |tout )?(?:justesse|juste)\b",
        r"\b(?:quel|combien d'|assez d'|l') ?espace (?:\w+-t-il |il )?(?:rest|libre|disponible)",
        r"\b(?:depasse|debord)\w*(?:-\w+)* (?:\w+ )?(?:dans|sur|du|de la|trop|de l')",
        r"\b(?:eau|boue|neige|herbe|ble|mais)\b.*\b(?:aux|jusqu'aux|au-dessus des) (?:genoux"
        r"|chevilles|hanches|epaules)\b|\ba (?:la )?hauteur (?:de|des|d')\b",
        r"\b(?:la|de la|assez de|quelle) marge\b(?! (?:de la )?(?:page|feuille|gauche de la))",
        r"\b(?:pend|train)\w*(?:-\w+)* trop bas\b|\bvirage\b.*\bserre\b|\bserre\b.*\bvirage\b",
        r"\b(?:la|de) place (?:de|pour) (?:faire|le|la|les|nous|un|une|manoeuvrer)\b",
    ),
    "direction": (
        r"\bsur le point (?:de |d')(?:\w+ )?(?:heurter|percuter|toucher|cogner|rentrer|entrer"
        r"|tamponner|s'ecraser|ecraser|accrocher|emboutir|renverser|tomber|foncer|racler)",
        r"\brisqu\w+(?:-\w+)* de (?:toucher|heurter|percuter|tomber dans)\b",
        r"\bcollisions?\b|\bpercut\w+|\bheurter\b|\bemboutir\b|\bdroit (?:dans|sur) (?!la"
        r" photo)",
        r"\b(?:va|vont|vais|allons|allez|vas|risqu\w+)\b.*\b(?:cogner|tamponner|(?:s'|nous "
        r"|m')ecraser"
        r"|accrocher|racler|frotter|rentrer dans|entrer dans)\b",
        r"\b(?:frol|racl)(?:e|ent|er|ons|ez)\b|\bras(?:e|ent|ons)(?:-\w+)* (?:le |la |les |l')",
        rf"\b{_SEEN}(?: \w+)? a (?:nos |mes |tes |vos |ses )?{_HOUR} heures\b",
        rf"\b(?:au|a l'|plein) ?{_WIND}(?: (?:de|du|des)\b|{END})|\bvers l[e'] ?{_WIND}\b",
        r"\bau (?:meme )?niveau (?:de|du|des) (?!la mer)(?! ?l'entree)|\baligne\w* (?:avec|sur)"
        r"\b|\b(?:parallele|perpendiculaire)s? (?:a|au|aux)\b",
        r"\b(?:tribord|babord)\b|\ben (?:pente|montee|descente)\b|\b(?:sol|terrain|chemin|route"
        r"|sentier|piste|couloir) (?:monte|descend)\b",
        r"\b(?:du|le|un|de) vide (?:devant|derriere|sous|apres|au bord|a cote|juste)"
        r"|\b(?:denivele|denivellation|a-pic)\b",
        r"\bse (?:rapproch|dirig|deport|rabat)\w*|\bgliss\w+ (?:vers|sur)\b",
    ),
    "distance": (
        r"\ba (?:un|deux|quelques) (?:doigts?|cheveux?|poils?|enjambees?)\b|\ba (?:un jet de"
        r" pierre|bout portant|bout de bras|deux pas)\b|\ba (?:la )?portee\b",
        r"\b(?:echelle|cable|corde|tuyau|bras|rallonge|perche)\b.*\b(?:arriv|attein"
        r"|va)\w*(?:-\w+)* "
        r"(?:jusqu|au |a la |aux )",
        r"\blargeur de (?:main|doigt)\b|\bpare-chocs? (?:contre|a) pare-chocs?\b",
        r"\b(?:nous|me|le|vous|te) (?:coll|talonn|serr)(?:e|ent)\b|\bcolle\w* (?:a|aux?) (?:nous"
        r"|moi|notre)\b|\btout contre\b|\bcoll(?:e|ent) (?:au train|de trop pres)\b",
        r"\bbientot (?:\w+ )?(?:arrives?|a la|au|rendus?)\b|\ba mi-chemin\b|\ba mi-distance\b",
        r"\b(?:peut|peux|peuvent|pourr\w+|pouv\w+|arriv\w+|parvien\w+|possible)\b.*\b(?:toucher"
        r"|saisir|attraper|prendre|atteindre|agripper)\b.*(?:\bd(?:'|epuis)(?: ?ici)?(?=\W*$)"
        r"|\b(?:d'ici|depuis|de la ou)\b|\bsans (?:que|qu'|avancer|bouger|reculer|se deplacer"
        r"|rouler|se pencher|deplacer)\W*)",
        r"\b(?:pince|bras|prehenseur|ventouse|manipulateur) (?:\w+ )?(?:peut|peux|pourr\w+"
        r"|arrive)\b.*\b(?:toucher|saisir|attraper|prendre|atteindre|agripper)\b",
    ),
}
