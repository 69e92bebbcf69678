"""German; the umlauts are plain vowels here, whichever way they were spelled."""
from __future__ import annotations

from smolvlm_ros.qa.guard_rules.shared import DEGREES, END, MANY, NUMBER, OTHER, UNIT

_MANY = (rf"(?:{MANY}|vier|funf|sechs|sieben|acht|neun|zehn|elf|zwolf|ein dutzend|funfzehn|zwanzig"
         r"|dreissig|funfzig|hundert)")
_WORDS = (r"(?:eine?[mnr]?|halbe[nrm]?|zwei|drei|vier|funf|sechs|sieben|acht|neun|zehn|zwolf"
          r"|zwanzig"
          r"|wenige|einige|mehrere|paar)")
_SIZES = (r"(?:gross|klein|hoch|breit|lang|tief|dick|schmal|kurz|eng|niedrig|steil|dunn|flach"
          r"|geraumig)")
_MORE = (r"(?:grosser|kleiner|hoher|breiter|langer|tiefer|dicker|schmaler|kurzer|niedriger|enger"
         r"|steiler|flacher|dunner)")
_MOST = (r"(?:grosst|kleinst|hochst|breitest|langst|tiefst|dickst|schmalst|kurzest|niedrigst"
         r"|engst|steilst)en")
_EXTENT = (r"(?:grosse|hohe|breite|lange|tiefe|dicke|abmessung(?:en)?|durchmesser|flache|umfang"
           r"|spannweite|korpergrosse)")
_GO = (r"(?:fahrt|fahren|geht|gehen|lauft|laufen|rennt|rennen|bewegt|bewegen|rollt|rollen|kommt"
       r"|kommen|fliegt|fliegen|dreht|drehen|zieht|schwenkt|biegt|lenkt|rast|steuert|treibt)")
_UNITS = (r"(?:m|cm|mm|km|(?:zenti|kilo|milli)?metern?|schritten?|fuss|zoll|armlangen?"
          r"|wagenlangen?)"
          r"\b")
_SELF = (r"(?:mir|mich|uns|dir|dich|ihnen|(?:dem|des|den|vom|meinem|unserem) "
         r"(?:roboters?|fahrzeug|rover|drohne|agv)|der drohne)\b")
_KINDS = r"(?:farbe|art|marke|sorte|form|typ|modell)"
_WHICH = rf"\b(?:welche[rsmn]?|wer|wessen|was)\b(?! {_KINDS}| fur )"
_PASS = r"(?:durchs?|unter|zwischen|vorbei|hinein|rein|hindurch|drunter|in|ins|an|neben)"
_PEOPLE = (r"(?:person|personen|leute|mann|manner|frau|frauen|kind|kinder|jemand|arbeiter|hund"
           r"|katze"
           r"|junge|madchen)")
_BE = r"(?:^|\b(?:und|aber) )(?:ist|sind|war|waren|wirkt)\b"
_TILTED = (r"(?:ramp|winkel|geneigt|gedreht|dreh|schrag|steil|kipp|gekipp|offen|neig|schief|schwenk"
           r"|geoffnet)")
_DEGREES = rf"(?:{NUMBER}|{_WORDS}) ?{DEGREES}"

