"""French."""
from __future__ import annotations

from smolvlm_ros.qa.guard_rules.shared import (
         DEGREES,
         END,
         MANY,
         NUMBER,
         OF_LENGTH,
         OTHER,
         RELATIVE,
         UNIT,
)

_MANY = (rf"(?:{MANY}|quatre|cinq|six|sept|huit|neuf|dix|onze|douze|quinze|vingt|trente|cinquante"
         r"|cent|une (?:douzaine|dizaine|vingtaine|centaine) de)")
_WORDS = r"(?:une?|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|douze|quinze|vingt|cent)"
_SIZES = (r"(?:grande?s?|gross?e?s?|petite?s?|hautes?|hauts?|larges?|longue?s?|longs?|epaisse?s?"
          r"|epais|profonde?s?|profonds?|etroite?s?|etroits?|courte?s?|courts?|bass?e?s?|raides?"
          r"|pentue?s?|gros)")
_NEAR = r"(?:pres|proches?|loin|eloignee?s?|lointaine?s?)"
_EXTENT = (r"(?:taille|hauteur|largeur|longueur|epaisseur|profondeur|dimensions?|diametre"
           r"|superficie|altitude)")
_PRONOUN = r"(?:-t)?(?:-(?:il|elle|ils|elles|on|je|tu|vous|nous))?"
_MOVING = (rf"(?:(?:va|vont|roule|roulent|marche|marchent|avance|avancent|court|courent|bouge"
           r"|bougent|se deplace|se deplacent|deplace|deplacent|vole|se dirige|se dirigent|dirige"
           r"|dirigent|arrive|arrivent|vient|viennent|fonce|tourne|tournent|glisse|pedale|circule"
           rf"|devie){_PRONOUN}|tourner|aller|se diriger|avancer|reculer)")
_FAST = r"(?:vite|rapidement|lentement|doucement|a toute (?:vitesse|allure))"
_SELF = (r"(?:moi|nous|toi|vous|(?:du|le|au|un|ce|notre|mon) (?:robot|drone|rover|agv)"
         r"(?! (?:aspirateur|jouet))|l'agv)\b")
_KINDS = r"(?:couleur|sorte|type|genre|marque|modele|forme|matiere|mot|texte)"
_PASS = (r"(?:pass(?:e|ent|er|era|erait|eraient)|rentr(?:e|ent|er|era|erait)|tien(?:t|nent|dra"
         r"|drait)"
         r"|tenir|loge|loger|faufiler|glisser|entrer|circuler|contourner)")
_THROUGH = r"(?:par|entre|dans|sous|dessous|a cote|a travers|ici)"
_PEOPLE = (r"(?:quelqu'un|personnes?|hommes?|femmes?|enfants?|garcon|fille|gens|ouvriers?|chiens?"
           r"|chats?|pietons?|mains?|bras)")
_WHICH = (rf"(?:^|[,;:] ?|\b(?:moi|sais|savoir|et|mais|ou|de|dans|sur) )"
          rf"(?:quel(?:le)?s?|lequel|laquelle|lesquels|lesquelles|qui)\b(?! (?:est la )?{_KINDS})")
_PLUS = r"(?:le |la |les )?(?:plus|moins|aussi)"
_BARE = r"(?:est|sont|parait|semble)(?:-(?:il|elle|ils|elles|ce|on)|-t-il)? (?:\w+ )?"

