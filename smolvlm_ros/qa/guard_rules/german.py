"""German."""
from __future__ import annotations

from smolvlm_ros.qa.guard_rules.shared import MANY, UNIT

_MANY = (rf"(?:{MANY}|vier|funf|fuenf|sechs|sieben|acht|neun|zehn|elf|zwolf|zwoelf|zwanzig"
         r"|funfzig|hundert)")
_SIZES = r"(?:gross|klein|hoch|breit|lang|tief|dick|schmal|kurz)"
_MORE = (r"(?:grosser|groesser|kleiner|hoher|hoeher|breiter|langer|laenger|tiefer|dicker|schmaler"
         r"|kurzer|kuerzer|niedriger)")
_GO = (r"(?:fahrt|faehrt|fahren|geht|gehen|lauft|laeuft|laufen|rennt|bewegt|bewegen|rollt|kommt"
       r"|kommen|fliegt|dreht)")

RULES: dict[str, tuple[str, ...]] = {
    "count": (
        r"\bwie ?viele\b", r"\banzahl\b", r"^zahle?n?\b", r"^zaehle?n?\b",
        rf"\b(?:mehr|weniger) als {_MANY} (?!{UNIT})\w",
        rf"\b(?:mindestens|hochstens|hoechstens|genau|uber|ueber) {_MANY} (?!{UNIT})\w",
        rf"\b(?:gibt es|sind da|sind dort|sind hier|siehst du|sehen sie) {_MANY} (?!{UNIT})\w",
    ),
    "speed": (
        r"\bwie (?:schnell|langsam)\b", r"\w*(?<!hochst)(?<!hoechst)geschwindigkeit\b",
        r"\btempo\b", r"\bschneller\b", r"\blangsamer\b", r"\bzu (?:schnell|langsam)\b",
        r"\bbeschleunigt\b", rf"\b{_GO}\b.*\b(?:schnell|langsam)\b", r"\bbremst\b",
    ),
    "size": (
        rf"\bwie {_SIZES}\b", rf"\b{_MORE} als\b", rf"\b{_SIZES} genug\b", rf"\bzu {_SIZES}\b",
        rf"\b(?:so|genauso) {_SIZES} wie\b",
        r"\b(?:welche|gleiche|die|ihre|seine) (?:grosse|groesse) (?:hat|haben|der|des|von"
        r"|besitzt|ist)\b", r"\bwelche (?:grosse|groesse|hohe|hoehe|breite|lange|laenge|tiefe)\b",
        r"\bwie (?:ist|lautet) die (?:grosse|groesse|hohe|hoehe|breite|lange|laenge)\b",
        r"\b(?:durchmesser|abmessungen?|masse des|masse der)\b",
        r"\bpass(?:t|en)\b.*"
        r"\b(?:durch|in|unter|zwischen|hinein|rein|hindurch)\b",
        r"\b(?:genug|genugend|ausreichend|wie ?viel) platz\b",
        r"\bwelche\w*\b.*\bam (?:grossten|groessten|kleinsten|hochsten|hoechsten|langsten"
        r"|laengsten)\b",
        r"\bwelche\w*\b.*\b(?:grosste|groesste|kleinste|hochste|hoechste|langste|laengste"
        r"|breiteste)\w*\b",
    ),
    "direction": (
        r"\b(?:welche|welcher|gleiche|gleicher|dieselbe|falsche|falscher) richtung\b", r"\bwohin\b",
        r"\bin richtung\b", r"\bwinkel\b(?!schleifer)", r"\bausrichtung\b",
        r"\b(?:links|rechts) (?:von|vom|neben|der|des)\b", r"\blinks oder rechts\b",
        r"\bzu (?:meiner|deiner|ihrer|seiner) (?:linken|rechten)\b",
        rf"\b{_GO}\b.*\b(?:auf .* zu|nach (?:links|rechts|vorne|hinten|norden|suden)|weg"
        r"|entgegen)\b", r"\b(?:nahert|naehert|nahern|naehern|entfernt) sich\b",
        r"\bsich\b.*\b(?:nahert|naehert|nahern)\b",
        r"\b(?:nahert|naehert|nahern|naehern|entfernt|entfernen)\b.*\bsich\b",
        r"\bauf welcher seite\b", r"\d ?(?:grad|°)", r"\bim verhaltnis zu\b",
    ),
    "distance": (
        r"\bwie (?:weit|nah|nahe)\b", r"\b(?:abstand|entfernung|entfernungen|distanz)\b",
        r"\b(?:naher|naeher|weiter) (?:als|an|am|weg|entfernt|bei|dran)\b",
        r"\bweit (?:weg|entfernt|von)\b", r"\b(?:zu|sehr|so) (?:nah|nahe|weit)\b",
        r"\b(?:nah|nahe|weit) genug\b", r"\bentfernt\b",
        r"\b(?:ein|einen|einem|zwei|drei|vier|funf|fuenf|zehn|wenige|einige|paar) (?:meter|metern"
        r"|zentimeter|zentimetern)\b",
        r"\bwelche\w*\b.*\b(?:am nachsten|am naechsten|nachste|naechste)\w*\b",
        r"\bin reichweite\b",
    ),
}