ORDINARY = (
    rf"\b{NUMBER}[ -]?(?:m|cm|mm|zoll|fuss|meter|zentimeter)-\w+",
    rf"\b(?:eine?[mnrs]?|de[rnms]|die|das|diese[rnms]?) (?:\w+ )?{NUMBER} ?(?:zoll|fuss) \w+",
    r"\b(?:schild|anzeige|display|plakat|etikett|tafel)\w* (?:\w+ )?(?:zeigt|sagt|steht)\b"
    r".*?(?=[,;:.?!]|\b(?:und|aber|oder|wie)\b|$)",
    r"\bsteht auf .*?(?:schild|plakat|etikett|anzeige|tafel)\w*\b"
    r".*?(?=[,;:.?!]|\b(?:und|aber|oder|wie)\b|$)",
    r"\bauf .*?(?:schild|plakat|etikett|tafel)\w* steht\b"
    r".*?(?=[,;:.?!]|\b(?:und|aber|oder|wie)\b|$)",
    rf"\b(?:zeigt|anzeigt|zeigen)\b.*?\b{NUMBER} ?[a-z/°%]*",
    r"\bwie lange\b(?! (?:ist|sind) (?:der|die|das|dieser|diese) \w+\W*$)",
    rf"\b(?:langer|mehr|weniger|kurzer) als (?:{NUMBER}|\w+) {OTHER}",
    r"\bnicht (?:mehr )?langer\b", r"\bgeschwindigkeits(?:schild|begrenzung|anzeige|messer)\w*\b",
    r"\btempolimit\w*\b", r"\b(?:hochst|maximal)geschwindigkeit\b", r"\bwinkelschleifer\w*\b",
    r"\babstands(?:sensor|halter|schild|markierung)\w*\b", r"\blinks im bild|\brechts im bild",
    r"\b(?:linken|rechten) (?:bildhalfte|bildrand|halfte|seite des bildes)\b",
    r"\bgrosse (?:xs|s|m|l|xl|xxl|\d\d)\b", r"\bmass(?:band|stab)\w*\b|\bmetermass\b",
    # A cover that was taken off is no distance.
    r"\b(?:wurde|wurden|worden)\b.*\bentfernt\b|\bentfernt (?:worden|wurden?)\b",
    r"\b(?:etikett|abdeckung|schutz\w*|deckel|folie|aufkleber|verpackung|schild|schraube|pflaster"
    r"|schnee|mull|siegel)\w* (?:\w+ )?entfernt\W*$",
)