ORDINARY = (
    OF_LENGTH, RELATIVE,
    # "The nearest door" names a door; which is nearest is measured.
    rf"(?<!est )(?<!sont )(?<!-ce )\b(?:l'|le |la |les |du |au |aux |des )\w+ (?:le|la|les) plus "
    rf"(?:{_SIZES}|{_NEAR})\b",
    r"\bpanneau\w* (?:\w+ )?(?:dit|indique|affiche)\b.*?(?=[,;:.?!]|\b(?:et|mais|ou|comment"
    r"|combien)\b|$)",
    rf"\b(?:indique|affiche|montre|marque|lit|limite a){_PRONOUN}(?: (?:un|une|le|la|de|environ"
    rf"|plus|moins|vitesse))* {NUMBER} ?[a-z/°%]*",
    r"\bcombien de temps\b", rf"\b(?:plus|moins) (?:de |d'){NUMBER} {OTHER}",
    rf"\b(?:plus|moins) (?:de |d')\w+ {OTHER}", r"\bplus longtemps\b",
    r"\bpanneau(?:x)? de (?:limitation de )?vitesse\b", r"\blimitations? de vitesse\b",
    r"\bvitesse (?:maximale|limite|autorisee)\b",
    r"\b(?:compteur|indicateur|radar|limiteur|capteur|boite) de (?:vitesses?|distance|hauteur)\b",
    r"\b(?:capteur|panneau|marquage|ligne|fleche|flêche)s? (?:de |d')"
    r"(?:distance|direction|hauteur|angle)\b",
    r"\bmetre(?: a)? ruban\b|\bmetre pliant\b", r"\bdistances? de securite\b",
    r"\bhaute tension\b", r"\bfeux? de direction\b", r"\btaille (?:fine|xs|s|m|l|xl|xxl)\b",
    r"\b(?:dans|a) l'angle (?:de|du) (?:la |le )?(?:piece|salle|rue|mur|couloir)\b",
    r"\ba (?:gauche|droite) (?:de|dans|sur) (?:l'(?:image|ecran)|la photo)\b",
    r"\bla partie (?:gauche|droite)\b", r"\bau loin\b",
)

