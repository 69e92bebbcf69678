"""Spanish."""
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

_MANY = (rf"(?:{MANY}|cuatro|cinco|seis|siete|ocho|nueve|diez|once|doce|quince|veinte|treinta"
         r"|cincuenta|cien|una (?:docena|decena|veintena) de)")
_WORDS = (r"(?:un|una|uno|medio|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|doce|quince|veinte"
          r"|cien|pocos|pocas|varios|unos|unas|algunos)")
_SIZES = (r"(?:grandes?|pequen[oa]s?|alt[oa]s?|anch[oa]s?|larg[oa]s?|profund[oa]s?|grues[oa]s?"
          r"|hond[oa]s?|cort[oa]s?|estrech[oa]s?|baj[oa]s?|angost[oa]s?|empinad[oa]s?"
          r"|voluminos[oa]s?)")
_FAR = r"(?:cerca|lejos|cercan[oa]s?|lejan[oa]s?|proxim[oa]s?|alejad[oa]s?|pegad[oa]s?)"
_EXTENT = (r"(?:tamano|altura|anchura|ancho|longitud|largo|grosor|profundidad|diametro|superficie"
           r"|dimensiones|dimension|estatura|alto|radio|medidas?)")
_FAST = r"(?:rapid[oa]s?|rapidamente|deprisa|despacio|lent[oa]s?|lentamente|a toda velocidad)"
_GO = (r"(?:va|van|anda|andan|camina|caminan|corre|corren|conduce|circula|circulan|avanza|avanzan"
       r"|viene|vienen|se mueve|se mueven|moviendose|moviendo|caminando|corriendo|yendo|avanzando"
       r"|se dirige|se dirigen|vuela|gira|giran|girando|rueda|rodando|viniendo|girar|desplaza"
       r"|mueve|dirige|ir|torcer|tuerce)")
_SELF = (r"(?:mi|mio|mia|nosotros|ti|usted|(?:del|al|el|este|nuestro|mi) (?:robot|dron|rover"
         r"|agv))\b"
         r"(?! (?:aspirador|de juguete))")
_KINDS = r"(?:color|tipo|clase|marca|modelo|forma|material|palabra|texto|especie)"
# With "qué", not with the "que" of "the man that is ...".
_WHICH = (rf"(?:^|[,;:] ?|\b(?:dime|sabes|saber|ver|y|pero|en|a|con|por) )"
          rf"(?:cual|cuales|quien|quienes|que)\b(?! {_KINDS})")
_PEOPLE = (r"(?:alguien|personas?|hombres?|mujer(?:es)?|ninos?|nina|gente|trabajador(?:es)?|perros?"
           r"|gatos?|peaton(?:es)?)")
_BE = r"(?:^|\b(?:si|pero|y) )(?:.* )?(?:es|son|esta|estan|parece)\b"

ORDINARY = (
    OF_LENGTH, RELATIVE,
    r"(?<!\bes )(?<!\bson )(?<!\bcual )(?<!est[aeo] )(?<!es[aeo] )\b(?:el|la|los|las|del|al) \w+"
    r" mas "
    r"(?:cercan|lejan|proxim|alejad|grand|pequen|alt|larg|anch)\w+",
    r"\b(?:cartel|senal|letrero|etiqueta|rotulo) (?:\w+ )?(?:dice|pone|indica|muestra)\b"
    r".*?(?=[,;:.?!¿]|\b(?:y|pero|o|como|cuant\w+)\b|$)",
    rf"\b(?:pone|marca|indica|muestra|dice|senala|limitad[oa] a)(?: (?:un|una|el|la|de|a|mas|menos"
    rf"|unos|velocidad|limite))* {NUMBER} ?[a-z/°%]*",
    r"\bcuanto tiempo\b", rf"\b(?:mas|menos) de (?:{NUMBER}|\w+) {OTHER}",
    r"\b(?:limite|senal|limitacion|radar|indicador|sensor|medidor|marcador|cartel)(?:es)? de "
    r"(?:velocidad|distancia|direccion|altura|tamano|alta tension)\b",
    r"\bcinta metrica\b", r"\balta tension\b", r"\bde gran altura\b",
    r"\btamano (?:natural|real)\b",
    r"\bdistancias? de seguridad\b", r"\bcaja de cambios\b", r"\bel metro (?:en|de)\b",
    r"\ba la (?:izquierda|derecha) (?:de la (?:imagen|foto|pantalla)|en la (?:imagen|foto))\b",
    r"\bparte (?:izquierda|derecha)\b", r"\bal fondo\b", r"\ba lo largo\b", r"\ba lo lejos\b",
    r"\bun paso\b(?= (?:de peatones|de cebra|libre|a nivel))", r"\bcodigo\b", r"\ben lo alto\b",
)

