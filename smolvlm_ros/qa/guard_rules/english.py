"""English."""
from __future__ import annotations

from smolvlm_ros.qa.guard_rules.shared import DEGREES, END, MANY, NUMBER, OTHER, SPEED, UNIT

_MANY = (rf"(?:{MANY}|four|five|six|seven|eight|nine|ten|eleven|twelve|a dozen|dozens of|fifteen"
         r"|twenty|thirty|forty|fifty|a hundred|hundreds of)")
_WORDS = (r"(?:two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty|fifty"
          r"|(?:a )?hundred)")
_A_FEW = rf"(?:an?|one|half an?|{_WORDS}|a few|few|several|a couple of)"
_SIZES = (r"(?:tall|big|large|wide|long|high|deep|thick|small|short|narrow|broad|low|thin|huge"
          r"|steep|spacious|roomy|bulky|tight)")
_SIZED = r"(?:tall|big|large|wide|long|deep|thick|narrow|steep|small|spacious)"
_MORE = (r"(?:taller|bigger|larger|wider|longer|higher|deeper|thicker|smaller|shorter|narrower"
         r"|broader|steeper|flatter|thinner|roomier)")
_MOST = (r"(?:tallest|biggest|largest|widest|longest|highest|deepest|thickest|smallest|shortest"
         r"|narrowest|broadest|lowest|steepest)")
_NEAREST = r"(?:closest|nearest|farthest|furthest|most distant)"
_EXTENT = (r"(?:width|height|length|diameter|thickness|depth|radius|circumference|altitude"
           r"|elevation)")
# A sensor of distance, a plate of dimensions: things, not measures.
_THINGS = (r"(?:sensor|camera|markers?|markings?|gauge|meter|signs?|signal|plates?|labels?|limits?"
           r"|tags?|bars?|barrier|charts?|lines?|warning|adjust\w+|stickers?|display|indicator"
           r"|learning|call|bus|finder|boards?)")
_MOVING = (r"(?:moving|walking|running|driving|coming|going|heading|headed|flying|travell?ing"
           r"|rolling|riding|turning|drifting|sliding|backing|pulling|swinging|stepping|rotating"
           r"|getting|leaving|charging|creeping|closing in)")
_MOVE = (r"(?:move|walk|run|drive|come|go|head|fly|travel|roll|ride|turn|drift|slide|back|steer"
         r"|rotate)s?")
_SELF = (r"(?:me|us|you|(?:the|our|my|your|this) (?:robot|rover|agv|amr|drone|gripper))\b"
         r"(?!'s| arm| hand| dog| cell)")
_PEOPLE = (r"(?:person|persons|people|man|men|woman|women|child|children|kid|boy|girl|someone"
           r"|somebody|anyone|anybody|workers?|guy|he|she|they|dog|cat)")
_KINDS = r"(?:colou?r|kind|type|sort|brand|make|model|shape|material|word|text|logo|language)"
_WHICH = (rf"(?:^|[,;:] ?|\b(?:me|say|know|see|out|check|and|but|or|of|in|on|at) )"
          rf"(?:which|who|whose)\b(?! {_KINDS})")
_SUBJECT = r"(?:^|\b(?:if|whether|and|but) )(?:.* )?(?:is|are|was|were)\b"
_SPAN = (r"(?:away|off|from|apart|wide|tall|long|high|deep|thick|across|ahead|clear|distant"
         r"|or (?:more|less|so)|in (?:height|width|length|diameter|depth))\b")
_ABOUT = (r"(?:within|less than|more than|at least|at most|about|around|roughly|approximately"
          r"|nearly|almost|exactly|under|over|below|above|up to|reverse|advance|forwards?|back up"
          r"|(?:closer|farther|further|taller|wider|longer|higher|deeper|lower) than|by)")
_NAMED = (rf"(?!{_SPAN}|(?:and|or|of|to|in|at|on|by|with|between|behind|above|below|under|over"
          r"|left|right|before|after|past|un|una|uno|l'\w+|de|del|du|des|et|y|o|ou|en|por|pour"
          r"|par|entre"
          r"|que|qui|hasta|desde|jusqu'\w+|devant|derriere|delante|detras|gap|distance|clearance"
          r"|radius|range|drop|margin)\b)")
_PASS = (r"(?:get|go|pass|squeeze|drive|move|slip|roll|navigate|manoeuvre|maneuver|make it|fit"
         r"|duck|crawl|reverse|turn)")
