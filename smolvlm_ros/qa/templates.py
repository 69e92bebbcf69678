"""Question templates: what is asked of the scene when a zone event comes in.

A YAML file holds a list; a template applies to the classes, zones and events it names, or to all:

    templates:
      - name: lying_person
        question: "Is the {class} in {zone} lying on the floor?"
        negated: "Is the {class} in {zone} standing or sitting upright?"   # optional
        classes: [person]
        events: [enter, dwell]
        high_stakes: true                                          # optional
        crop: object                                               # optional: or zone, or frame

The values put in come from detectors and configuration, so they are cleaned like a client's text
and cannot hold a prompt token. Only plain `{name}` placeholders are known. The geometry guard looks
at the template, not at the names: a zone called "zone_2m" makes no question of distance.
"""
from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smolvlm_ros.qa.crops import FRAME, OBJECT, ZONE
from smolvlm_ros.qa.guard import check
from smolvlm_ros.qa.negation import is_open, negate
from smolvlm_ros.qa.past_question import not_now
from smolvlm_ros.qa.prompt import MAX_QUESTION, QuestionError, clean_question, clean_text

PLACEHOLDERS = ("class", "zone", "event")
MAX_VALUE = 40  # characters of one value
_EVENTS = ("enter", "dwell", "leave")  # kinds of msg/ZoneEvent.msg
_BRACES = re.compile(r"\{([^{}]*)\}")
# A class or zone is a short name. No quotes, no sentence ends: nothing that could finish the
# question and start another.
_VALUE = re.compile(r"\w[\w .,/&+'-]*(?: \([\w .,/&+'-]+\))*(?: \w[\w .,/&+'-]*)?", re.UNICODE)
_BRACKETED = re.compile(r"\s*\(([^()]*)\)\s*")
_UNSPOKEN = re.compile(r"[_:;#@*=~|\s]+")
_KEYS = {"name", "question", "negated", "classes", "zones", "events", "crop",
         "high_stakes"}


class TemplateError(ValueError):
    """A template is wrong; the text names it, the offender and what is known."""


@dataclass(frozen=True)
class Asked:
    """A filled template: the question, its negation, and what of the frame to look at.

    Attributes:
        refusal: why it cannot be asked of this class and zone; empty when it can. The question is
            then the template's, not filled.
    """

    template: str
    question: str
    negated: str
    crop: str = ""
    high_stakes: bool = False
    refusal: str = ""


@dataclass(frozen=True)
class Template:
    """A yes/no question with placeholders.

    Attributes:
        name: unique, for verdicts and calibration.
        question: text with `{class}`, `{zone}` and `{event}`.
        negated: its negation, likewise; empty to have it made.
        classes: object classes it applies to; empty for all.
        zones: zones it applies to; empty for all.
        events: zone events it applies to; empty for all.
        crop: 'object', 'zone' or 'frame' (see `crops.CropConfig.of`); empty for the configured one.
        high_stakes: a YES or NO is confirmed by a server, where escalation is on.

    Raises:
        TemplateError: an unknown placeholder, event or crop, a stray brace, an empty or forbidden
            text, or a question that the model must not be asked.
    """

    name: str
    question: str
    negated: str = ""
    classes: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    crop: str = ""
    high_stakes: bool = False

    def __post_init__(self) -> None:
        for text in filter(None, (self.question, self.negated)):
            self._check(text)
            named = _BRACES.sub("thing", text)
            guarded = check(named)
            if guarded.advice:
                raise TemplateError(f"template {self.name!r}: {guarded.advice}")
            other = not_now(named)
            if other:
                raise TemplateError(f"template {self.name!r} asks about another time ({other!r}) "
                                    "than that of its event, which its two frames do not show; "
                                    "leave that out, or ask ~/ask about the past")
            if is_open(text):
                raise TemplateError(f"template {self.name!r} does not ask for yes or no: {text!r}")
        unknown = [event for event in self.events if event not in _EVENTS]
        if unknown:
            raise TemplateError(f"template {self.name!r} names the event {unknown[0]!r}, known are "
                                f"{', '.join(_EVENTS)}")
        if self.crop not in ("", OBJECT, ZONE, FRAME):
            raise TemplateError(f"template {self.name!r} has crop = {self.crop!r}, known are "
                                f"{OBJECT!r}, {ZONE!r} and {FRAME!r}")

    def applies(self, class_name: str, zone: str, event: str) -> bool:
        """True when the template is to be asked of that event."""
        return all(value in allowed or not allowed for value, allowed in
                   ((class_name, self.classes), (zone, self.zones), (event, self.events)))

    def fill(self, values: Mapping[str, str]) -> Asked:
        """The question with the values put in, once: braces in a value are not looked at again.

        Args:
            values: by placeholder: 'class', 'zone', 'event'.

        Raises:
            QuestionError: a value is missing, too long, or holds what a name does not.
        """
        cleaned = {name: clean_value(name, values[name]) for name in self._used() if name in values}
        missing = [name for name in self._used() if name not in cleaned]
        if missing:
            raise QuestionError(f"template {self.name!r} needs a value for {{{missing[0]}}}")

        def put(text: str) -> str:
            return clean_question(_BRACES.sub(lambda match: cleaned[match.group(1)], text))

        question = put(self.question)
        return Asked(self.name, question, put(self.negated) if self.negated else negate(question),
                     self.crop, self.high_stakes)

    def _used(self) -> list[str]:
        return sorted(set(_BRACES.findall(self.question + self.negated)))

    def _check(self, text: str) -> None:
        for found in _BRACES.findall(text):
            if found not in PLACEHOLDERS:
                raise TemplateError(f"template {self.name!r} has the unknown placeholder "
                                    f"{{{found}}}, known are "
                                    f"{', '.join('{' + p + '}' for p in PLACEHOLDERS)}")
        rest = _BRACES.sub("", text)
        if "{" in rest or "}" in rest:
            raise TemplateError(f"template {self.name!r} has a brace without its partner: {text!r}")
        try:
            clean_question(rest)
        except QuestionError as error:
            raise TemplateError(f"template {self.name!r}: {error}") from error