RULES: dict[str, tuple[str, ...]] = {
    "count": (
        rf"\bcuant[oa]s\b(?! (?:{UNIT}|{OTHER}|anos))|\bcuanta gente\b",
        r"(?:^|\b(?:el|que|del) )numero (?:total|de (?!(?:el|la|su|mi|tu|telefono|serie|matricula"
        r"|este|esta)\b))",
        r"\bcantidad de\b",
        r"(?:^|\b(?:y|favor,?|puedes|quiero que|podrias) )(?:cuent[ae]n?|contar|cuentame)\b"
        r"(?! (?:el|la) \w+ (?:el|la|los|las)\b)",
        rf"\b(?:mas|menos) de {_MANY} (?!{UNIT}|{OTHER})\w",
        rf"\bhay (?:mas|menos) \w+ que \w+{END}|\bmas (?:gente|personas) que\b",
        r"\btant[oa]s \w+ como\b", rf"{_WHICH}.*\btienen? (?:mas|menos) \w+s{END}",
        rf"\b(?:al menos|por lo menos|como mucho|como maximo|exactamente) {_MANY} "
        rf"(?!{UNIT}|{OTHER})\w", rf"\b(?:hay|ves|ve usted|se ven) (?:\w+ )?{_MANY} (?!{UNIT}"
        rf"|{OTHER})\w",
    ),
    "speed": (
        r"\bvelocidad\b", rf"\b(?:que|cuan) (?:tan )?{_FAST}\b",
        rf"\b(?:mas|menos|demasiado|muy|tan|bastante|como de) {_FAST}\b",
        rf"\b{_GO}\b.*\b{_FAST}\b", r"\b(?:acelera|frena|acelerando|frenando|desacelera\w*"
        r"|reduciendo la)\b(?<!de mano)", rf"{_BE}.*\b{_FAST}{END}",
        r"\b(?:rapido|rapidamente|deprisa|despacio|lentamente)\b",
    ),
    "size": (
        rf"\b(?:que|cual es (?:el|la)|cuales son las|el|la|su|misma|mismo|igual|mide|medir|estima"
        rf"|de que|las|dime (?:el|la)) {_EXTENT}\b(?! (?:rojo|verde|azul|esta|de(?:l)? (?:pasillo"
        rf" esta"
        r"|semaforo)))(?= (?:tiene|tienen|del?|hay|que|cubre|ocupa|es|son|mide|en|aproximad\w+)"
        r"|\W*$|,)",
        r"\b(?:tamano|altura|anchura|longitud|grosor|profundidad|diametro|dimensiones)\b(?!"
        r" (?:natural"
        r"|real))", r"\bque (?:superficie|area|volumen)\b",
        rf"\b(?:que|cuan) (?:tan )?{_SIZES}(?= (?:es|son|esta|estan|era|parece)\b|\W*$)",
        rf"\b(?:que|cuan) tan {_SIZES}\b",
        r"\bcuanto miden?\b|\bmiden? (?:\w+ )*?\d|\b(?:mide|mida|medir) (?:mas|menos)\b",
        r"(?:^|\b(?:y|favor,?|puedes) )(?:mide|medir|estima|calcula|calcular|estimar|mida)\b"
        r"(?!.*distan)",
        rf"\bcomo (?:de )?{_SIZES}\b", rf"\b(?:mas|menos|tan) {_SIZES} (?:que|como|de los|de"
        rf" las)\b", rf"(?<!un )\btan {_SIZES}\b",
        rf"\b(?:suficientemente|bastante|demasiado|tan|igual de) {_SIZES}(?!\w)(?! (?:abiert"
        rf"|cerrad))",
        r"\b(?:cabe|caben|cabria|quepa|quepo|cabemos|cabra|entraria)\b",
        r"\b(?:suficiente|bastante|cuanto|mas) (?:espacio|sitio|hueco)\b",
        r"\b(?:espacio|sitio|hueco) (?:suficiente|para|bastante)\b(?! (?:sillas|minusvalidos))",
        r"\bhay (?:\w+ )?(?:espacio|sitio|hueco)\b.*\bpara (?!aparcar)",
        r"\b(?:puede|puedo|podria|pueden|podemos|podra)\b.*\b(?:pasar|entrar|cruzar|caber|meterse"
        r"|colarse|girar|maniobrar)\b",
        rf"^(?!.*\b{_PEOPLE}\b)(?:.* )?(?:pasa|pasan|pasaria|entra|entraria|paso)\b.*\b(?:por"
        rf"|entre|debajo)\b",
        rf"{_WHICH}.*\b(?:es|son|parece|tiene) (?:\w+ )?(?:el |la |los |las )?(?:mas|menos)"
        rf" {_SIZES}\b",
        rf"\b(?:es|son) (?:el |la )?(?:mas|menos) {_SIZES}{END}",
        rf"{_WHICH} (?:\w+ )?es (?:el|la) \w+ mas {_SIZES}",
        rf"^(?:es|son) (?:mas|menos) {_SIZES}\b",
        rf"^(?:es|son) (?:est[aeo]s?|es[aeo]s?|aquel\w*) (?:el|la|los|las) \w+ (?:mas|menos)"
        rf" {_SIZES}\b",
        rf"^(?:es|son|esta|estan) (?!.*\b(?:un|una) \w+ muy)(?:.* )?muy (?:{_SIZES}|junt[oa]s"
        rf"|separad[oa]s|pronunciad[oa]"
        r"|fuerte la pendiente)\b",
        rf"^(?!.*\b{_PEOPLE}\b)(?:.* )?(?:pasar|cruzar|colarse|maniobrar|girar) (?:por|entre"
        rf"|junto|debajo|al lado)\b",
        rf"^(?:es|son)\b.*\b(?<!\bun )(?<!\buna )(?:profund[oa]|hond[oa]|anch[oa]|estrech[oa]"
        rf"|alt[oa]|larg[oa]"
        rf"|baj[oa]|empinad[oa]|grande|pequen[oa]|espacios[oa])s?{END}",
        r"\bes (?:muy )?(?:profund[oa]|hond[oa]|anch[oa]|estrech[oa]|alt[oa]|larg[oa]"
        r"|empinad[oa]) (?:el"
        r"|la|ese|esa|este|esta)\b", r"\bsobresale\w*\b.*\b(?:cuanto|mas|\d)|\bcuanto sobresale\b",
    ),
    "direction": (
        r"\b(?:que|cual|misma|nuestra|mi|tu|su) direccion\b",
        r"\bhacia (?:donde|que)\b|\badonde va\b|\ba donde va\b",
        r"\ben direccion (?:a|al|contraria)\b", r"\b(?:que|cual) (?:lado|sentido)\b",
        r"\ba (?:mi|nuestro) lado\b",
        r"\b(?:que|el|cual es el) angulo\b", r"\borientacion\b|\brumbo\b|\bazimut\b",
        r"\bcoordenadas\b", r"\bposicion (?:exacta|del?)\b",
        r"\ba (?:mi|tu|su|nuestra) (?:izquierda|derecha)\b",
        r"\ba la (?:izquierda|derecha) (?:de|del)\b", r"\b(?:lado )?(?:izquierd[oa]|derech[oa])"
        r" del robot\b",
        r"\bizquierda o (?:(?:a|por) )?(?:la |mi )?derecha\b|\bderecha o (?:(?:a|por) )?(?:la |mi"
        r" )?izquierda\b",
        r"^(?!.*\b(?:mir|apunt|senal|orient|inclinad|abre|abiert)\w*).*\bhacia\b",
        r"\b(?:acerc|alej)(?:a|an|ar|ando|ado|aba|ara|ad[oa]s?)(?:se|nos|me)?\b(?! de (?:que"
        r"|si)\b)|\baproxima\w*\b",
        r"\ba (?:mis|nuestras) espaldas\b",
        rf"\b{_GO}\b.*\b(?:hacia|a la (?:izquierda|derecha)|marcha atras|contra)\b",
        r"\bmarcha atras\b|\bretroced\w+\b", r"\b(?:con )?respecto (?:a|al|de|del)\b|\ben"
        r" relacion con\b",
        r"\b(?:inclinacion|pendiente|desnivel|cuesta)\b(?= (?:tiene|de|es|supera|hay|mas)|.*\d)",
        r"\b(?:que|cuanta) (?:pendiente|inclinacion)\b",
        rf"\b(?:gir|inclin|abiert|rot|torcid|angulo|ladead|volcad)\w*\b.*(?:{NUMBER}|{_WORDS})"
        rf" ?{DEGREES}",
        rf"\b(?:detras|entre|alrededor|delante|al lado|encima|debajo|enfrente|a la (?:izquierda"
        rf"|derecha)) (?:de )?{_SELF}",
        r"\b(?:va|van|vamos|voy) a\b.*\b(?:chocar|golpear|atropellar|impactar)\b",
    ),
    "distance": (
        r"\bdistancias?\b|\bdistan?\b", rf"\b(?:demasiado|tan|muy|que tan|cuan|igual de) {_FAR}\b",
        rf"\b(?:mas|menos) {_FAR}(?: (?:que|del?|de lo)\b|{END})", r"\bmas alla de\b",
        r"\b(?:mas|esta) lejos\b|\blejos (?:de|del|esta|estan|queda)\b",
        r"\blejos\b",
        rf"\b(?:bastante|suficientemente) {_FAR}\b", r"\bcomo de (?:cerca|lejos)\b",
        rf"{_WHICH}.*\b(?:esta|estan|es|queda|se encuentra) (?:\w+ )?(?:el |la )?mas {_FAR}",
        rf"{_BE} (?:\w+ )?cerca (?:la|el|los|las) \w+{END}", rf"\bcerca{END}",
        rf"\b(?:cerca|proxim[oa]|pegad[oa]|junto) (?:de |a )?{_SELF}",
        rf"\bcuant[oa]s {UNIT}|\ba cuanto\b|\bcuanto (?!tiempo|cuesta|pesa|dura|vale|lleva"
        rf"|es\b)\w+",
        rf"(?<![\w.,-]){NUMBER} ?{UNIT}",
        rf"\b(?:{_WORDS}) (?:centi|kilo|mili)?metros?\b(?! (?:en la pared|plegable|de madera))",
        rf"\ba (?:menos de |mas de |solo |casi |unos )?{_WORDS} (?:pasos?|pies|pulgadas?"
        rf"|metros?)\b",
        r"\bal alcance\b|\bfuera de(?:l)? alcance\b|\bhasta donde\b",
        r"\b(?:puede|puedo|podria)\b.*\b(?:alcanzar|llegar al?|agarrar|coger)\b",
        r"\bllega\b.*\b(?:brazo|pinza|robot"
        r"|cable|cuerda|manguera|escalera)\b.*\b(?:al?|hasta)\b", r"\b(?:espacio|hueco)"
        r" (?:hay )?(?:entre|debajo|libre)\b|\bseparacion\b",
        r"\ben metros\b|\bseparad[oa]s\b.*\b(?:metro|cuanto|\d)",
    ),
}
