"""Times in a question that nobody can look up: 'a minute ago', 'since noon', 'gestern'.

The model sees frames of now, or of a last time of so many seconds. A question about any other time
must not be answered from those. One table for each of English, French, German, Spanish and
Chinese, written for text as `guard.plain` makes it; every table is tried.
"""
from __future__ import annotations

import re

from smolvlm_ros.qa.guard import plain
from smolvlm_ros.qa.period import NUMBERS

_QUOTED = re.compile(r'"[^"]*"|“[^”]*”|\bsigns? (?:\w+ )?(?:says?|reads?|shows?)\b.*')
_DIGITS = r"\d[\d.,:/-]*[ -]?"


def _fill(words: str) -> str:
    """What may stand between 'last' and the unit: numbers and the like."""
    return rf"(?:{_DIGITS}|(?:{words})[ -])"


_EN_FILL = _fill(r"an?|of|or|to|and|the|about|around|roughly|nearly|almost|approximately|few"
                 r"|couple|several|many|some|half|quarters?|dozens?|whole|entire|full|thousand|"
                 + "|".join(NUMBERS))
_EN_MANY = (r"(?:s|secs|seconds|ms|milliseconds|mins?|minutes|h|hrs?|hours|days|weeks|fortnights"
            r"|months|years|nights|moments|shifts)\b")
_EN_UNIT = (rf"(?:{_EN_MANY}|(?:second|sec|minute|hour|day|week|fortnight|month|year|moment|night"
            r"|morning|afternoon|evening|weekend|shift)\b(?!'))")
_EN_LONG = (r"(?:night|week|month|year|weekend|(?:mon|tues|wednes|thurs|fri|satur|sun)day)\b(?!')")
_FR_FILL = _fill(r"une?|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|douze|quinze|vingt|trente"
                 r"|quarante|cinquante|soixante|quelques|environ|demi|demie|quart|d'heure|de|et"
                 r"|plus|moins|a peine")
_FR_UNIT = (r"(?:secondes|seconde(?=\W*$)|minutes?|min|heures?|jours?|journees?|semaines?|mois"
            r"|ans?|annees?|nuit|soir(?:ee)?|matin(?:ee)?|week-end)\b")
_DE_FILL = _fill(r"eine[rnms]?|ein|zwei|drei|vier|funf|sechs|sieben|acht|neun|zehn|zwolf|funfzehn"
                 r"|zwanzig|dreissig|vierzig|sechzig|paar|einigen|wenigen|mehreren|etwa|ungefahr"
                 r"|halben?|und|bis|knapp|gut|uber")
_DE_UNIT = (r"(?:sekunden?|sek|minuten?|min|stunden?|std|viertelstunde|tage?n?|wochen?|wochenende"
            r"|monate?n?|jahre?n?|nacht|abend)\b")
_ES_FILL = _fill(r"una?|unos|unas|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|doce|quince"
                 r"|veinte|treinta|cuarenta|cincuenta|sesenta|pocos|pocas|par|de|varios|varias"
                 r"|media|medio|y|casi|mas|menos")
_ES_UNIT = (r"(?:segundos?|minutos?|min|horas?|dias?|semanas?|mes|meses|anos?|noches?|rato"
            r"|momentos?)\b")
_ZH_LENGTH = (r"(?:[\d.]+|[一二两兩三四五六七八九十百半几幾数數])+ ?(?:个|個)?(?:半)? ?"
              r"(?:毫?秒|分钟|分鐘|分(?=[钟鐘前之以内內])|小时|小時|钟头|鐘頭|天|周|週|星期|月|年)[钟鐘]?")