_THROUGH = r"(?:through|under|underneath|beneath|between|past|by|a?round)\b"
_ANGLED = (r"(?:turn|rotat|tilt|lean|slop|inclin|steep|swing|pitch|yaw|angl|ramp|open|swivel|tip"
           r"|slant|bent|bank)")
_DEGREES = rf"(?:{NUMBER}|{_WORDS}) ?{DEGREES}"

ORDINARY = (
    # A pole of 2 m is named by its length; a door 2 m away is measured.
    rf"\b(?:the|an?|this|that|any|another|each) (?:\w+ )?(?:{NUMBER}|{_WORDS}|one)[ -]?{UNIT}[ -]"
    rf"{_NAMED}(?=\w)",
    # What a sign or a display says, up to the next clause.
    r"\b(?:signs?|labels?|posters?|notices?|texts?|stickers?) (?:\w+ )?"
    r"(?:say(?:s|ing)?|reads?|reading|shows?|showing)\b"
    r".*?(?=[,;:.?!]|\b(?:and|but|or|how|what|which|where|while|whether)\b|$)",
    r"\b(?:say(?:s|ing)?|read(?:s|ing)?|show(?:s|ing)?|display(?:s|ing)?|indicat(?:es?|ing)|marked"
    r"|label?led|set to|limited to)"
    rf"(?: (?:that|an?|the|about|over|above|below|under|only|less|more|than|speed|limit|of))* "
    rf"{NUMBER} ?[a-z/°%]*",
    rf"\b(?:longer|more|less|fewer) than (?:{NUMBER}|\w+(?: \w+)?) {OTHER}",
    r"\b(?:no|any) longer\b", r"\bin the distance\b", r"\bwhat(?:'s| is) left\b",
    r"\bspeed (?:limit|sign|bump|camera|boat|gate|dial)s?\b", r"\bright of way\b",
    r"(?<!at )\bhigh[- ]speed (?=\w)", r"\bfast (?:food|lane|track|charg\w+)\b",
    r"\bslow (?:cooker|lane)\b",
    rf"\b(?:distance|{_EXTENT}|dimensions?|size|direction|angle|clearance|count|range)[ -]{_THINGS}"
    r"\b", r"\bangle (?:grinder|bracket|iron)s?\b", r"\blong[- ]distance (?=\w)",
    r"\brange hood\b", r"\bball bearings?\b", r"\bcrossing guard\b",
    r"\bheading of the\b(?=.* (?:page|text|column|paper|sheet|list))",
    r"(?<!how )\bfar (?:corner|end|side|wall|left|right|door|edge|lane|shelf|table|window)\b",
    r"\b(?:turn|keep) (?:left|right) (?:sign|signal|light|lane|arrow)\b",
    r"\b(?:left|right) turn (?:signal|sign|light|lane|indicator|arrow)\b",
    r"\b(?:to|on|at|in|of) the (?:left|right)(?: hand)?(?: side| half| part| edge| third)?"
    r" (?:of|in) (?:the|this) (?:image|picture|photo|frame|screen|view)\b",
    r"\b(?:left|right) (?:half|part|edge|third)\b(?! of (?:the )?robot)",
    r"\b(?:left|right) side(?: of (?:the|this) (?:image|picture|photo|frame|screen|view))?"
    r"(?! of\b)(?<!(?:my|'s) left side)(?<!(?:my|'s) right side)",
)

