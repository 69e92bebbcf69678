"""What gives a geometry question away, by language and aspect.

Regular expressions over text as `guard.plain` makes it: lower case and **without accents** (so
"à" is "a", "größe" and "große" are both "grosse"). A count up to three is a few, and ordinary.
"""
from __future__ import annotations

_MANY = r"(?:[4-9]|\d{2,})"
_UNIT = (r"(?:mm|cm|dm|m|km|ft|millimet(?:er|re)s?|centimet(?:er|re)s?|kilomet(?:er|re)s?"
         r"|met(?:er|re)s?|metern|foot|feet|inch(?:es)?|yards?|zoll|metros?|centimetros?|pies"
         r"|pulgadas?)\b")

_EN_MANY = rf"(?:{_MANY}|four|five|six|seven|eight|nine|ten|eleven|twelve|a dozen|twenty|fifty" \
           r"|a hundred)"
_EN_SIZES = r"(?:tall|big|large|wide|long|high|deep|thick|small|short|narrow|broad)"
_EN_MORE = r"(?:taller|bigger|larger|wider|longer|higher|deeper|thicker|smaller|shorter|narrower" \
           r"|broader|lower)"
_EN_MOST = r"(?:tallest|biggest|largest|widest|longest|highest|smallest|shortest|narrowest)"
_EN_MOVING = r"(?:moving|walking|running|driving|coming|going|heading|flying|travell?ing|rolling" \
             r"|riding|turning|drifting)"
_EN = {
    "count": (
        r"\bhow many\b", r"\b(?:what|the|total) number of\b", r"^count\b", r"\bcount (?:the|all|of)\b",
        rf"\b(?:more|fewer|less) than {_EN_MANY} (?!{_UNIT})\w",
        rf"\b(?:at least|at most|exactly|over|up to) {_EN_MANY} (?!{_UNIT})\w",
        rf"^(?:are there|do you see|can you see) (?:\w+ )?{_EN_MANY} (?!{_UNIT})\w",
    ),
    "speed": (
        r"\bhow (?:fast|quick|quickly|slow|slowly)\b", r"\b(?:speed|velocity|speeding)\b",
        r"\b(?:faster|slower)\b", r"\btoo (?:fast|slow)(?:ly)?\b",
        rf"\b{_EN_MOVING} (?:\w+ )?(?:fast|quickly|slowly|rapidly)\b",
        r"\b(?:accelerat|decelerat)\w+", r"\b(?:slowing down|speeding up)\b",
        r"\d ?(?:km/h|kmh|mph|m/s|km per hour)",
    ),
    "size": (
        rf"\bhow {_EN_SIZES}\b(?! (?:has|have|had|ago|did|do|does|will|until|since|must|should))",
        rf"\b{_EN_MORE} than\b", rf"\b{_EN_SIZES} enough\b", rf"\btoo {_EN_SIZES}\b",
        r"\b(?:what|which|same|the) size\b", r"\bsize of\b", r"\bdimensions?\b",
        r"\b(?:what|its|whose|same|the) (?:\w+ )?(?:width|height|length|diameter|thickness|depth)\b"
        r"(?! (?:camera|sensor|marker))",
        r"\bfits? (?:through|in|into|under|between|inside|on)\b", r"\benough (?:room|space)\b",
        rf"\b(?:which|what|who)\b.*\b{_EN_MOST}\b", rf"\b(?:is|are)\b.*\bthe {_EN_MOST}(?: one)?\W*$",
        rf"\bas {_EN_SIZES} as\b",
    ),
    "direction": (
        r"\b(?:which|what|same|opposite|wrong) (?:direction|way|angle|orientation)\b",
        r"\bdirection of\b", r"\bin the direction\b", r"\b(?:bearing|azimuth|heading) of\b",
        r"\b(?:the|what) angle\b", r"\bleft or (?:to )?(?:the )?right\b",
        r"\bto (?:the|my|your|our|its|his|her|their) (?:left|right)\b", r"\b(?:left|right) of (?!way)",
        rf"\b{_EN_MOVING} (?:\w+ )?(?:towards?|away|left|right|forwards?|backwards?|north|south|east"
        r"|west|this way|closer|nearer|at us)\b",
        r"\b(?:is|are|was|were|anyone|anything|someone|something) (?:.*)?\bapproaching\b",
        r"\brelative to\b", r"\bo'clock\b", r"\d ?(?:degrees?|°)", r"\bwhich side\b",
        r"\b(?:facing|pointing) (?:north|south|east|west)\b",
    ),
    "distance": (
        r"\bhow (?:far|close|near)\b", r"\bdistances?\b", r"\b(?:closer|nearer|farther)\b",
        r"\bfurther (?:away|than|from)\b", r"\b(?:far|farther|further) (?:away|from|off)\b",
        r"\b(?:too|so|very|quite|dangerously) (?:close|near|far)\b", r"\b(?:close|near|far) enough\b",
        r"\b(?:which|what|who)\b.*\b(?:closest|nearest|farthest|furthest)\b",
        r"\b(?:closest|nearest|farthest|furthest)(?: one)?(?: to\b|\W*$)",
        r"\bwithin (?:arm'?s |\w+ )?(?:reach|range)\b", r"\b(?:gap|clearance) (?:between|to|of)\b",
        rf"\d ?{_UNIT}", r"\bin (?:met(?:er|re)s|centimet(?:er|re)s|feet|inches)\b",
        r"\b(?:a|one|two|three|four|five|six|ten|half a|few|several|many) "
        r"(?:met(?:er|re)s?|centimet(?:er|re)s?|kilomet(?:er|re)s?|feet|foot|inch(?:es)?|yards?)"
        r"\b(?! reading)",
        r"\bis .* (?:far)\W*$",
    ),
}

