#!/usr/bin/env python3
"""Write docs/parameters.md, docs/nodes.md and docs/interfaces.md from the declarations.

    python3 docs/reference.py            # write the pages
    python3 docs/reference.py --check    # exit 1 and name the pages that are out of step
"""
from __future__ import annotations

import argparse
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

NODES = {"gate": "GateNode", "depth": "DepthNode", "detector": "DetectorNode",
         "fusion": "FusionNode", "scene_qa": "SceneQaNode", "anonymizer": "AnonymizerNode",
         "video_source": "VideoSourceNode"}
_MADE = "<!-- Made by docs/reference.py from the declarations in the code; change those. -->\n"


def node_classes() -> dict[str, Any]:
    """The node classes by executable name."""
    return {name: getattr(importlib.import_module(f"smolvlm_ros.nodes.{name}"), cls)
            for name, cls in NODES.items()}


def parameters_page() -> str:
    """Every parameter of every node: type, default, range, unit, when it changes, description."""
    parts = [_MADE, "# Parameters\n",
             "All are checked when they are set, all or nothing. *Live* parameters change while "
             "the node works; the others take effect when the node is configured again.\n"]
    for name, cls in node_classes().items():
        parts.append(f"\n## {name}\n\n"
                     "| parameter | type | default | allowed | live | what it does |\n"
                     "| --- | --- | --- | --- | --- | --- |\n")
        for item in cls.settings_class.declared():
            unit = f" {item.setting.unit}" if item.setting.unit else ""
            parts.append(f"| `{item.name}` | {item.type_text} | {_value(item.default)}{unit} | "
                         f"{_cell(item.setting.range_text()) or '—'} | "
                         f"{'yes' if item.setting.runtime else 'no'} | "
                         f"{_cell(item.setting.doc)} |\n")
    return "".join(parts)


def nodes_page() -> str:
    """Topics, services and actions of every node."""
    parts = [_MADE, "# Nodes, topics, services and actions\n",
             "Names are relative, so that they remap; `~/` stands for the node's name. Types are "
             "described in [interfaces.md](interfaces.md), parameters in "
             "[parameters.md](parameters.md). Every node also publishes `/diagnostics`.\n"]
    for name, cls in node_classes().items():
        parts.append(f"\n## {name}\n\n{cls.interface.summary}\n\n"
                     "| | name | type | what goes over it |\n| --- | --- | --- | --- |\n")
        ends = cls.interface
        for title, group in (("in", ends.inputs), ("out", ends.outputs),
                             ("service", ends.services), ("action", ends.actions)):
            for end in group:
                doc = end.doc + (" Latched." if end.latched else "")
                doc += f" QoS: `{end.qos}.*`." if end.qos else ""
                parts.append(f"| {title} | `{end.name}` | `{end.type}` | {_cell(doc)} |\n")
    return "".join(parts)


def interfaces_page() -> str:
    """Every message, service and action: fields, types and the comments beside them."""
    parts = [_MADE, "# Messages, services and actions\n"]
    for folder in ("msg", "srv", "action"):
        for path in sorted((ROOT / folder).glob(f"*.{folder}")):
            parts.append(f"\n## {path.stem} ({folder})\n\n")
            parts.extend(_definition(path.read_text(encoding="utf-8"), folder))
    return "".join(parts)


def _definition(text: str, kind: str) -> Iterator[str]:
    titles = {"msg": ("",), "srv": ("Request", "Response"),
              "action": ("Goal", "Result", "Feedback")}
    sections = re.split(r"^---$", text, flags=re.M)
    for title, section in zip(titles[kind], sections, strict=True):
        lines = section.strip().splitlines()
        intro = []
        while lines and lines[0].startswith("#"):
            intro.append(lines.pop(0).lstrip("# "))
        if intro:
            yield " ".join(intro) + "\n\n"
        if title:
            yield f"**{title}**\n\n"
        yield "| field | type | meaning |\n| --- | --- | --- |\n"
        for line in lines:
            code, _, comment = line.partition("#")
            fields = code.split(maxsplit=1)
            if len(fields) == 2:
                yield f"| `{fields[1].strip()}` | `{fields[0]}` | {_cell(comment.strip())} |\n"
        yield "\n"


def _value(value: Any) -> str:
    if value == "" or value == ():
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"`{list(value)}`"
    return f"`{value}`"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


PAGES = {"parameters.md": parameters_page, "nodes.md": nodes_page, "interfaces.md": interfaces_page}


def main(arguments: list[str] | None = None) -> int:
    """Write or check the pages; see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 on differences")
    options = parser.parse_args(arguments)
    stale = []
    for name, make in PAGES.items():
        path, text = ROOT / "docs" / name, make()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(f"docs/{name}")
            if not options.check:
                path.write_text(text, encoding="utf-8")
    if stale:
        print(("out of step with the code: " if options.check else "written: ") + ", ".join(stale)
              + ("; run make docs" if options.check else ""))
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