RULES: dict[str, tuple[str, ...]] = {
    "count": (
        rf"\bhow many\b(?! (?:{UNIT}|{OTHER}))",
        r"(?<!\ba )(?<!phone )\bnumber of (?!(?:the|this|that|his|her|its|their|my|your|an?)\b)\w",
        r"\b(?:total|sum|amount|quantity|count) of (?:all |the )?\w+s\b|\btally\b",
        r"\bhead ?count\b",
        r"(?:^(?:\w+ )?|\b(?:please|you|to|and|then|me|just) |, ?)count (?!display|is\b|down)\w",
        rf"\b(?:more|fewer|less|greater) than {_MANY} (?!{UNIT}|{OTHER}|{DEGREES})\w",
        rf"\b(?:at least|at most|exactly|over|under|up to) {_MANY} "
        rf"(?!{UNIT}|{OTHER}|{DEGREES})[a-z]",
        r"\b(?:more|fewer) (?!than\b)\w+(?: \w+)? than \w+",
        r"\b(?:more|fewer) (?:people|men|women|children|\w+s) .*\bthan\b", r"\bdozens?\b",
        r"\bas (?:many|few) \w+ as\b",
        rf"\b(?:are|were|have|do|did) (?:there )?(?:(?!the|all|both|these|those|my|her|his)\w+"
        rf" )?{_MANY} (?!{UNIT}|{OTHER}|{DEGREES}|walls)\w",
        rf"\b(?:see|spot|show|contain|hold|carry|find)s? (?:\w+ )?{_MANY}"
        rf" (?!{UNIT}|{OTHER}|{DEGREES})(?:\w+ )?\w+(?:s|people|men|women)\b", r"\bsame number\b",
        rf"{_WHICH}.*\b(?:has|have|holds?|is|are|contains?) (?:the )?(?:most|fewest) \w+",
    ),
    "speed": (
        r"\bhow (?:\w+ )?(?:fast|quick|quickly|slow|slowly|rapidly)\b",
        r"\b(?:speed|velocity|speeding)\b", r"(?<!the )\b(?:faster|slower|quicker)\b",
        rf"\b(?:faster|slower|quicker)(?: than\b| one{END}|{END})",
        r"\b(?:too|so|very|really|quite) (?:fast|slow|quick)(?:ly)?\b",
        rf"\b(?:\w+ing|{_MOVE}|approaches) (?:\w+ )*?(?:fast|quickly|slowly|rapidly|swiftly)\b",
        r"\b(?:accelerat|decelerat)\w+", r"\bbraking\b",
        r"\b(?:quickly|slowly|rapidly|swiftly)\b|(?<!the )(?<!a )\bfast\b(?! asleep| food| lane)",
        r"\b(?:slow(?:s|ing)?|speed(?:s|ing)?) (?:down|up)\b(?! sign)", SPEED,
        rf"{_SUBJECT}.*(?<!the )(?<!a )\b(?:fast|slow){END}",
        r"\b(?:which|who|what|whose)\b.*\b(?:is|goes|runs|moves|drives)\b.*\b(?:fastest|slowest)\b",
        r"\b(?:gaining|catching up) (?:on|with)\b|\bovertaking\b",
    ),
    "size": (
        rf"\bhow (?!long\b){_SIZES}\b",
        # How long something has lasted is no length.
        r"\bhow long\b(?! (?:has|have|had|ago|do|will|until|till|since|must|should|can|before)\b"
        r"| (?:does|did)\b(?!.*\b(?:look|seem|appear|measure)\b)"
        rf"| (?:is|was|were|are) .*\b(?:been|on|off|open|closed|there|here|\w+ing){END})",
        rf"(?<!the )(?<!\ba )(?<!an )\b{_MORE}\b", rf"\b(?:{_MORE}|lower) than\b",
        rf"\bthe {_MORE}(?: one| of\b.*)?{END}", rf"\b{_SIZES} enough\b", rf"\btoo {_SIZES}\b",
        r"(?<!full )(?<!life )\bsizes?\b(?! (?:xx?s|s|m|x{0,3}l|small|medium|large|\d+)\b)",
        r"\bequally \w+\b", r"\b(?:dimensions?|measurements?)\b", r"\bhow (?:tight|close|wide)ly\b",
        rf"(?<!\ba )\b{_EXTENT}s?\b",
        r"\b(?:what|how much) (?:is the )?(?:\w+ )?(?:area|volume|surface|floor space)\b",
        r"(?:^|\b(?:please|you|to|and|then|me) )(?:measure|estimate|calculate|compute) "
        r"(?!.*(?:distan|abstand|entfern))",
        r"\bfit(?:s|ting)? (?:\w+ )?(?:through|in|into|under|underneath|beneath|between|inside|on"
        r"|onto|past|below|over|there|within|behind|beside|across|next)\b",
        rf"\b(?:can|could|will|would|able to|possible to|going to|gonna|manage\w* to|may|should"
        rf"|might)\b(?! you see)"
        rf".*\b{_PASS}\b(?: \w+)? {_THROUGH}", rf"\b(?:do|does) (?!.*\b{_PEOPLE}\b).*\b{_PASS} "
        rf"{_THROUGH}", r"\b(?:will|can|would|could|does|do)\b.*\bclear (?:the|that|this)\b",
        r"\b(?:can|could|able to|possible to)\b(?! you).*\bpass (?:the|this|that|it|them)\b",
        r"\b(?:enough|sufficient|how much|much|more) (?:head ?|leg ?)?(?:room|space)\b",
        r"\bthere (?:\w+ )?(?:room|space) (?:to|for|between|left|under|above|behind)\b",
        r"\b(?:room|space) to (?:\w+ )?\w+", r"\b(?:any|some) (?:room|space) .*\bfor (?:the robot"
        r"|me|us|another)\b",
        rf"{_WHICH}.*\b(?:is|are|looks?|has|seems?)\b (?:\w+ )?(?:the )?{_MOST}\b",
        rf"{_WHICH}(?: \w+)? (?:the )?{_MOST}\b", rf"{_WHICH}.*\b{_MOST}{END}",
        rf"\b(?:point (?:out|to|at)|name|identify|pick|find|tell me|show me) (?:\w+ )?the"
        rf" (?:{_MOST}"
        rf"|{_NEAREST})\b",
        rf"\bwhat(?:'s| is| are) the {_MOST}\b(?!.*\b(?:\w+ing|made|called|for)\b)",
        rf"\bthe {_MOST}(?: one| of .*)?{END}(?! \w+ \w+)",
        rf"\b(?:is|are) (?:this|that|it|these) the {_MOST}\b", rf"\bas {_SIZES} as\b",
        rf"(?:{_SUBJECT}|\b(?:looks?|seems?|appears?)\b).*(?<!\ba )(?<!an )(?<!the"
        rf" )\b{_SIZED}{END}",
        r"\b(?:ceiling|shelf|beam|roof|table|wall|bridge|step|stairs?|fence|pile|stack|doorway"
        rf"|branch|barrier)s? (?:\w+ )?(?:low|high){END}",
    ),
    "direction": (
        r"\b(?:which|what|same|opposite|wrong|whose) (?:direction|way|angle|orientation|heading"
        r"|bearing|compass)\b", r"\bwhich (?:\w+ )?side\b",
        rf"\bwhere(?:'s| is| are| does| do) .*\b(?:{_MOVING}|go|head|lead)(?: to)?{END}",
        r"\bdirection of\b", r"\bthe direction (?:the|that|he|she|it|they|in which)\b",
        r"\bin (?:the|my|our|your|this|that|its|the robot's) direction\b",
        r"\b(?:bearing|azimuth)s? (?:of|to|from)\b",
        r"\b(?:what|its|current|give|tell)\b.*\b(?:bearing|azimuth|heading|coordinates?)\b",
        r"\bheading of\b", r"\bcoordinates?\b", r"\bpose of\b", r"\b(?:the|what) angle\b",
        r"\bangle (?:of|between)\b",
        r"\b(?:what|which|exact|precise|give|tell|report)\b.*\b(?:position|location) (?:of|in)\b",
        r"\bleft or (?:to )?(?:on )?(?:the |my )?right\b",
        r"\b(?:to|on|at|from|by) (?:my|our|your|its|his|her|their|the robot's)(?: own)? "
        r"(?:left|right)\b(?! (?:arm|hand|leg|foot|shoe|sleeve|knee|shoulder|side\b.*\bseat))",
        r"\b(?:on|at|to) (?:my|our|the robot's) (?:side|back)\b",
        rf"\bto the (?:left|right)(?: of\b|{END})",
        r"\b(?:left|right)(?:[ -]hand side| side)? of (?!way)",
        rf"\b(?:{_MOVING}|(?:should|must|can|shall|could|will|to|does|do|did)\b.*\b{_MOVE})"
        r" (?:\w+ )?(?:towards?|away|left|right|forwards?|backwards?|north|south|east|west"
        r"|(?:this|our|my|your|the wrong|the other) way"
        r"|closer|nearer|(?:up to|straight at|at|for|past) (?:us|me|the robot)\b|(?:to|from) the"
        r" (?:left|right))\b",
        r"^(?!.*\b(?:look|point|fac|lean|gestur|glanc|gaz|turned|wav)\w*).*\b\w+(?:ing|s) (?:\w+"
        r" )?towards?\b",
        r"\bapproach(?:es|ing)?\b(?! (?:lane|road|sign|light|zone|retirement))", r"\breversing\b",
        r"\bbacking up\b(?! (?:its|the|an?|his|her)\b)", r"\b(?:about|going) to (?:hit|collide"
        r"|crash|bump|run into)\b",
        r"\b(?:will|would|might|could) (?:.* )?(?:hit|collide|crash|bump)\b",
        r"\bcollision course\b",
        r"\b(?:relative to|with respect to|in relation to)\b", r"\b(?:my|your|our) \w+ o'clock\b",
        rf"\b{_ANGLED}\w*\b.*\b{_DEGREES}", r"\b(?:in|how many) degrees\b",
        r"\bhow sharp is the (?:bend|turn|curve)", rf"{_DEGREES} (?:to (?:the|my|your) )?(?:left"
        rf"|right)\b",
        rf"\b(?:behind|around|between|in front of|ahead of|next to|beside|alongside|above|below"
        rf"|beneath"
        rf"|left of|right of) {_SELF}",
        r"\b(?:facing|pointing|oriented) (?:north|south|east|west)\b",
        r"\b(?:what|how much|which|how)\b.*\b(?:slope|gradient|incline|inclination|tilt(?:ed)?)\b",
        r"\b(?:slope|gradient|inclination|tilt|incline) of\b",
        r"\b(?:slope|gradient|incline|inclination|ramp)\b.*\b(?:more|less|greater|above|over"
        r"|exceeds?|below|under)\b.*\d",
    ),
    "distance": (
        r"\bhow (?:\w+ )?(?:far|close|near|distant)\b",
        r"\bhow much (?:\w+er)\b(?! is (?:there|left))",
        r"\bhow much (?:does|do|did|has|have)\b(?!.*\b(?:cost|weigh|charge|left|time|money)\b)",
        r"\bdistances?\b", r"(?<!the )\b(?:closer|nearer|farther)\b",
        rf"\b(?:closer|nearer|farther)(?: than\b| to\b| of\b| one{END}|{END})",
        rf"\bfurther(?: (?:away|than|from|off|back|apart|out|or)\b|{END})",
        r"(?<!so )(?<!as )(?<!the )\bfar\b(?! (?:east|right|left|corner|end|side))",
        r"\b(?:a )?(?:long|short) way\b",
        r"\b(?:too|so|very|quite|pretty|dangerously|really|that) (?:close|near|far)\b",
        r"\b(?:close|near|far) enough\b", rf"\b(?:close|near|next) to {_SELF}", rf"\bnear {_SELF}",
        r"\b(?:is|are|was|were|anyone|anything|standing|looks?)\b.*(?<!to )(?<!you )(?<!the"
        r" )(?<!a )"
        rf"\b(?:close|near|far|nearby|close by){END}",
        rf"{_WHICH}.*\b(?:is|are|stands?|sits?|comes?|looks?|seems?)\b"
        rf" (?:\w+ )?(?:the )?{_NEAREST}\b",
        rf"{_WHICH}(?: \w+)? (?:the )?{_NEAREST}\b", rf"\bwhat(?:'s| is| are) (?:the"
        rf" )?{_NEAREST}\b(?!.*\b(?:\w+ing|made|called|for)\b)",
        rf"\b{_NEAREST}(?: one| of .*)?(?=\W*$)",
        rf"\b(?:is|are) (?:this|that|it|these) the {_NEAREST}",
        r"\b(?:within|in|out of|beyond) (?:(?:my|its|the|your|their|easy) )?(?:[\w']+ )?(?:reach"
        r"|range)\b",
        r"\barm'?s?[ -](?:length|reach)\b", r"\b(?:my|your|our|its|the robot's) reach\b",
        r"\b(?:can|could|able to|long enough to|does)\b.*\breach\b",
        r"\b(?:can|could|will)\b(?! you).*\b(?:i|we|it|robot|arm|gripper|hand|rover|drone)\b.*"
        r"\b(?:get (?:at|to)|grab|grasp)\b", r"\bstone's throw\b|\bwalking distance\b",
        r"\b(?:the|what|tell me|give me|estimated?) range (?:to|of|from|between|is)\b",
        r"\b(?:what|how)\b.*\bgaps?\b|\bgaps? (?:between|to|of|is)\b",
        r"\b(?:spacing|headroom|leeway|wiggle room|proximity|separation)\b",
        r"\bclearance\b(?! sale)",
        rf"(?<![\w.,-]){NUMBER} ?{UNIT}",
        r"\bin (?:met(?:er|re)s|centimet(?:er|re)s|feet|inches|steps|paces)\b",
        rf"\b(?:{_WORDS}|half a|a half|a few|few|several|a couple of|how many) (?:more )?"
        r"(?:centi|kilo|milli)?(?:met(?:er|re)s?|inch(?:es)?)\b(?! reading)",
        rf"\b{_ABOUT} {_A_FEW}[ -](?:\w+ )?"
        r"(?:met(?:er|re)|foot|feet|yard|pace|step|inch|mile|hand|car length)s?\b",
        rf"\b{_A_FEW} (?:met(?:er|re)|foot|feet|yard|pace|step|inch|mile)s? {_SPAN}",
        r"\bhow many (?:more )?(?:steps|paces|feet|yards|miles|inches)\b",
        r"\bmet(?:er|re)s (?:away|apart)\b",
    ),
}
