"""Spanish: idioms and everyday wordings of reach, collision, passage, pace and place."""
from __future__ import annotations

from smolvlm_ros.qa.guard_rules.shared import END, NOT_COUNTED, OTHER, WARMTH

_MANY = (r"(?:[4-9]|\d{2,}|cuatro|cinco|seis|siete|ocho|nueve|diez|once|doce|quince|veinte"
         r"|treinta|cincuenta)")
_HOUR = (r"(?:\d{1,2}|una|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|once|doce)")
_WIND = r"(?:norte|sur|este|oeste|nor(?:d?este|oeste)|sud?(?:este|oeste))"
_SEEN = (r"(?:obstaculos?|dron(?:es)?|blancos?|contactos?|objetos?|personas?|alguien|algo"
         r"|vehiculos?|barcos?|peligros?|coches?|camion(?:es)?|animal(?:es)?)")

ORDINARY = (
    WARMTH,
    r"\b(?:tomar|sacar|hacer) (?:una |la |otra )?(?:foto|imagen|video)s?\b",
    r"\bhace falta\b|\bcerrad[oa] la curva al\b",
    r"\b(?:el|un|del|al|este|ese|su|mi|nuestro) taller\b",
    r"\b(?:mando|control|educacion|trabajo|ensenanza|curso|formacion|aprendizaje|venta"
    r"|reunion)e?s? a distancia\b",
    r"\b(?:palanca|caja|cambio|control|regulador|reductor|marcha)e?s? de "
    r"(?:velocidad(?:es)?|cambios?|marchas?)\b",
)