_TABLES = {
    "en": (
        rf"\b(?:in|during|over|within|for|throughout|of|from) (?:the |these |this )?"
        rf"(?:last|past|previous|preceding|recent) {_EN_FILL}*{_EN_UNIT}",
        rf"\b(?:the last|the past|the previous|last|previous) {_EN_FILL}+{_EN_UNIT}",
        rf"\b(?:last|previous|the past) (?:\w+ )?{_EN_UNIT}(?=\W*$)",
        rf"(?<!the )\blast {_EN_LONG}", rf"\b(?:within|for) {_EN_FILL}+{_EN_MANY}",
        r"\b(?:yesterday|today|tonight)\b(?!')",
        r"\bthis (?:morning|afternoon|evening|week|month|year)\b(?!')",
        rf"(?:\b{_EN_FILL}*{_EN_UNIT} )?\bago\b", r"\bsince\b", r"\b(?:recently|lately)\b",
        r"\bearlier\b(?! than\b)",
        r"^(?:was|were|did|has|have|had)\b.*\b(?:at|around|before|after|between|until|till|by"
        r"|from) (?:\d{1,2}[:.h]\d\d|\d{1,2} ?[ap]\.?m\b|noon\b|midnight\b)",
    ),
    "fr": (
        rf"\b(?:derniere?|passee?|precedente?)s? {_FR_FILL}*{_FR_UNIT}",
        rf"\b{_FR_UNIT} (?:derniere?|passee?|precedente?)s?\b",
        rf"\bil y a {_FR_FILL}+{_FR_UNIT}",
        rf"\bdepuis (?:les? |la |l'|des )?{_FR_FILL}*{_FR_UNIT}",
        # From a place is no time.
        r"\bdepuis (?:(?:plus|moins) (?:d'|de )|combien|hier|ce matin|ce midi|midi|minuit|quand"
        r"|longtemps|peu\b|que |qu'|\d)",
        r"\baujourd'hui\b", r"\bavant-hier\b",
        # In German 'hier' is a place.
        r"\b(?:il|elle|on|une|le|la|les|qu'il|qu'elle|quelqu'un|personne|y)\b.* hier\b",
        r"\b(?:ce matin|cet apres-midi|ce soir|cette nuit|cette semaine|ce mois)\b",
        r"\b(?:recemment|tout a l'heure)\b",
    ),
    "de": (
        rf"\b(?:letzte|vergangene|vorige|vorangegangene)[nrms]? {_DE_FILL}*{_DE_UNIT}",
        rf"\bvor {_DE_FILL}+{_DE_UNIT}", r"\bvor (?:kurzem|langem)\b",
        r"\b(?:gestern|vorgestern|heute|vorhin|neulich|kurzlich|seit|seitdem)\b",
    ),
    "es": (
        rf"\b(?:ultim[oa]|pasad[oa]|anterior|anteriore)s? {_ES_FILL}*{_ES_UNIT}",
        rf"\b{_ES_UNIT} (?:pasad[oa]|anterior|anteriore)s?\b", rf"\bhace {_ES_FILL}*{_ES_UNIT}",
        r"\bhace poco\b", r"\b(?:ayer|anteayer|hoy|anoche|recientemente|ultimamente)\b",
        r"\besta (?:manana|tarde|noche|semana)\b", r"\bdesde (?:hace|ayer|hoy|anoche|que|las? \d)",
    ),
    "zh": (
        rf"(?:过去|過去|最近|之前|前|上)的? ?{_ZH_LENGTH}",
        rf"{_ZH_LENGTH} ?(?:之前|以前|前|之内|之內|以内|以內|内|內|以来|以來)",
        r"昨天|前天(?!花板|窗|线|線|空|气|氣|井)|今天|今早|昨晚|今晚|刚才|剛才|刚刚|剛剛|早些时候|早些時候|自从|自從",
        r"上(?:个|個)?(?:周(?![围圍边邊])|週|星期|月(?![饼餅台历曆亮]))|去年",
    ),
}
_RULES = re.compile("|".join(f"(?:{rule})" for table in _TABLES.values() for rule in table))


def other_time(question: str) -> str:
    """The words of a question that say when, where that is not understood; '' for none.

    `other_time("Was there a person a minute ago?")` is `"a minute ago"`. To be asked after
    `period_of` has taken out what it understands.
    """
    found = _RULES.search(unquoted(question))
    return found.group().strip() if found else ""


def unquoted(question: str) -> str:
    """The plain text (see `guard.plain`) without what stands in quotes or on a sign."""
    return _QUOTED.sub(" ", plain(question))
