"""Scene QA: yes/no verdicts on gated frames that a planner may act on, or an honest UNSURE.

`engine` loads SmolVLM2 and answers one question on one image; `policy` asks it the question and
its negation on two frames; `verdict` decides from these passes; `guard`, `templates` and `prompt`
keep out what must not be asked; `frames` and `scheduler` choose what is asked, and when.
"""
from __future__ import annotations
