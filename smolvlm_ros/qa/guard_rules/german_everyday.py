"""German: idioms and everyday wordings of reach, collision, passage, pace and place."""
from __future__ import annotations

from smolvlm_ros.qa.guard_rules.shared import NOT_COUNTED, OTHER, WARMTH

_MANY = (r"(?:[4-9]|\d{2,}|vier|funf|sechs|sieben|acht|neun|zehn|elf|zwolf|zwanzig|dreissig"
         r"|funfzig)")
_HOUR = r"(?:\d{1,2}|eins?|zwei|drei|vier|funf|sechs|sieben|acht|neun|zehn|elf|zwolf)"

ORDINARY = (
    WARMTH, r"\btempo[ -]?\d+[ -](?:schild|zone|zeichen|strasse)\w*",
    r"\bsich (?:die|alle|zwei) (?:\w+ )?treffen\b", r"\b(?:steuer|back)bord-?l\w+",
    r"\bgeschwindigkeits(?:regler|regelung|kontrolle|sensor|schalter)\w*\b",
)

RULES: dict[str, tuple[str, ...]] = {
    "count": (
        rf"\bmehr als (?:drei|3) {NOT_COUNTED}[a-z]",
        rf"\b(?:gibt es|sind|stehen|liegen|siehst du|sitzen|warten|haben wir) (?:\w+ )?uber"
        rf" (?:drei|3) {NOT_COUNTED}[a-z]",
        rf"\b{_MANY} oder (?:mehr|weniger)\b",
        rf"\b(?:genug|genugend|ausreichend) \w+ (?:da )?fur (?:alle )?{_MANY}(?! {OTHER})\b",
        r"\b(?:ist|sind|gibt es|liegt|liegen|stehen) (?:\w+ )?(?:ein|zwei|\d+) dutzend\b",
        r"\bmehr als eine handvoll\b",
    ),
    "speed": (
        r"\b(?:welche[mns]?|hohe[mns]?|gleiche[mns]?) (?:tempo|schritttempo)\b|\bim"
        r" (?:schritttempo|schneckentempo|galopp|laufschritt)\b",
        r"\b(?:rast|(?<!der )(?<!den )(?<!dem )(?<!auf )(?<!im )rasen|saust|sausen|flitzt|prescht"
        r"|donnert)\b",
        r"\b(?:halt|halten)\b.*\bschritt\b(?!\w)|\b(?:holt|holen)\b.*\b(?:uns|mich|euch|dich)\b"
        r".*\bein\b|\b(?:holt|holen) (?:\w+ )+auf\W*$|\buberhol(?:t|en)\b",
        r"\b(?:uberschreite\w+|uberschritten)\b.*(?:_|limit)",
        r"(?:_|\bwie lange\b|\bwann\b).*(?:\bbrauch\w+ (?:wir|er|sie|es|ich|der \w+)\b.*\bbis\b"
        r"|\bdauert es\b.*\b(?:wir|er|sie) .*|\berreich(?:t|en)\b|\b(?:sind|ist) (?:wir|er|sie|"
        r"es) (?:\w+ )?(?:da|bei|an)\b|\btrifft\b)",
    ),
    "size": (
        r"\b(?:quadrat|kubik)(?:zenti|kilo)?meter\w*\b|\bm[23]\b|\bquadratmeterzahl\b",
        r"\b(?:welches|das|sein|ihr) volumen\b|\b(?:grund|stand|stell)flache\b(?! (?:sauber"
        r"|nass|frei))",
        r"\b(?:durchfahrts?|durchgangs?|durchlass|einfahrts?|kopf|boden|steh)(?:hohe|breite"
        r"|freiheit|hohen|freiheiten)\b|\blichte[nr]? (?:hohe|weite|breite|hohen)\b"
        r"|\blichtraum\w*",
        r"\b(?:wird|ist|war) (?:das |es )?(?:sehr |zu |ganz schon )?(?:eng|knapp) (?:fur|mit)\b"
        r"|\b(?:knapp|haarscharf) (?:vorbei|vorbei\w+|dran)\b",
        r"\brag(?:t|en|te)\b",
        r"\b(?:augen|knie|huft|brust|kopf|schulter|knochel)(?:hohe|hoch|tief)\b|\b(?:auf|in)"
        r" (?:einer|gleicher|welcher|derselben) hohe\b", r"\bhang(?:t|en) .*\bzu tief\b",
        r"\b(?:genug|genugend|ausreichend) (?:hohe|breite|tiefe|lange|platz|raum)\b",
        r"\bwie ?viel (?:platz|raum)\b|\b(?:restlicher|freier) (?:platz|raum)\b",
        r"\b(?:konn|komm|durf)(?:en|e|te|ten|t|st)? (?:wir|ich|sie|er) (?:an|unter|neben|zwischen"
        r"|durch)\b"
        r".*\b(?:vorbei|durch|hindurch|rein)\b|\bhandbreit\b|\bfingerbreit\b",
        r"\b(?:kann|konnen|konnt|kannst) (?:wir|ich|er|sie|es|du|der (?:roboter|stapler"
        r"|traktor)) (?:\w+ )*(?:wenden|rangieren|umdrehen)\b",
    ),
    "direction": (
        r"\b(?:kollision\w*|zusammenstoss\w*|aufprall)\b",
        r"\b(?:fahr|lauf|roll|flieg)(?:e|en|t|st) (?:wir|ich|er|sie|es|der \w+) gegen\b"
        r"|\b(?:sturm|renn|lauf|rast|fahr)(?:t|en)\b.*\bauf (?:uns|mich|dich) zu\b"
        r"|\bkurz davor,? (?:\w+ )*(?:zu )?(?:rammen|treffen|beruhren|streifen|stossen|fahren"
        r"|krachen|prallen|kollidieren|anzustossen|umzufahren|gegen|in)\b",
        r"\b(?:wird|werden|wurde|wurden)\b.*\b(?:treffen|rammen|anfahren|umfahren|streifen"
        r"|erwischen|zusammenstossen|zusammenprallen|gegen (?:die|den|das|eine?n?) \w+ (?:fahren"
        r"|stossen|prallen))\b(?<!sich treffen)",
        r"\b(?:krach|knall|donner|fahr|lauf|rutsch)(?:t|en|e|st) (?:\w+ )?(?:gleich|fast|bald)"
        r" (?:gegen|in|ins|auf)\b",
        r"\b(?:beruhr(?:en|e)? (?:wir|ich)|(?:wurden?|konnten?|werden?) (?:wir|ich) .*\bstreifen)\b"
        r"|\b(?:streif|schramm|touchier)(?:t|en|e|st) (?:wir|er|sie|es|ich|der|die|das|du)\b",
        r"\b(?:schleich|pirsch|schieb|tast)(?:t|en)\b.*\b(?:heran|ran|naher|an)\b|\bheran(?:komm"
        r"|ruck|fahr|schleich)\w+|\bruck(?:t|en)\b.*\b(?:naher|ran|heran|zu nahe)\b"
        r"|\bimmer naher\b",
        rf"^(?!.*\b(?:die uhr|wanduhr|zeiger|wecker|termin|gestellt|verschob\w*|verleg\w*)\b)"
        rf".*\bauf (?:meiner |unserer |deiner )?{_HOUR} uhr\b",
        r"\b(?:nord|sud|ost|west)(?:ost|west)?lich (?:von|vom|der|des|davon)\b|\b(?:im|in)"
        r" (?:nord|sud|nordost|nordwest|sudost|sudwest|ost|west)en (?:von|vom|der|des)\b",
        r"\bberg(?:auf|ab)\b|\b(?:boden|gelande|weg|strasse|hang|untergrund) (?:\w+ )?(?:fallt"
        r"|steigt)\b|\b(?:fallt|steigt) (?:der|die|das) (?:boden|gelande|weg|strasse|hang"
        r"|untergrund)\b",
        r"\bwie (?:stark|sehr|steil)\b.*\b(?:geneigt|gekippt|abschussig|schrag|schief)\b",
        r"\b(?:dreh|wend|schwenk)(?:t|en)\b.*\bzu(?:m|r)?\b.*\b(?:hin|um)\b",
        r"\bfluchte\w+|\bausgerichtet\b|\bparallel (?:zu|zum|zur)\b|\bsenkrecht (?:zu|zum|zur)\b"
        r"|\bbundig\b", r"\b(?:steuer|back)bord(?:seite)?\b",
        r"\b(?:abgrund|absturzkante|abbruchkante|gelandestufe)\b|\bkomm(?:t|en) (?:\w+ )?eine?"
        r" (?:absatz|stufe|kante)\b|\bgeht (?:es|'s) (?:\w+ ){0,3}(?:runter|hinunter|abwarts"
        r"|steil|tief)\b",
        r"\b(?:schert|driftet|weicht|kommt)\b.*\bnach (?:links|rechts)\b",
    ),
    "distance": (
        r"\b(?:nah|nahe|dicht) (?:am|an der|beim|bei der|an unserem|an unserer) (?:roboter|drohne"
        r"|fahrzeug|stapler|rover|kamera|maschine)\b",
        r"\bhaaresbreite\b|\bstossstange an stossstange\b|\bkatzensprung\b|\bsteinwurf\w*\b",
        r"\b(?:fahr|sitz|hang|kleb|folg)(?:t|en)\b.*\bdicht (?:auf|hinter|dran)\b|\bkleb(?:t|en)"
        r" (?:\w+ ){0,3}(?:an|hinter) (?:uns|mir|dir|unserem|unserer)\b|\bdrangelt\b",
        r"\b(?:direkt|dicht|ganz|nah|eng) (?:an|bei|hinter) (?:uns|mir|dir|dem roboter)\b"
        r"|\b(?:uns|mir) (?:dicht )?auf (?:den fersen|die pelle|der pelle)\b",
        r"\b(?:sind|ist) (?:wir|er|sie|es) (?:bald|gleich|fast)(?: da| am| an der| bei)?\W*$"
        r"|\bauf halbe[mnr] (?:weg|weges|strecke)\b|\bgreifbar(?:er)? nah?e?\b|\bum die ecke\W*$",
        r"\b(?:kann|konnen|konnte|konntest|kannst)\b.*\b(?:greifer|arm|roboter|manipulator"
        r"|sauger)\b.*\b(?:anfassen|beruhren|packen|fassen|greifen|nehmen|erreichen|antippen"
        r"|aufheben|schnappen)\b",
        r"\b(?:anfassen|beruhren|packen|fassen|greifen|nehmen|erreichen|antippen|aufheben)\b.*"
        r"\bohne\b.*(?:fahr|beweg|roll|ruck|vorwarts|schritt)",
        r"\b(?:von (?:hier|da|dort) (?:aus )?|vom platz aus ).*(?:\ban\b|\bran\b|anfass|beruhr"
        r"|pack|greif|nehm|erreich)",
        r"\bkomm(?:t|e|en|st) (?:du|wir|ich|er|der \w+) (?:von|an den|an die|ans|bis)\b",
    ),
}