RULES: dict[str, tuple[str, ...]] = {
    "count": (
        rf"\bwie ?viele?\b(?! (?:{UNIT}|{OTHER}|uhr|platz|luft|abstand|raum))", r"\banzahl\b",
        r"(?:^|\b(?:bitte|und|mal|kannst du|konnen sie) )zahle?n?\b(?! (?:de[rn]|die) \w+ (?:kunde"
        r"|kassierer))", r"\b(?:kannst|konnen|konntest|kann|sollst) .*\bzahlen\W*$|\bdurchzahlen"
        r"|\bzahl (?:der|von|aller)\b",
        rf"\b(?:mehr|weniger) als {_MANY} (?!{UNIT}|{OTHER})\w",
        rf"\b(?:mindestens|hochstens|genau|uber) {_MANY} (?!{UNIT}|{OTHER})\w",
        rf"\b(?:mehr|weniger) (?!als\b)\w+ als \w+{END}",
        r"\b(?:so|genauso|ebenso|gleich) viele \w+ wie\b",
        rf"{_WHICH}.*\b(?:die|am) (?:meisten|wenigsten)\b",
        rf"\b(?:gibt es|sind|stehen|liegen|siehst du|sehen sie|sitzen|warten) (?:\w+ )?{_MANY} "
        rf"(?!{UNIT}|{OTHER})\w",
    ),
    "speed": (
        r"\bwie (?:schnell|langsam)\b", r"\w*geschwindigkeit\b",
        r"\b(?:das|welches|hohes|sein) tempo\b",
        r"\bschneller\b(?! \w+ (?:offen|an|aus)\W*$)", r"\blangsamer\b",
        r"\b(?:zu|so|sehr|ziemlich) (?:schnell|langsam)\b", r"\bbeschleunig(?:t|en)\b",
        rf"\b{_GO}\b.*\b(?:schnell|langsam|rasch)\b", r"\bbrems(?:t|en)\b(?! (?:an|defekt))",
        r"\bwird\b.*\b(?:schneller|langsamer)\b",
        r"\b(?:schnell|langsam|rasch)\b(?! wieder)",
    ),
    "size": (
        rf"\bwie {_SIZES}\b(?! her\b)(?!.*\b(?:temperatur|spannung|druck)\b)",
        r"\bwie lange (?:ist|sind) (?:der|die|das|dieser|diese) \w+\W*$",
        rf"\b{_MORE}(?: als\b| geworden\b|{END})", rf"\b{_SIZES} genug\b", rf"\bgenug {_SIZES}\b",
        r"\b(?:zu|ausreichend|hinreichend) (?:gross|klein|hoch|breit|lang|tief|dick|schmal|kurz"
        r"|eng|niedrig"
        r"|steil)\b", rf"\b(?:so|genauso|ebenso|gleich) {_SIZES}(?: wie\b|{END})",
        rf"\b(?:welche[nrs]?|gleiche|gleichen|dieselbe|ihre|seine) {_EXTENT}\b(?! \w+ (?:hat"
        rf"|gehort|ist offen))",
        rf"\b(?:die|eine|der|den|deren) {_EXTENT} (?:hat|haben|der|des|von|vom|eines|einer"
        rf"|betragt)\b"
        r"(?<!die lange der )", rf"\bwie (?:ist|lautet) (?:die|der) {_EXTENT}\b",
        r"\b(?:durchmesser|abmessung(?:en)?|die masse (?:des|der|von)|welche masse)\b",
        r"(?:^|\b(?:bitte|und|mal) )(?:miss|messen?|schatze?|ermittle|berechne|vermiss)\b"
        r"(?!.*(?:distan|abstand|entfern))",
        rf"\bpass(?:t|en|e)\b.*\b{_PASS}\b|\bpass(?:t|en)\b.*\bauf (?:de[rnm]|die|das"
        rf"|eine?[nrm]?)\b",
        rf"^(?!.*\b{_PEOPLE}\b).*\b(?:komm(?:t|e|en|st)|kame?|schaff(?:t|e|en|st)|gelang(?:t|e"
        rf"|en)|fahre|fahrt|ginge|gehe?t?|gehen)\b"
        r".*\b(?:durchs?|unter|zwischen|vorbei|hindurch|um diese|um die)\b",
        r"\b(?:kann|konnte|konnen|konnten)\b.*\b(?:durch\w*|unter|zwischen|vorbei\w*|hindurch)\b"
        r".*(?:passen|fahren|kommen|quetschen|gehen|schlupfen)",
        r"\b(?:genug|genugend|ausreichend|wie ?viel|reicht der|mehr) (?:platz|raum)\b",
        r"\bplatz (?:fur den|fur die|zum|um zu)\b", r"\b(?:platz|raum) (?:reicht|genug)\b",
        rf"{_WHICH}.*\bam {_MOST}\b", rf"^(?:ist|sind) .*\b(?:der|die|das) (?:{_MOST[:-2]}"
        rf"|nachst)e(?=\W*$)",
        rf"^(?:ist|sind) (?:das|dies|dieser|diese) (?:der|die|das) {_MOST[:-2]}e\b",
        rf"\bam {_MOST}{END}",
        r"\b(?:welche[rsmn]?) \w+ ist (?:der|die|das) \w*(?:ste|sste)\b",
        rf"\b(?:wer|was) ist (?:der|die|das) {_MOST[:-2]}e\b",
        rf"\bsieht\b.*\b{_SIZES} aus\b",
        rf"{_BE}.*\b(?:gross|klein|hoch|breit|lang|tief|dick|schmal|eng|niedrig|steil|flach"
        rf"|geraumig)"
        rf"{END}",
    ),
    "direction": (
        r"\b(?:welche[rn]?|gleiche[rn]?|dieselbe|derselben|falsche[rn]?|unsere|meine|eure|deine)"
        r" (?:fahrt)?richtung\b",
        r"\bwohin\b",
        r"^(?!.*\b(?:schaut|schauen|blickt|blicken|sieht|guckt|zeigt|zeigen|weist|offnet)\b)"
        r".*\bnach (?:links|rechts|vorne|hinten)\b", r"\bkurs (?:hat|der|des|von)|\bwelchen kurs\b",
        r"\bin richtung\b", r"\bwinkel\b", r"\b(?:aus|himmels)richtung\b",
        r"\b(?:links|rechts) (?:von|vom|neben|der|des|hinter|vor)\b(?! (?:tur|kamera) offen)",
        r"\blinks oder rechts\b|\brechts oder links\b",
        r"\b(?:linken|rechten) seite (?:des|vom|von|meine[rs])\b",
        r"\bzu (?:meiner|deiner|ihrer|seiner|unserer) (?:linken|rechten)\b",
        r"\bauf (?:meiner|unserer) (?:linken|rechten)\b",
        rf"\b{_GO}\b.*\b(?:auf (?!und )(?:\w+ ){{1,3}}zu(?=\W*$|,)"
        r"|nach (?:links|rechts|vorne?|hinten|norden|suden|osten|westen)\b"
        rf"|(?<!den )weg(?: von\b|{END})|entgegen\b|naher\b|ruckwarts\b|vorwarts\b)",
        r"\b(?:nahert|nahern)\b|\bentfern(?:t|en)\b(?=.*\bsich\b)|\bsich\b.*\bentfern(?:t|en)\b",
        r"\b(?:auf|von|aus) welcher? (?:seite|richtung)\b", r"\bruckwarts\b|\b(?:weicht|fahrt"
        r"|rollt|geht|setzt)\b.*\bzuruck\b",
        r"\b(?:im verhaltnis|relativ) (?:zu|zum|zur)\b|\bbezogen auf\b|\bin bezug auf\b",
        r"\bkoordinaten?\b", r"\b(?:peilung|azimut)\b", r"\b(?:welche|genaue|die) position (?:des"
        r"|der|von)\b",
        rf"\b(?:hinter|vor|neben|uber|unter|um|zwischen) {_SELF}(?!arm)",
        r"\b(?:steigung|neigung|gefalle)\b",
        rf"\b{_TILTED}\w*\b.*{_DEGREES}|{_DEGREES}.*(?:\b{_TILTED}\w*|nach (?:links|rechts)\b)",
        r"\b(?:stoss(?:t|en)|kollidier(?:t|en)|prall(?:t|en)|ramm(?:t|en))\b|\bgleich (?:gegen"
        r"|in) \b",
    ),
    "distance": (
        r"\bwie (?:weit|nah|nahe|dicht)\b", r"\b(?:abstand|abstande|entfernung|entfernungen"
        r"|distanz)\b",
        r"\b(?:naher|weiter) (?:als|an|am|weg|entfernt|bei|dran|zum|zur|beim|von|vom)\b",
        r"\bnaher\b(?! bringt)",
        rf"{_WHICH}.*\b(?:naher|weiter (?:weg|entfernt|hinten)|ferner)\b",
        r"\bweit (?:weg|entfernt|von|vom|genug|bis|zum|zur)\b",
        r"\b(?:zu|sehr|so|ganz|ziemlich|gefahrlich) (?:nahe?|weit"
        r"|dicht)\b", r"\b(?:nah|nahe|weit|dicht) genug\b", r"\bweitesten\b",
        rf"\b(?:weiter|nur|kaum|\w*meter|zentimetern?|{NUMBER} ?\w+|{_WORDS} \w+) entfernt\b",
        rf"{_WHICH}.*\b(?:am nachsten|am dichtesten|am fernsten)\b",
        rf"{_WHICH} (?:\w+ )?ist (?:der|die|das) nachste\b",
        r"\bam (?:nachsten|weitesten|dichtesten)(?: (?:dran|entfernt|weg))?(?=\W*$)",
        rf"{_BE}.*\b(?:nahe?|fern|weit){END}", rf"\b(?:nahe?|in der nahe|dicht) (?:bei |an |von "
        rf"|vor |hinter |des |vom )?{_SELF}", r"\bin der nahe\W*$", r"\breichweite\b",
        r"\b(?:kann|konnen|konnte)\b.*\b(?:erreichen|rankommen|greifen)\b",
        r"\b(?:komm(?:t|e)|reicht?)\b.*\b(?:arm|greifer|roboter|hand|seil|leiter"
        r"|kabel)\b.*\b(?:bis|ans?|heran|ran)\b",
        r"\b(?:auseinander|armlangen?|greifweite|griffweite)\b",
        rf"(?<![\w.,-]){NUMBER} ?{_UNITS}", rf"\bwie ?viele? {_UNITS}",
        rf"\b{_WORDS} (?:\w+ )?(?:zenti|kilo|milli)?metern?\b(?! (?:an der wand|hangt))",
        rf"\b{_WORDS} (?:schritte?n?|fuss|zoll) (?:weg|entfernt|von|breit|hoch|lang|tief|vor|zu)\b",
        r"\bwie ?viel (?:abstand|platz|luft|raum|spielraum)\b", r"\bin metern\b",
        r"\bum wie ?viel\b|\bbis wohin\b|\b(?:zwischenraum|spielraum|lucke zwischen)\b",
    ),
}
