"""What the European languages share: numbers beyond a few, units, and what a number may measure."""
from __future__ import annotations

MANY = r"(?:[4-9]|\d{2,})"
NUMBER = r"\d+(?:[.,]\d+)?"
# After a figure; alone, most of these are other words.
UNIT = (r"(?:mm|cm|dm|m|km|ft|millimet(?:er|re)s?|centimet(?:er|re)s?|kilomet(?:er|re)s?"
        r"|(?:milli|zenti|centi|kilo)?metern?|met(?:er|re)s?|foot|feet|fuss|inch(?:es)?|yards?"
        r"|miles?|zoll|pieds?|pouces?|(?:mili|centi|kilo)?metros?|pies?|pulgadas?|schritten?"
        r"|steps?|paces?|pasos?)\b")
SPEED = (r"(?<![a-z])(?:km/h|kmh|kph|mph|m/s|km per hour|km a l'heure"
         r"|kilometres? (?:per hour|a l'heure)"
         r"|miles per hour|stundenkilometer|km por hora|kilometros por hora)")
# A number of these is no distance, angle or count: time, temperature, weight, share.
OTHER = (r"(?:s|sec|seconds?|min|mins|minutes?|h|hours?|days?|weeks?|months?|years?|%|percent"
         r"|kg|kilos?|kilograms?|grams?|g|tons?|litres?|liters?|l|volts?|v|bar|o'clock|am|pm"
         r"|secondes?|heures?|jours?|semaines?|mois|ans|pour cent|tonnes?|euros?|dollars?"
         r"|sekunden?|minuten?|stunden?|tagen?|wochen?|monaten?|jahren?|uhr|prozent|tonnen?"
         r"|segundos?|minutos?|horas?|dias?|semanas?|meses|anos?|por ciento|toneladas?|litros?"
         r"|times|fois|mal|veces)(?![\w'])")
# What stands in quotes is read, not measured; "zone_2m" is a name.
QUOTED = (r"(?<![a-z\d_])[a-z\d]+(?:_[a-z\d]+)+", r"\"[^\"]*\"",
          r"“[^”]*”", r"«[^»]*»", r"„[^“”]*[“”]", r"「[^」]*」", r"『[^』]*』")
DEGREES = r"(?:degrees?|degres?|grad|grados?|°)(?!\w)"
# After "more than four": a thing, and no measure.
NOT_COUNTED = rf"(?!{UNIT}|{OTHER}|{DEGREES})"
# 25 degrees Celsius is a temperature, "25 °C" too.
WARMTH = (r"\b(?:\d+(?:[.,]\d+)?|[a-z]+) ?(?:°|degrees?\b|degres?\b|grad\b|grados?\b) ?"
          r"(?:c|f|celsius|centigrad\w*|fahrenheit|kelvin)\b")
# Where a clause ends, and with it what was said of its subject.
END = r"(?=\W*$| ?[,;:.?!]| (?:and|or|but|et|ou|mais|und|oder|aber|y|e|o|u|pero) )"
# An address before a question: "Hey robot, ...", "Sag mir: ...".
LEADING = (r"^(?:(?:[\w'-]+ ){0,3}[\w'-]+ ?[,:;.!] ?"
           r"|(?:请问|請問|请告诉我|告诉我|请|請|麻烦|帮我),? ?)")
# Courtesy and time at the end of a question say nothing of what is asked.
TRAILING = (r"(?:[ ,]*\b(?:please|now|right now|at the moment|currently|or not|right here|here"
            r"|there|s'il (?:te|vous) plait|stp|svp|maintenant|la-bas|ici|bitte|jetzt|gerade|dort"
            r"|da|hier"
            r"|oder nicht|por favor|ahora|ahora mismo|ahi|alli|aqui)|[呢啊呀吧])+(?=\W*$)")
# The person who is nearest to the door: said of the person, not asked.
RELATIVE = (r"\b(?:l'|la |le |les |el |los |las )\w+ (?:qui|que) (?:est|sont|esta|estan|se \w+) "
            r"(?:le |la |les )?(?:plus|mas|tres|muy|assez|bastante) \w+")
# French and Spanish alike: "the hose of 10 m" is named by its length.
_MEASURING = (r"(?:plus|moins|environ|pres|distance|haut\w*|larg\w*|long\w*|ecart|profond\w*|rayon"
              r"|marge|mas|menos|distancia|cerca|alt\w*|anch\w*|radio|alrededor|espacio|espace|hueco"
              r"|margen|debajo|encima|dessous|dessus|dela|separacion|est|sont|es|son)")
OF_LENGTH = (rf"\b(?:l[ae]|les|une?|des|du|ces?|cette|el|los|las|del|un|una|est[ea]|es[ea]|l')"
             r"(?: \w+)?"
             rf" ?\b(?!{_MEASURING}\b)\w+ de (?:{NUMBER} ?|[a-z]+ ){UNIT}"
             r"(?! de (?:haut|large|long|profond|alto|ancho|largo))")
# In any language. Degrees are of an angle where nothing warm or cold is spoken of.
ANGLE = (rf"^(?!.*(?:temp[eé]?ra|warm|\bhot\b|cold|fever|celsius|fahrenheit|oven|fridge|freezer"
         r"|water|boil"
         r"|chaud|froid|fievre|\bfour\b|frigo|eau\b|termom|thermom|pantalla|heiss|kalt|ofen"
         r"|kuhlschrank|wasser|fieber|caliente|frio"
         rf"|horno|nevera|agua|fiebre|in here)).*(?<![\w.,-]){NUMBER} ?{DEGREES}(?! ?c\b)")
COORDINATES = r"(?<![a-z])x(?:-|-achse)?[ ,/]*(?:and|et|und|y|e|和|与)?[ ,]*y(?![a-z])"