_FR_MANY = rf"(?:{_MANY}|quatre|cinq|six|sept|huit|neuf|dix|onze|douze|vingt|cinquante|cent)"
_FR_SIZES = r"(?:grande?s?|petite?s?|hautes?|hauts?|large?s?|longue?s?|epaisse?s?|profonde?s?)"
_FR_MOVING = r"(?:va|vont|roule|roulent|marche|marchent|avance|avancent|court|courent|bouge" \
             r"|bougent|se deplace|se deplacent|vole|se dirige|se dirigent|arrive|vient)"
_FR = {
    "count": (
        r"\bcombien de (?!temps|fois|minutes|secondes|metres|centimetres|kilometres)",
        r"\bcombien d'(?!heures?|annees?)", r"\bcombien y a|\bcombien (?:sont|en vois|en voit)",
        r"\b(?:quel est le|le) nombre d", r"^compte[rz]?\b", r"\bil y en a combien\b",
        rf"\b(?:plus|moins) (?:de |d'){_FR_MANY} (?!{_UNIT})\w",
        rf"\b(?:au moins|au plus|exactement) {_FR_MANY} (?!{_UNIT})\w",
        rf"\b(?:y a-t-il|il y a|vois-tu|voyez-vous) {_FR_MANY} (?!{_UNIT})\w",
    ),
    "speed": (
        r"\bvitesse\b", r"\b(?:a quelle allure|trop vite|plus vite|moins vite|si vite)\b",
        rf"\b{_FR_MOVING}(?:-t)?(?:-il|-elle|-ils|-elles)? (?:\w+ )?(?:vite|rapidement|lentement)\b",
        r"\b(?:accelere|ralentit|freine)\w*",
    ),
    "size": (
        r"\b(?:quelle?s?|la|meme) (?:est (?:la|sa) )?(?:taille|hauteur|largeur|longueur|epaisseur"
        r"|profondeur)\b", r"\bde quelle (?:taille|hauteur|largeur|longueur)\b",
        r"\bsa (?:taille|hauteur|largeur|longueur)\b", r"\bdimensions?\b", r"\bdiametre\b",
        rf"\b(?:plus|moins|aussi) {_FR_SIZES} (?:que|qu')", rf"\bassez {_FR_SIZES}\b",
        rf"\btrop {_FR_SIZES}\b", r"\bassez de place\b",
        r"\b(?:peut-il|peut-elle|pourra|peut|passe-t-il|passe-t-elle|tient-il|tient-elle|rentre)\b"
        r".*\b(?:passer|entrer|tenir|par la|dans)\b",
        rf"\bqu(?:el|elle|i)\b.*\b(?:le|la) plus {_FR_SIZES}\b",
    ),
    "direction": (
        r"\b(?:quelle|meme|mauvaise) direction\b", r"\b(?:dans|vers) quel(?:le)? (?:sens|cote|direction)\b",
        r"\bde quel cote\b", r"\b(?:quel|l') ?angle\b", r"\bquelle orientation\b",
        r"\ba (?:ma|ta|sa|votre|notre) (?:gauche|droite)\b", r"\ba (?:gauche|droite) (?:de|du|des|d')",
        r"\ba gauche ou a droite\b", r"\bapproche\w*\b", r"\beloigne\w*\b",
        rf"\b{_FR_MOVING}(?:-t)?(?:-il|-elle|-ils|-elles)? (?:vers|a gauche|a droite)\b",
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

_DE_MANY = rf"(?:{_MANY}|vier|funf|fuenf|sechs|sieben|acht|neun|zehn|elf|zwolf|zwoelf|zwanzig" \
           r"|funfzig|hundert)"
_DE_SIZES = r"(?:gross|groß|klein|hoch|breit|lang|tief|dick|schmal|kurz)"
_DE_MORE = r"(?:grosser|groesser|kleiner|hoher|hoeher|breiter|langer|laenger|tiefer|dicker|schmaler" \
           r"|kurzer|kuerzer|niedriger)"
_DE_GO = r"(?:fahrt|faehrt|fahren|geht|gehen|lauft|laeuft|laufen|rennt|bewegt|bewegen|rollt|kommt" \
         r"|kommen|fliegt|dreht)"
_DE = {
    "count": (
        r"\bwie ?viele\b", r"\banzahl\b", r"^zahle?n?\b", r"^zaehle?n?\b",
        rf"\b(?:mehr|weniger) als {_DE_MANY} (?!{_UNIT})\w",
        rf"\b(?:mindestens|hochstens|hoechstens|genau|uber|ueber) {_DE_MANY} (?!{_UNIT})\w",
        rf"\b(?:gibt es|sind da|sind dort|sind hier|siehst du|sehen sie) {_DE_MANY} (?!{_UNIT})\w",
    ),
    "speed": (
        r"\bwie (?:schnell|langsam)\b", r"\w*(?<!hochst)(?<!hoechst)geschwindigkeit\b", r"\btempo\b",
        r"\bschneller\b", r"\blangsamer\b", r"\bzu (?:schnell|langsam)\b", r"\bbeschleunigt\b",
        rf"\b{_DE_GO}\b.*\b(?:schnell|langsam)\b", r"\bbremst\b",
    ),
    "size": (
        rf"\bwie {_DE_SIZES}\b", rf"\b{_DE_MORE} als\b", rf"\b{_DE_SIZES} genug\b",
        rf"\bzu {_DE_SIZES}\b", rf"\b(?:so|genauso) {_DE_SIZES} wie\b",
        r"\b(?:welche|gleiche|die|ihre|seine) (?:grosse|groesse) (?:hat|haben|der|des|von|besitzt|ist)\b",
        r"\bwelche (?:grosse|groesse|hohe|hoehe|breite|lange|laenge|tiefe)\b",
        r"\bwie (?:ist|lautet) die (?:grosse|groesse|hohe|hoehe|breite|lange|laenge)\b",
        r"\b(?:durchmesser|abmessungen?|masse des|masse der)\b", r"\bpass(?:t|en)\b.*"
        r"\b(?:durch|in|unter|zwischen|hinein|rein|hindurch)\b", r"\b(?:genug|genugend|ausreichend) platz\b",
        r"\bwelche\w*\b.*\bam (?:grossten|groessten|kleinsten|hochsten|hoechsten|langsten|laengsten)\b",
        r"\bwelche\w*\b.*\b(?:grosste|groesste|kleinste|hochste|hoechste|langste|laengste|breiteste)\w*\b",
    ),
    "direction": (
        r"\b(?:welche|welcher|gleiche|gleicher|dieselbe|falsche|falscher) richtung\b", r"\bwohin\b",
        r"\bin richtung\b", r"\bwinkel\b(?!schleifer)", r"\bausrichtung\b",
        r"\b(?:links|rechts) (?:von|vom|neben|der|des)\b", r"\blinks oder rechts\b",
        r"\bzu (?:meiner|deiner|ihrer|seiner) (?:linken|rechten)\b",
        rf"\b{_DE_GO}\b.*\b(?:auf .* zu|nach (?:links|rechts|vorne|hinten|norden|suden)|weg|entgegen)\b",
        r"\b(?:nahert|naehert|nahern|naehern|entfernt) sich\b", r"\bsich\b.*\b(?:nahert|naehert|nahern)\b",
        r"\b(?:nahert|naehert|nahern|naehern|entfernt|entfernen)\b.*\bsich\b",
        r"\bauf welcher seite\b", r"\d ?(?:grad|°)", r"\bim verhaltnis zu\b",
    ),
    "distance": (
        r"\bwie (?:weit|nah|nahe)\b", r"\b(?:abstand|entfernung|entfernungen|distanz)\b",
        r"\b(?:naher|naeher|weiter) (?:als|an|am|weg|entfernt|bei|dran)\b", r"\bweit (?:weg|entfernt|von)\b",
        r"\b(?:zu|sehr|so) (?:nah|nahe|weit)\b", r"\b(?:nah|nahe|weit) genug\b", r"\bentfernt\b",
        r"\b(?:ein|einen|einem|zwei|drei|vier|funf|fuenf|zehn|wenige|einige|paar) (?:meter|metern"
        r"|zentimeter|zentimetern)\b", r"\bwelche\w*\b.*\b(?:am nachsten|am naechsten|nachste|naechste)\w*\b",
        r"\bin reichweite\b",
    ),
}

_ES_MANY = rf"(?:{_MANY}|cuatro|cinco|seis|siete|ocho|nueve|diez|once|doce|veinte|cincuenta|cien)"
_ES_SIZES = r"(?:grandes?|pequen[oa]s?|alt[oa]s?|anch[oa]s?|larg[oa]s?|profund[oa]s?|grues[oa]s?" \
            r"|cort[oa]s?|estrech[oa]s?|baj[oa]s?)"
_ES_GO = r"(?:va|van|anda|camina|caminan|corre|corren|conduce|circula|avanza|avanzan|viene|vienen" \
         r"|se mueve|se mueven|moviendose|moviendo|caminando|corriendo|yendo|avanzando|se dirige" \
         r"|vuela|gira)"
_ES = {
    "count": (
        r"\bcuant[oa]s (?!metros|centimetros|kilometros|segundos|minutos|horas|anos)",
        r"\b(?:el|que) numero de\b", r"\bcantidad de\b", r"^cuent[ae]\b",
        rf"\b(?:mas|menos) de {_ES_MANY} (?!{_UNIT})\w",
        rf"\b(?:al menos|por lo menos|como mucho|exactamente) {_ES_MANY} (?!{_UNIT})\w",
        rf"\b(?:hay|ves|ve usted) {_ES_MANY} (?!{_UNIT})\w",
    ),
    "speed": (
        r"\bvelocidad\b", r"\b(?:que|cuan) (?:tan )?(?:rapid[oa]|lent[oa]|deprisa)\b",
        r"\b(?:mas|menos|demasiado) (?:rapid[oa]|lent[oa]|deprisa|despacio)\b",
        rf"\b{_ES_GO}\b.*\b(?:rapid[oa]|rapidamente|deprisa|despacio|lentamente)\b",
        r"\b(?:acelera|frena|acelerando|frenando)\b",
    ),
    "size": (
        r"\b(?:tamano|altura|anchura|longitud|grosor|profundidad|diametro|dimension(?:es)?)\b"
        r"(?! (?:natural|real))",
        r"\b(?:que|cuan) (?:tan )?(?:grande|alt[oa]|anch[oa]|larg[oa]|profund[oa]|pequen[oa])s?\b",
        r"\bcuanto mide\b", r"\bcomo de (?:grande|alt[oa]|anch[oa]|larg[oa]|pequen[oa])s?\b",
        rf"\b(?:mas|menos|tan) {_ES_SIZES} (?:que|como)\b",
        rf"\b(?:suficientemente|bastante|demasiado) {_ES_SIZES}\b", r"\b(?:cabe|caben|cabria|quepa)\b",
        r"\b(?:suficiente|bastante) (?:espacio|sitio)\b",
        rf"\b(?:cual|quien|que)\b.*\b(?:mas|menos) {_ES_SIZES}\b",
    ),
    "direction": (
        r"\b(?:que|cual|misma) direccion\b", r"\bhacia (?:donde|que)\b", r"\ben direccion a\b",
        r"\bque lado\b", r"\b(?:que|el) angulo\b", r"\borientacion\b",
        r"\ba (?:la|mi|tu|su|nuestra) (?:izquierda|derecha)(?: (?:de|del)\b|\W*$)",
        r"\ba la izquierda o a la derecha\b", r"\b(?:acerca|acercan|acercando|aleja|alejan|alejando)\w*\b",
        rf"\b{_ES_GO}\b.*\bhacia\b", r"\brespecto (?:a|al|de|del)\b", r"\d ?(?:grados?|°)",
    ),
    "distance": (
        r"\bdistancias?\b", r"\b(?:mas|menos|demasiado|muy|tan) (?:cerca|lejos)\b",
        r"\blejos (?:de|del|esta|estan)\b", r"\blejos\W*$", r"\b(?:lo )?(?:bastante|suficientemente) (?:cerca|lejos)\b",
        r"\b(?:que|cuan) (?:tan )?(?:cerca|lejos)\b", r"\bcuant[oa]s (?:metros|centimetros|kilometros)\b",
        r"\b(?:un|dos|tres|cuatro|cinco|diez|pocos|varios|unos) (?:metros?|centimetros?)\b",
        r"\b(?:cual|quien|que)\b.*\bmas (?:cercan[oa]|cerca|lejan[oa])\b", r"\bal alcance\b",
    ),
}

_ZH_MANY = r"(?:[4-9]|\d{2,}|[四五六七八九十百]+)"
_ZH_NAMES = r"(?:个|個|人|只|隻|辆|輛|台|张|張|把|位|名|件|条|條|箱|棵|本|扇)"
_ZH_SIZES = r"(?:大|高|宽|寬|长|長|深|厚|小|窄|矮|短)"
_ZH = {
    "count": (
        rf"多少(?:{_ZH_NAMES}|名|种)", r"有多少(?!米|厘米|公分|公里|度)", rf"(?:几|幾){_ZH_NAMES}",
        r"数量", r"數量", r"总数", r"人数", r"人數", r"数一数", r"數一數", r"数数",
        rf"(?:超过|超過|多于|少于|至少有?|最多有?|正好有?|有){_ZH_MANY}{_ZH_NAMES}",
        rf"{_ZH_MANY}{_ZH_NAMES}以上",
    ),
    "speed": (r"多快", r"多慢", r"(?<!限)速度", r"速率", r"(?:太|更|得很|得)(?:快|慢)", r"比.*(?:快|慢)", r"加速|减速|減速",
              r"快不快|慢不慢|快吗|慢吗", r"时速|時速"),
    "size": (
        rf"(?:有|是)?多(?:大|高|宽|寬|长|長|深|厚|小|窄|矮)(?!的?(?:时间|時間|年|岁|歲|年纪|年紀|年龄))",
        r"(?:尺寸|大小|高度|宽度|寬度|长度|長度|厚度|深度|直径|直徑|体积|體積|面积|面積|身高)",
        rf"比.*{_ZH_SIZES}", rf"(?:够|夠|足够|太){_ZH_SIZES}", r"(?:放|塞|装|裝|通|穿|开|開)(?:得|不)(?:下|进|進|过|過)",
        r"(?:能|可以|能否|能不能).*(?:通过|通過|穿过|穿過|放进|放進|放下)", r"(?:足够|足夠|够)的?空间",
        rf"(?:哪|谁|誰).*最{_ZH_SIZES}", rf"一样{_ZH_SIZES}",
    ),
    "direction": (
        r"(?:哪个|什么|哪|什麼|同一|何)(?:个)?方向", r"朝哪|往哪|向哪|朝向|方位|角度", r"(?:左|右)(?:边|邊|侧|側)还是|左还是右",
        r"在.+的(?:左|右)(?:边|邊|侧|側|方|面)", r"(?:朝|向|往).*(?:走来|走來|走去|走|跑|移动|移動|开|開|驶|飞|靠近)",
        r"靠近(?:我|机器人|機器人|吗|嗎|中)|正在(?:靠近|接近|远离|遠離)|接近|远离|遠離", r"相对于|相對於", r"\d ?度",
        r"(?:在)?(?:我|你|机器人|機器人)的(?:左|右)",
    ),
    "distance": (
        r"多远|多遠|多近", r"距离|距離|间距|間距|间隔", r"(?:更|太|很|最|比较|足够|够|有点)(?:近|远|遠)", r"远不远|近不近|(?:远|遠|近)(?:吗|嗎)",
        r"离.*(?:近|远|遠)|離.*(?:近|遠)", rf"(?:\d|[一二两兩三四五六七八九十几幾半]|多少) ?(?:米|厘米|公分|公里|公尺|毫米|千米)",
        r"伸手可及|够得着|夠得著",
    ),
}

RULES: dict[str, dict[str, tuple[str, ...]]] = {"en": _EN, "fr": _FR, "de": _DE, "es": _ES,
                                                "zh": _ZH}

# Taken out before the rules are tried: what only locates or names something.
LOCATED = (
    r"\bspeed (?:limit|sign|bump|camera|boat)s?\b", r"\bright of way\b", r"\blong distance\b",
    r"\b(?:to|on|at|in|of) the (?:left|right)(?: hand)?(?: side| half| part| edge| third)?"
    r" of (?:the|this) (?:image|picture|photo|frame|screen|view)\b",
    r"\b(?:left|right) (?:side|half|part|edge|third)(?: of (?:the|this) (?:image|picture|photo|frame"
    r"|screen|view))?\b",
    r"\bpanneau(?:x)? de (?:limitation de )?vitesse\b", r"\blimitation de vitesse\b",
    r"\ba (?:gauche|droite) (?:de|dans) l'(?:image|ecran)\b", r"\bdistances? de securite\b",
    r"\b(?:links|rechts) im bild\b", r"\bgeschwindigkeits(?:schild|begrenzung)\w*\b",
    r"\b(?:limite|senal|limitacion) de velocidad\b",
    r"\ba la (?:izquierda|derecha) (?:de la (?:imagen|foto|pantalla)|en la imagen)\b",
    r"(?:图像|图片|画面|照片)的?(?:左|右)(?:边|侧|半|部|半边|面)", r"限速(?:牌|标志)?", r"大小便",
    r"\bsigns? (?:\w+ )?(?:says?|reads?|shows?)\b.*",
    r"\bcuanto tiempo\b", r"\bcombien de temps\b", r"\bwie lange\b",
)
