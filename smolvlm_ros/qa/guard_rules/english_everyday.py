"""English: idioms and everyday wordings of reach, collision, passage, pace and place."""
from __future__ import annotations

from smolvlm_ros.qa.guard_rules.shared import END, NOT_COUNTED, OTHER, UNIT, WARMTH

_MANY = (r"(?:[4-9]|\d{2,}|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty"
         r"|thirty|fifty|a dozen)")
_HOUR = r"(?:\d{1,2}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
_WIND = r"(?:north|south|east|west)(?:[- ]?(?:east|west))?"
_PART = r"(?:eye|head|knee|waist|chest|shoulder|ankle|hip|floor|ground|roof|window)"
_WE = r"(?:we|i|you|it|he|she|they|the (?:robot|rover|drone|agv|amr|truck|forklift|car))"

ORDINARY = (
    WARMTH,
    r"\bcollision (?:sensor|avoidance|warning|detect\w+|light|insurance)s?\b",
    r"\blevel crossings?\b",
    r"\b(?:knee|ankle|hip|shoulder|waist|floor|full)[- ]length\b",
    r"\btake (?:a |the |another )?(?:picture|photo|shot|snapshot|video)\b",
)

RULES: dict[str, tuple[str, ...]] = {
    "count": (
        rf"\b(?:more|greater) than (?:three|3) {NOT_COUNTED}[a-z]",
        rf"\bover (?:three|3) {NOT_COUNTED}(?:\w+ )?\w+s\b",
        rf"\b{_MANY} or (?:more|fewer|less)\b",
        rf"\b(?:enough \w+(?: \w+)?|\w+s enough) (?:for|to seat) (?:all )?(?:of )?(?:the )?{_MANY}"
        rf"(?! {OTHER})\b", r"\bmore than a (?:handful|few|couple)\b|\boutnumber\w*",
    ),
    "speed": (
        r"\b(?:what|which|brisk|steady|walking|running|same|fast|slow|quick) (?:pace|rate)\b"
        r"(?! of (?:pay|interest))",
        r"\b(?:keep|keeping|keeps|kept) (?:pace|up) with\b|\boutrun\w*|\boutpac\w+",
        r"\b(?:hurtl|whizz|zoom|career|racing|rac|speed)(?:es|ing|ed|s)? (?:\w+ )?(?:along|past"
        r"|towards?|down|by|across)\b",
        r"\b(?:exceed|break)(?:s|ing)? the (?:speed )?(?:_|limit)",
        rf"\b(?:how (?:long|soon)|when|how much (?:time|longer))\b.*\b{_WE}\b.*\b(?:reach|hit"
        r"|catch)(?:es|ing)?\b|\b(?:how (?:long|soon)|when|how much (?:time|longer))\b.*\b(?:get"
        r"s?|reach(?:es)?|arrives?) (?:to |at )?(?:us|me|the (?:robot|rover|charger|dock))\b",
        r"\btime (?:to|until|till|before) (?:collision|impact|contact|arrival)\b",
    ),
    "size": (
        r"\bsquare (?:feet|foot|yards?|(?:centi)?met(?:er|re)s?)\b|\bcubic (?:feet|foot|yards?"
        r"|met\w+|centim\w+)|\bm[23]\b",
        r"\b(?:the|what|its|how much|by|in) volume(?: of (?!(?:the )?(?:tv|radio|speaker|music"
        rf"|sound|alarm)\b)|{END})", r"\bhow much volume\b",
        r"\bsteepness\b|\bfoot ?print of\b(?! (?:an? )?(?:shoe|animal|dog|man|person))",
        r"\btight (?:squeeze|fit|spot)\b|\bto spare\b",
        r"\bprotrud\w+|\boverhang(?:s|ing)\b|\b(?:stick|jut|poke)(?:s|ing)? out (?:into|over|too"
        r"|by|more|of the (?:shelf|truck|rack))\b", r"\btower(?:s|ing)? (?:over|above)\b",
        rf"\b{_PART}[- ](?:deep|high|level|height)\b(?! (?:boots?|socks?|skirts?|windows?))"
        rf"|\b(?:over|under)sized?\b(?! \w)",
        r"\b(?:space|room) (?:is |does )?(?:\w+ )?(?:remain(?:s|ing)|left)\b",
        r"\b(?:how much (?:slack|margin|room|space|overhang)|any (?:slack|margin|overhang|(?:room"
        r"|space)(?= for| to| left|\W*$)))\b",
        r"\bhang(?:s|ing)? (?:down )?too low\b",
    ),
    "direction": (
        r"\b(?:about|going|gonna|bound|likely|set) (?:to )?(?:smash|slam|ram|strike|clip|graze"
        r"|scrape|drive into|plough|plow|back into|fall off|touch the (?:wall|fence)|crash"
        r"|collide|flip over|tip over)\b",
        r"\bbang (?:my|our|your|its|his|her) (?:head|mast|roof|arm)\b|\b(?:drift|veer|swerv"
        r"|wander|stray)"
        r"(?:ed|ing|s) (?:off|out of) (?:course|line|lane|its lane|the (?:path|lane|road|row))\b"
        r"|\b(?:we|i|it|robot|rover|drone|car|truck|forklift|tractor) (?:is )?head(?:ed"
        r"|ing) for (?:the|our|a)\b"
        r"|\bhugging the (?:wall|curb|kerb|fence|edge|lane|line|shelf)",
        r"\bcollisions?\b|\bbearing down on\b|\bwide open enough\b|\bon course to (?:hit|strike)\b",
        r"\b(?:we|it|robot|rover|drone|truck|i|will|could|would|chance)\b.*\b(?:scrap(?:e|ing)"
        r"|sideswip\w+|graz(?:e|ing) (?:the|a|our) (?!grass|field|meadow))",
        r"\b(?:edg|inch|creep|sneak|sidl|nudg|drift|clos|veer|swerv|stray|crowd)(?:es?|ing|s)"
        r" (?:\w+ )?(?:closer|nearer|towards?|up (?:on|to)|in on|away from|to the (?:left|right)"
        r"|onto|left|right)\b",
        rf"^(?!.*\b(?:meeting|open\w*|clos\w+|lunch|time|shift|train|watch|start\w*"
        r"|appointment|delivery|bus|alarm)\b).*"
        rf"\b(?:at|on|from|to) (?:(?:our|my|your|its|his|her) )?{_HOUR} o'clock\b",
        rf"\b{_WIND} of (?:us|me|the|our|here|this|it)\b|\bto (?:the|our|my) {_WIND}{END}"
        rf"|\b{_WIND}(?:wards?|bound)\b|\bdue {_WIND}\b",
        r"\b(?:up|down)hill\b|\bslop(?:es|ing) (?:up|down|away|to)\b",
        r"\b(?:aligned|lined? up|level|flush|in line) with (?:the|our|my|its)\b"
        r"|\bparallel (?:to|with)\b|\bperpendicular\b",
        r"\b(?:port|starboard)(?: side| bow)|\bto (?:port|starboard)\b",
        r"\b(?:there|any|a|sudden|sharp|steep|big|sheer) drop(?:[- ]?offs?)?\b"
        r"(?! of (?:\w+ )?[a-z]+|[- ]?(?:off|box|zone|point|cloth|leaf|area|location|down)"
        r"|[- ]?offs? (?:point|location|zone|box|area))"
        r"|\bhow much of a drop\b",
    ),
    "distance": (
        r"\b(?:hair'?s?|hand'?s?|finger'?s?|thumb'?s?)[ -]?(?:breadth|width)\b|\bhandspan\b",
        r"\b(?:within|by) a whisker\b|\bwhisker (?:away|from)\b|\bbumper[- ]to[- ]bumper\b"
        r"|\bnose[- ]to[- ]tail\b"
        r"|\btail ?gating\b|\bpoint[- ]blank\b",
        r"\b(?:inches|feet|met(?:er|re)s|centimet(?:er|re)s|miles|yards|steps) (?:from|to spare"
        r"|away)\b", r"\b(?:right|hard|close) up (?:against|to|behind)\b",
        rf"\bup against {UNIT}|\b(?:spitting|striking|touching|shouting|grabbing) distance\b",
        r"\beta (?:to|of|at|for|from)\b|\b(?:are|is) (?:we|it) (?:nearly|almost)(?: (?:at|to)\b"
        r"|\W*$)"
        r"|\bhalf ?way (?:to|there|across|down|up|from)\b|\b(?:a|one|two|few) blocks? (?:away"
        r"|from)\b",
        r"\b(?:can|could|able to|possible to|manage to)\b.*\b(?:touch|grab|grasp|pick up|take"
        r"|get hold of|reach)\b.*\b(?:from(?:\W*$| here| there| where| its| this|"
        r" that)|without (?:(?:the|its|any|my) )?(?:\w+ )?(?:mov|driv|stepp|roll|lean|advanc|back"
        r"|com|going|leav)\w*)",
    ),
}