RULES: dict[str, tuple[str, ...]] = {
    "count": (
        rf"\bmas de (?:tres|3) {NOT_COUNTED}[a-z]",
        rf"\b{_MANY} (?:\w+ )?o (?:mas|menos)\b",
        rf"\b(?:suficientes?|bastantes?) \w+(?: \w+)? para (?:los |las )?{_MANY}"
        rf"(?! {OTHER})\b", r"\bmas de un punado\b",
    ),
    "speed": (
        r"\ba que (?:ritmo|paso|marcha)\b|\ba (?:toda (?:pastilla|marcha|maquina|leche|prisa"
        r"|mecha)|paso de (?:tortuga|hombre)|todo gas)\b",
        r"\b(?:supera|excede|rebasa|sobrepasa|respeta)\w* (?:el |la )?(?:_|limite)",
        r"\b(?:gana|ganan|ganando|come)\b(?:.*\b)?terreno\b|\b(?:nos|me|lo|los) (?:esta |van? a "
        r"|va )?(?:alcanz|pill|adelant)\w+",
        r"\b(?:cuando|en cuanto _|en cuanto tiempo|cuanto tiempo|cuanto|_)\b.*\b(?:tardamos"
        r"|llegamos|alcanza|llega (?:a|hasta) (?:nosotros|el robot)|falta para (?:llegar|chocar"
        r"|alcanzar))\b",
    ),
    "size": (
        r"\bmetros? (?:cuadrados?|cubicos?)\b|\bm[23]\b",
        r"\b(?:que|el|cual es el|su) volumen\b(?! (?:de |del )?(?:la )?(?:tele|radio|sonido"
        r"|musica|altavoz|esta))",
        r"\bgalibos?\b|\b(?:altura|anchura|ancho) (?:libre|de paso|util)\b|\baltura (?:de los"
        r" (?:ojos|hombros)|del suelo)\b|\bluz (?:libre|de paso)\b",
        r"\b(?:pasa|cabe|entra|justo)\w* (?:muy |bien )?(?:justit[oa]|justo|por los pelos)\b",
        r"\b(?:agua|barro|nieve|hierba|trigo)\b.*\b(?:a las|a los|hasta (?:la|las|los)|por las"
        r"|por la) (?:rodillas?|tobillos?|cintura|hombros?)\b|\b(?:llega|cubre"
        r"|sube)n? (?:hasta )?(?:al?|las|los|el|la)(?: las?| los| el)? (?:tobillo|rodilla|cintura"
        r"|hombro)s?\b",
        r"\b(?:un|dos|medio|tres) palmos?\b|\bcuanto (?:margen|espacio|hueco|sitio)\b"
        r"|\bhay margen\b|\bcurva\b.*\bcerrada\b|\bcerrada\b.*\bcurva\b|\b(?:puede|puedo|podemos"
        r"|podria\w*) (?:\w+ )?dar (?:la )?(?:la )?vuelta\b",
        r"\bcuelga\w* (?:demasiado|muy) baj[oa]\b|\bdemasiado baj[oa]\b",
    ),
    "direction": (
        r"\b(?:a punto de|(?:esta|estan|estamos|estoy) por|a|al? borde de)\b(?: \w+)? (?:\w+"
        r" )?(?:chocar|golpear|estrellar|impactar|atropellar|embestir|colisionar|rozar|darle?"
        r" (?:con|contra|a la pared)|toparse|topar)(?:se|nos|me|te|los|lo|la)?\b",
        r"\bcolision\w*|\bchocar(?:emos|a|an|ia|se|nos)?\b|\bchocamos\b|\b(?:nos|me|se) (?:vamos"
        r"|voy|va|van) a (?:(?:dar|pegar|golpear) (?:contra|con)|comer (?:la|el))\b"
        r"|\bpodria(?:mos|n|s)? (?:\w+ )?(?:golpear|chocar|rozar|tocar (?:la|el) (?:pared"
        r"|techo))\b|\bestrell(?:ar|amos|a"
        r" contra|arnos|arse|aremos)\b",
        r"\b(?:van?|vamos|vas|voy) a (?:\w+ )?(?:rozar|raspar|embestir|topar|darle)\w*\b"
        r"|\b(?:roz|rasp)(?:amos|ando|aremos|ara|aran)\b",
        r"\barrim(?:a|an|ar|ando|ado|aba|arse|andose|ad[oa]s)(?:se|nos)?\b|\b(?:viene|vienen"
        r"|echa|echan|echando|viniendo)(?:se)? encima\b|\b(?:aproxim|acerc)\w+(?:se|nos)\b",
        rf"^(?!.*\b(?:abr|cierr|cerr|trabaj|sal[eg]|lleg|empie|reuni"
        rf"|qued)\w*).*\b{_SEEN}\b.* a (?:las|mis|tus|sus|nuestras) {_HOUR}(?: en punto)?\W*$",
        rf"\bal {_WIND}(?: (?:de|del|nuestro|mio)\b|{END})",
        r"\bcuesta (?:abajo|arriba)\b|\b(?:terreno|camino|suelo|piso|sendero|carretera|pasillo)"
        r" (?:sube|baja|desciende|se inclina)\b|\ben (?:pendiente|cuesta|bajada|subida)\b",
        r"\balinead[oa]s? con\b|\b(?:paralel|perpendicular|paralela)[oae]?s? (?:a|al|con)\b"
        r"|\ba ras (?:de|del)\b|\bal mismo nivel\b|\ba la altura (?:de|del)\b",
        r"\bestribor\b|\bbabor\b|\bpara donde (?:va|van|se)\b|\ba donde (?:va|van|se)\b",
        r"\bse (?:desvia|va|tuerce|inclina|ladea|mueve|corre) (?:\w+ )?(?:a|hacia) (?:la )?"
        r"(?:izquierda|derecha)\b",
        r"\b(?:precipicio|desnivel|barranco|escalon) (?:delante|enfrente|adelante|a mi|frente)\b",
    ),
    "distance": (
        r"\ba (?:un|dos|tres) (?:pelos?|dedos?|tiros? de piedra|palmos?|paso de)\b|\ba un tiro"
        r"\b|\ba un paso(?=\W*$| de (?!peatones|cebra))|\ba quemarropa\b|\ba bocajarro\b",
        r"\bparachoques (?:contra|con|a) parachoques\b",
        r"\bpegad[oa]s? a (?:nosotros|mi|nuestr\w+|el robot)\b|\bpegad[oa] a (?:la|el|los|las)"
        r" \w+ el (?:robot|dron|rover)\b|\b(?:robot|dron|rover|van?|coche|camion|carro|furgoneta"
        r") (?:\w+ )?pegad[oa]s? (?:a|al)\b",
        r"\balcanz(?:a|as|an|amos|o|aria)\b(?! a (?:ver|leer|distinguir))|\ba (?:tu|mi|su"
        r"|nuestro) alcance\b|\balcance de la mano\b|\ba la mano(?=\W*$)",
        r"\ba (?:medio|mitad de|mitad del) camino\b|\bfaltan? (?:mucho|poco|cuanto"
        r"|bastante)\b(?! tiempo)|\bcasi llega(?:mos|ndo)\b",
        r"\b(?:puede|puedo|puedes|pueden|podemos|podria\w*|logra\w*)\b.*\b(?:pinza|brazo|garra"
        r"|ventosa|manipulador)\b.*\b(?:tocar|agarrar|coger|tomar|alcanzar|asir|sujetar)\b"
        r"|\b(?:pinza|brazo|garra|ventosa|manipulador) (?:\w+ )?(?:puede|podria|logra)\b.*"
        r"\b(?:tocar|agarrar|coger|tomar|alcanzar|asir|sujetar)\b",
        r"\b(?:tocar|agarrar|coger|tomar|alcanzar)\b.*\b(?:desde(?=\W*$| donde| aqui| alli)|sin"
        r" (?:que|mover\w*|avanzar|desplazar\w*|rodar|retroceder|acercar\w*))",
    ),
}
