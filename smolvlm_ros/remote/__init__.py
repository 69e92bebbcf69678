"""Models behind an OpenAI-compatible server, asked with limits on time, size, cost and disclosure.

`address` says which server and with which key; `connection` and `transport` bound one request in
time and bytes; `chat` retries within one deadline and stops at a server that is down; `answers`
takes nothing for granted in what comes back; `privacy` and `picture` prepare what leaves the
robot; `budget` and `escalation` ask a frontier model, at most so often, with a record of each time.
"""
from __future__ import annotations
