"""English."""
from __future__ import annotations

from smolvlm_ros.qa.guard_rules.shared import MANY, UNIT

_MANY = (rf"(?:{MANY}|four|five|six|seven|eight|nine|ten|eleven|twelve|a dozen|twenty|fifty"
         r"|a hundred)")
_SIZES = r"(?:tall|big|large|wide|long|high|deep|thick|small|short|narrow|broad)"
_MORE = (r"(?:taller|bigger|larger|wider|longer|higher|deeper|thicker|smaller|shorter|narrower"
         r"|broader|lower)")
_MOST = r"(?:tallest|biggest|largest|widest|longest|highest|smallest|shortest|narrowest)"
_MOVING = (r"(?:moving|walking|running|driving|coming|going|heading|flying|travell?ing|rolling"
           r"|riding|turning|drifting)")

RULES: dict[str, tuple[str, ...]] = {
    "count": (
        r"\bhow many\b", r"\b(?:what|the|total) number of\b", r"^count\b",
        r"\bcount (?:the|all|of)\b", rf"\b(?:more|fewer|less) than {_MANY} (?!{UNIT})\w",
        rf"\b(?:at least|at most|exactly|over|up to) {_MANY} (?!{UNIT})\w",
        rf"^(?:are there|do you see|can you see) (?:\w+ )?{_MANY} (?!{UNIT})\w",
    ),
    "speed": (
        r"\bhow (?:fast|quick|quickly|slow|slowly)\b", r"\b(?:speed|velocity|speeding)\b",
        r"\b(?:faster|slower)\b", r"\btoo (?:fast|slow)(?:ly)?\b",
        rf"\b{_MOVING} (?:\w+ )?(?:fast|quickly|slowly|rapidly)\b", r"\b(?:accelerat|decelerat)\w+",
        r"\b(?:slowing down|speeding up)\b", r"\d ?(?:km/h|kmh|mph|m/s|km per hour)",
    ),
    "size": (
        rf"\bhow {_SIZES}\b(?! (?:has|have|had|ago|did|do|does|will|until|since|must|should))",
        rf"\b{_MORE} than\b", rf"\b{_SIZES} enough\b", rf"\btoo {_SIZES}\b",
        r"\b(?:what|which|same|the) size\b", r"\bsize of\b", r"\bdimensions?\b",
        r"\b(?:what|its|whose|same|the) (?:\w+ )?(?:width|height|length|diameter|thickness"
        r"|depth)\b"
        r"(?! (?:camera|sensor|marker))", r"\bfits? (?:through|in|into|under|between|inside|on)\b",
        r"\b(?:can|could|will|would)\b.*\b(?:get|go|pass|squeeze|drive)"
        r" (?:through|under|between)\b",
        r"\b(?:enough|how much) (?:room|space)\b", rf"\b(?:which|what|who)\b.*\b{_MOST}\b",
        rf"\b(?:is|are)\b.*\bthe {_MOST}(?: one)?\W*$", rf"\bas {_SIZES} as\b",
    ),
    "direction": (
        r"\b(?:which|what|same|opposite|wrong) (?:direction|way|angle|orientation)\b",
        rf"\bwhere (?:is|are) .*\b{_MOVING}(?: to)?\W*$",
        r"\bdirection of\b", r"\bin the direction\b", r"\b(?:bearing|azimuth|heading) of\b",
        r"\b(?:the|what) angle\b", r"\bleft or (?:to )?(?:the )?right\b",
        r"\bto (?:the|my|your|our|its|his|her|their) (?:left|right)\b",
        r"\b(?:left|right) of (?!way)",
        rf"\b{_MOVING} (?:\w+ )?(?:towards?|away|left|right|forwards?|backwards?|north|south|east"
        r"|west|this way|closer|nearer|at us)\b",
        r"\b(?:is|are|was|were|anyone|anything|someone|something) (?:.*)?\bapproaching\b",
        r"\brelative to\b", r"\bo'clock\b", r"\d ?(?:degrees?|°)", r"\bwhich side\b",
        r"\b(?:facing|pointing) (?:north|south|east|west)\b",
    ),
    "distance": (
        r"\bhow (?:far|close|near)\b", r"\bdistances?\b", r"\b(?:closer|nearer|farther)\b",
        r"\bfurther (?:away|than|from)\b", r"\b(?:far|farther|further) (?:away|from|off)\b",
        r"\b(?:too|so|very|quite|dangerously) (?:close|near|far)\b",
        r"\b(?:close|near|far) enough\b",
        r"\b(?:which|what|who)\b.*\b(?:closest|nearest|farthest|furthest)\b",
        r"\b(?:closest|nearest|farthest|furthest)(?: one)?(?: to\b|\W*$)",
        r"\bwithin (?:arm'?s |\w+ )?(?:reach|range)\b", r"\b(?:gap|clearance) (?:between|to|of)\b",
        rf"\d ?{UNIT}", r"\bin (?:met(?:er|re)s|centimet(?:er|re)s|feet|inches)\b",
        r"\b(?:a|one|two|three|four|five|six|ten|half a|few|several|many) "
        r"(?:met(?:er|re)s?|centimet(?:er|re)s?|kilomet(?:er|re)s?|feet|foot|inch(?:es)?|yards?)"
        r"\b(?! reading)", r"\bis .* (?:far)\W*$",
    ),
}