def clean_value(name: str, value: str) -> str:
    """A value for a placeholder as it is said: a name of at most 40 characters.

    `clean_value("class", "bat_(animal)")` is `"bat (animal)"`; what is not said (`_ : ; # @ * = ~
    |`) becomes a space. Of a longer name what stands in brackets is left out.

    Raises:
        QuestionError: it is none.
    """
    what = f"the value of {{{name}}}"
    text = _UNSPOKEN.sub(" ", clean_text(value, what, MAX_QUESTION)).strip()
    text = _BRACKETED.sub(r" (\1) ", text).strip()
    if len(text) > MAX_VALUE:
        text = _BRACKETED.sub(" ", text).strip()
    if len(text) > MAX_VALUE:
        raise QuestionError(f"{what} is {value!r}, which takes {len(text)} characters to say, at "
                            f"most {MAX_VALUE} are allowed; give it a shorter name")
    if not _VALUE.fullmatch(text):
        raise QuestionError(f"{what} is {value!r}; only letters, digits, spaces, brackets and "
                            ". , / & + ' - _ : ; # @ * = ~ | are allowed; give it another name")
    return text


def read_templates(text: str) -> tuple[Template, ...]:
    """Templates of a parameter: of a YAML file when it is a path, else of the YAML text itself.

    Raises:
        TemplateError: as `load_templates` does.
    """
    import yaml

    if not text.strip():
        return ()
    if not any(mark in text for mark in ("\n", "{", "templates:")):
        return load_templates(Path(text.strip()).expanduser())
    try:
        return parse_templates(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise TemplateError(f"templates: not YAML: {' '.join(str(error).split())}") from error


def load_templates(path: str | Path) -> tuple[Template, ...]:
    """Read a YAML file of templates.

    Raises:
        TemplateError: the file cannot be read or a template in it is wrong.
    """
    import yaml

    try:
        document = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TemplateError(f"{path} cannot be read as YAML: {error}") from error
    try:
        return parse_templates(document)
    except TemplateError as error:
        raise TemplateError(f"{path}: {error}") from error


def parse_templates(document: Any) -> tuple[Template, ...]:
    """Templates of a YAML document already read.

    Raises:
        TemplateError: it is not a mapping with a list `templates`, or one of them is wrong.
    """
    entries = document.get("templates") if isinstance(document, Mapping) else None
    if not isinstance(entries, list):
        raise TemplateError("expected a mapping with the list 'templates'")
    templates = tuple(_template(index, entry) for index, entry in enumerate(entries))
    names = [template.name for template in templates]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise TemplateError(f"the name {twice[0]!r} is given to two templates")
    return templates


def questions_for(templates: Iterable[Template], class_name: str, zone: str,
                  event: str) -> list[Asked]:
    """What to ask of a zone event, in the order of the templates.

    Where the class or the zone has a name that must not reach the model, `refusal` says so.
    """
    values = {"class": class_name, "zone": zone, "event": event}

    def filled(template: Template) -> Asked:
        try:
            return template.fill(values)
        except QuestionError as error:
            return Asked(template.name, template.question, template.negated, template.crop,
                         template.high_stakes, str(error))
    return [filled(t) for t in templates if t.applies(class_name, zone, event)]


def _template(index: int, entry: Any) -> Template:
    where = f"entry {index + 1} of 'templates'"
    if not isinstance(entry, Mapping):
        raise TemplateError(f"{where} is a {type(entry).__name__}, expected a mapping")
    unknown = sorted(str(key) for key in entry if key not in _KEYS)
    if unknown:
        raise TemplateError(f"{where} has the unknown key {unknown[0]!r}, known are "
                            f"{', '.join(sorted(_KEYS))}")
    texts: dict[str, Any] = {}
    for key in ("name", "question", "negated", "crop"):
        value = entry.get(key, "")
        if not isinstance(value, str) or (not value.strip() and key in ("name", "question")):
            raise TemplateError(f"{where} has {key} = {value!r}, expected a text")
        texts[key] = value
    for key in ("classes", "zones", "events"):
        value = entry.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise TemplateError(f"{where} has {key} = {value!r}, expected a list of names")
        texts[key] = tuple(value)
    stakes = entry.get("high_stakes", False)
    if not isinstance(stakes, bool):
        raise TemplateError(f"{where} has high_stakes = {stakes!r}, expected true or false")
    return Template(**texts, high_stakes=stakes)