RULES: dict[str, tuple[str, ...]] = {
    "count": (
        rf"\bcombien (?!(?:de |d')?(?:{UNIT}|{OTHER}|temps|fois|place\b|espace\b)|cout|pes|vaut"
        rf"|mesur"
        r"|fait|dur|est )",
        r"\b(?:le|quel|du|ton|votre) nombre (?:de|d'|total)", r"^nombre (?:de|d')",
        r"(?:^|\b(?:et|puis|peux-tu|pouvez-vous|veuillez|plait,?) |, ?)compte[rz]?(?:-\w+)? \w",
        r"\by en a combien\b", rf"\b(?:plus|moins) (?:de |d'){_MANY} (?!{UNIT}|{OTHER})\w",
        r"\b(?:plus|moins|autant) (?:de |d')\w+ que (?:de |d')?\w+",
        rf"{_WHICH}.*\ble (?:plus|moins) (?:de |d')\w+",
        rf"\b(?:au moins|au plus|exactement) {_MANY} (?!{UNIT}|{OTHER})\w",
        rf"\b(?:y a-t-il|il y a|y a|vois-tu|voyez-vous|voit-on) (?:\w+ )?{_MANY} "
        rf"(?!{UNIT}|{OTHER})\w",
    ),
    "speed": (
        r"\bvitesse\b", r"\b(?:quelle|cette) allure\b", r"\b(?:trop|plus|moins|si|aussi|tres) "
        r"(?:vite|lentement|rapides?|lente?s?|rapidement)\b",
        rf"\b{_MOVING} (?:\w+ )*?{_FAST}\b",
        r"\b(?:accelere|ralentit|ralentissent|freine|freinent)\b",
        r"\ben train (?:de |d')(?:accelerer|ralentir|freiner)\b",
        rf"{_BARE}(?:rapides?|lente?s?){END}", r"\b(?:vite|rapidement|lentement)\b",
    ),
    "size": (
        rf"\b(?:quelle?s?|la|meme|sa|leur|une|mesure[rz]?|estime[rz]?|indique[rz]?) (?:est |sont )?"
        rf"(?:la |sa |leur |les |ses )?{_EXTENT}\b(?! (?:reglable|limitee))",
        rf"\b(?:de|d'une|les|des|ses) (?:{_EXTENT})\b", r"\bquel(?:le)? (?:est la )?surface\b",
        rf"(?:^(?:est-ce|c'est) (?:\w+ )+|\b(?:est|sont)(?:-\w+)* )(?:la|le|les) plus {_SIZES}"
        rf"{END}", r"\b(?:dimensions?|diametre|mesures (?:de|du|des)|hauteurs?|largeurs?"
        r"|longueurs?|epaisseurs?"
        r"|profondeurs?)\b", rf"\b{_SIZES} comment\b",
        rf"\b(?:l'air|parait|semble) (?:\w+ )?(?<!un )(?<!une ){_SIZES}{END}",
        r"\bcombien (?:mesure|fait)\w*", r"\bmesure[- ]t[- ]\w+",
        rf"(?<!\bla )(?<!\ble )(?<!\bles )(?<!\bun )(?<!\bune )(?<!\bdes )\b(?:plus|moins|aussi"
        rf"|assez|trop|suffisamment) {_SIZES}\b",
        r"\b(?:assez|suffisamment|combien|plus) (?:de |d')(?:place|espace)\b",
        r"\bcombien (?:y a-t-il|il y a|reste-t-il) (?:de |d')(?:place|espace)\b",
        r"\b(?:y a-t-il|il y a|y a|reste-t-il) (?:de )?la place\b.*\b(?:pour|de)\b",
        r"\bla place (?:pour|de) (?:passer|tourner|entrer|manoeuvrer|\w+er)\b",
        rf"{_WHICH}.*\b(?:est|sont|semble|a l'air) (?:\w+ ){{0,2}}{_PLUS} {_SIZES}\b",
        rf"(?<!\bla )(?<!\ble )(?<!\bles )\b(?:plus|moins) {_SIZES}{END}",
        rf"\bde combien\b.*\b(?:{_SIZES}|depass\w+)\b",
        r"\b(?:mesure|mesurer|estimer|estime|evalue|calcule|calculer|estimez|mesurez) "
        r"(?:la|le|les|l'|sa|son)(?!.*distan)",
        rf"^(?!.*\b{_PEOPLE}\b).*\b{_PASS}{_PRONOUN} {_THROUGH}\b",
        rf"\b(?:peut|peux|peuvent|pourra|pourrait|puis)\b(?!-on voir).*\b{_PASS}\b",
        rf"{_BARE}(?<!\bun )(?<!une )(?:haute?|hauts|hautes|profonde?s?|larges?|longue?s?|longs?"
        rf"|etroite?s?|basse?s?|bas"
        rf"|raides?|epaisse?s?|epais|pentue?s?|grande?s?|petite?s?|gros|grosse|spacieu\w+){END}",
        rf"\bfai(?:t|sant)(?:-(?:il|elle))? (?:\w+ )*?{NUMBER} ?{UNIT}",
    ),
    "direction": (
        r"\b(?:quelle|meme|mauvaise|bonne|notre|ma|votre) direction\b",
        r"\b(?:dans|vers) quel(?:le)? (?:sens|cote|direction)\b",
        r"\b(?:de quel cote|vers ou|par ou)\b", r"\bou (?:va|vont|se dirige)\b",
        r"\b(?:quel|l'|d') ?(?:est l'|est son )?angle\b(?! mort)", r"\bangle (?:de|du|entre) ",
        r"\bquelle (?:est (?:la|son) )?(?:orientation|position exacte|position)\b",
        r"\bcoordonnees\b", r"\bazimut\b|\bcap (?:du|de|suit)\b|\bquel cap\b",
        r"\ba (?:ma|ta|sa|votre|notre|leur) (?:gauche|droite)\b",
        r"\bsur (?:ma|ta) (?:gauche|droite)",
        r"\b(?:a|sur) (?:la )?(?:gauche|droite) (?:de |du |des |d')(?!l'image)",
        r"\ba gauche ou a droite\b",
        r"\ba droite ou a gauche\b", r"\bgauche ou (?:la )?droite\b",
        r"(?<!l')(?<!d')\b(?:r)?approch(?:e|ent|er|ait|ee?s?)\b",
        r"\b(?:s'|m')?eloigne(?:nt|-t|r)?\b"
        r"(?!e)", r"\brecule\w*\b", r"\ben marche arriere\b|\ba contresens\b|\ben sens (?:inverse"
        r"|contraire)\b",
        rf"\b{_MOVING} (?:\w+ )?(?:vers|a gauche|a droite|dans notre|en direction|en sens)\b",
        rf"\b{_MOVING} (?:\w+ ){{0,2}}sur (?:moi|nous)\b", r"\bdans (?:mon|ton|notre) dos\b",
        r"\bcote (?:gauche|droit) (?:de|du)\b",
        r"\bpar rapport (?:a|au|aux)\b",
        r"^(?!.*\b(?:regard|point|montr|tourne\w* la tete|leve|signe|ouvr|orient"
        r"|indiqu)\w*).*\bvers (?!\d)(?:moi|nous|toi|la |le |les |l')",
        rf"\b(?:derriere|entre|autour de|autour d'|devant|a cote de?|au-dessus de?|au-dessous de?"
        rf"|en face de?) {_SELF}",
        r"\b(?:va|vont|vais)\b.*\b(?:heurter|percuter|se rentrer|cogner|rentrer dedans|toucher)\b",
        r"\b(?:inclinaison|declivite|denivele)\b", r"\b(?:quelle|la) (?:est la )?pente\b(?= (?:de"
        r"|du"
        r"|a|fait|est|depasse))", r"\bpente\b.*\d",
        rf"\b(?:inclin|tourn|pench|ouvert|bascul|pivot|pent)\w*\b.*(?:{NUMBER}|{_WORDS})"
        rf" ?{DEGREES}",
        r"\bangle\b.*\d",
    ),
    "distance": (
        rf"\b(?:est|sont)(?:-\w+)* (?:la|le|les) plus {_NEAR}{END}",
        r"\bdistances?\b", rf"\b(?:plus|moins|aussi|assez|trop|tres|si|tout|suffisamment) {_NEAR}"
        rf"(?= (?:de|du|des|d'|que|qu'|l'un|possible)|{END})",
        rf"\b(?:trop|tout|si|assez|suffisamment) {_NEAR}\b",
        rf"{_WHICH}.*\b(?:est|sont|se (?:trouve|tient)) (?:\w+ ){{0,2}}{_PLUS} {_NEAR}",
        r"\bloin (?:de|du|des|d'|est)\b", r"\bloin\b", r"\b(?:est|c'est) loin\b",
        rf"{_BARE}(?:proches?|eloignee?s?|pres){END}", rf"\b(?:proches?|pres|a proximite) (?:de "
        rf"|d'|du )"
        rf"?{_SELF}", r"\b(?:a proximite|dans les parages)\W*$",
        rf"\bcombien (?:de |d'){UNIT}", r"\ba combien\b",
        rf"\ba (?:\w+ )*?(?:{NUMBER}|{_WORDS}|quelques|plusieurs) ?(?:\w+ )?"
        r"(?:(?:centi|kilo|milli)?metres?|pas|pieds|m|cm)\b",
        rf"\b(?:plus|moins|environ|pres) (?:de |d')(?:{NUMBER}|{_WORDS}|quelques) ?(?:m|cm|mm|km|"
        r"(?:centi|kilo|milli)?metres?|pas|pieds)\b", rf"(?<![\w.,-]){NUMBER} ?{UNIT}",
        r"\b(?:deux|trois|quatre|cinq|dix|quelques|plusieurs) (?:centi|kilo|milli)?metres?\b",
        r"\b(?:ecart|ecartement|espacement|intervalle)s?\b|\b(?:espace|jeu) entre\b",
        r"\ba portee\b",
        r"\bhors de portee\b", r"\b(?:jusqu'ou|d'ici a)\b", r"\bespace\b.*\bentre\b",
        r"\bde combien\b",
        r"\b(?:peut|peux|pourrait)\b.*\batteindre\b", r"\ben metres\b", r"\bdemi-metre\b",
    ),
}
