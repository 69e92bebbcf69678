"""The negation of a yes/no question: what must be answered the other way round.

English questions about existence are negated in themselves ("Is there no person?"), because small
models follow that best. Everything else is wrapped: `Is the answer to the question "…" no?` is
right for any yes/no question in any language, where moving a "not" would need a parser. A template
can give its own negation (see `templates`).
"""
from __future__ import annotations

import re

_THERE = re.compile(r"^(?P<verb>is|are|was|were) there (?:(?:a|an|any|some) )?(?P<rest>\S.*)$",
                    re.IGNORECASE)
_THERE_NO = re.compile(r"^(?P<verb>is|are|was|were) there no (?P<rest>\S.*)$", re.IGNORECASE)
_SEE = re.compile(r"^(?P<verb>do you see|can you see|does the (?:image|picture|photo) show) "
                  r"(?:(?:a|an|any|some) )(?P<rest>\S.*)$", re.IGNORECASE)
_TRUE = re.compile(r"^(?P<verb>is it) (?P<value>true|false) (?P<rest>that .+)$", re.IGNORECASE)
# "Is there more than one person?" and the like would change their meaning with a plain "no", and a
# second clause would stay outside of it.
_UNSAFE_REST = re.compile(
    r"^(?:no|not|none|nothing|nobody|anyone|anybody|anything|someone|somebody|something|more|less"
    r"|fewer|at|exactly|only|just|still|already|always|never|also|even|enough|another|other|the"
    r"|this|that|these|those|every|each|all|both|one|two|three|four|five|\d+)\b"
    r"|\b(?:and|or|but|not|no|nor|unless|without|except|if)\b|n't\b|[;,]", re.IGNORECASE)
_OPEN = re.compile(
    r"^(?:(?:and|so|please|then|in|at|on|to|with|from|for|by|of) )*"
    r"(?:what|what's|where|where's|who|who's|whose|whom|why|how|which|when|describe|tell|list|name"
    r"|explain|count|summari[sz]e"
    r"|que|quoi|qu'est-ce|quel|quelle|quels|quelles|où|qui|pourquoi|comment|combien|quand|décris"
    r"|décrivez"
    r"|was|wo|wer|wen|wem|wessen|warum|wieso|wie|welche[rsmn]?|wann|beschreibe?n?"
    r"|qué|dónde|quién|quiénes|cuál|cuáles|cuánto|cuánta|cuántos|cuántas|cuándo|cómo|describe)\b",
    re.IGNORECASE)
_ENGLISH_WAS = re.compile(r"^was (?:the|a|an|any|some|there|it|he|she|this|that|anyone|someone"
                          r"|anybody|somebody|anything|something|my|your|his|her|its|our|their)\b",
                          re.IGNORECASE)
# French "est-ce que" and "qui"-questions differ by their first word; Chinese marks its questions:
# 吗 or a verb-not-verb form for yes/no, an interrogative for the others.
_CHINESE_YES_NO = re.compile(r"吗|嗎|有没有|有沒有|是不是|是否|能不能|会不会|會不會"
                             r"|在不在|可不可以|有无")
_CHINESE_OPEN = re.compile(r"什么|什麼|哪|谁|誰|怎么|怎麼|怎样|如何|多少|几|幾|何时|描述|说明")


def negate(question: str) -> str:
    """The negation of a yes/no question.

    `negate("Is there a person in the room?")` is `"Is there no person in the room?"`;
    `negate("Is the door open?")` is `'Is the answer to the question "Is the door open?" no?'`.
    """
    body = question.strip().rstrip("?？ ").strip()
    for pattern, form in ((_THERE_NO, "{verb} there any {rest}?"),
                          (_THERE, "{verb} there no {rest}?"), (_SEE, "{verb} no {rest}?")):
        match = pattern.match(body)
        if match and not _UNSAFE_REST.search(match["rest"]):
            return form.format(verb=match["verb"], rest=match["rest"])
    match = _TRUE.match(body)
    if match:
        other = "false" if match["value"].lower() == "true" else "true"
        return f"{match['verb']} {other} {match['rest']}?"
    quoted = question.strip().replace('"', "'")
    return f'Is the answer to the question "{quoted}" no?'


def is_open(question: str) -> bool:
    """True for a question or order that no yes or no can answer ("What is …?", "Describe …").

    For English, French, German, Spanish and Chinese. When in doubt False: a question that is not
    one of yes and no is found out by the small mass on these two.
    """
    text = question.strip().lstrip("¿¡\"'(").strip()
    if _CHINESE_YES_NO.search(text):
        return False
    if _CHINESE_OPEN.search(text):
        return True
    return bool(_OPEN.match(text)) and not _ENGLISH_WAS.match(text)
