"""The page that people look at: what each vendor was given and what it made of it, the faults in force, the newest
requests. One HTML document, no script but a gentle reload, everything that came from outside escaped."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from html import escape

from pressroom.sandbox.core.faults import Fault
from pressroom.sandbox.core.vendor import Card
from pressroom.sandbox.core.wire import Json, JsonObject, as_float, as_text

STYLE = """
:root { color-scheme: light dark; --ink: #1d1f24; --soft: #6b7080; --paper: #f6f4ef; --card: #ffffff; --line: #e4e0d6;
  --good: #2a7a4b; --busy: #b5700f; --bad: #b3362f; }
@media (prefers-color-scheme: dark) { :root { --ink: #ecebe6; --soft: #9a9fae; --paper: #15171b; --card: #1e2127;
  --line: #2d313a; --good: #67c58d; --busy: #e2a650; --bad: #ef8078; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 2.2rem clamp(1rem, 4vw, 4rem) 4rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: .4rem 1.2rem; }
h1 { margin: 0; font-size: 1.7rem; letter-spacing: -.02em; }
h2 { margin: 2.6rem 0 .3rem; font-size: 1.2rem; text-transform: capitalize; }
header p, .none { color: var(--soft); margin: 0; }
dl { display: flex; flex-wrap: wrap; gap: .5rem 1.6rem; margin: .4rem 0 1rem; }
dl div { display: flex; gap: .45rem; align-items: baseline; }
dt { color: var(--soft); } dd { margin: 0; font-weight: 600; font-variant-numeric: tabular-nums; }
dd.bad { color: var(--bad); }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(190px, 1fr)); gap: 1rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; overflow: hidden; }
.card img { display: block; width: 100%; aspect-ratio: 1; object-fit: cover; background: var(--line); }
.card div { padding: .6rem .75rem .75rem; }
.card b { display: -webkit-box; -webkit-line-clamp: 2; -webkit-box-orient: vertical; overflow: hidden;
  font-weight: 600; line-height: 1.3; }
.card small { display: block; color: var(--soft); margin-top: .25rem; }
.state { display: inline-block; margin-top: .4rem; padding: .05rem .5rem; border-radius: 99px; font-size: .76rem;
  border: 1px solid currentColor; color: var(--soft); }
.state.published, .state.ready, .state.active { color: var(--good); }
.state.publishing, .state.draft, .state.processing { color: var(--busy); }
.state.failed { color: var(--bad); }
table { width: 100%; border-collapse: collapse; font-size: .84rem; font-variant-numeric: tabular-nums; }
td, th { text-align: left; padding: .28rem .6rem .28rem 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
td.path { white-space: normal; overflow-wrap: anywhere; font-family: ui-monospace, monospace; }
.s4, .s5, .s0, .fault { color: var(--bad); } .scroll { overflow-x: auto; }
"""


def render_page(
    shown: Mapping[str, tuple[JsonObject, Sequence[Card]]], requests: Sequence[JsonObject], faults: Sequence[Fault]
) -> str:
    """The whole page; `shown` has each vendor's statistics and its newest things."""
    sections = "".join(_vendor(name, stats, cards) for name, (stats, cards) in shown.items())
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Pressroom sandbox</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta http-equiv="refresh" content="5">'
        f"<style>{STYLE}</style></head><body><header><h1>Pressroom sandbox</h1>"
        "<p>Stand-ins for the outside vendors. Nothing here is real, nothing is billed.</p></header>"
        f"{_faults(faults)}{sections}{_requests(requests)}</body></html>"
    )


def _vendor(name: str, stats: JsonObject, cards: Sequence[Card]) -> str:
    counts = "".join(_count(label, value) for label, value in stats.items() if isinstance(value, int | float | str))
    gallery = "".join(_card(card) for card in cards)
    shown = f'<div class="cards">{gallery}</div>' if gallery else '<p class="none">Nothing yet.</p>'
    return f"<section><h2>{escape(name)}</h2><dl>{counts}</dl>{shown}</section>"


def _count(label: str, value: Json) -> str:
    alarming = ("twice" in label or "duplicate" in label) and value != 0
    return (
        f"<div><dt>{escape(label.replace('_', ' '))}</dt>"
        f"<dd{' class=bad' if alarming else ''}>{escape(str(value))}</dd></div>"
    )


def _card(card: Card) -> str:
    picture = f'<img loading="lazy" alt="" src="{escape(card.picture)}">' if card.picture else ""
    state = f'<span class="state {escape(card.state)}">{escape(card.state)}</span>' if card.state else ""
    return (
        f'<article class="card">{picture}<div><b>{escape(card.title)}</b>'
        f"<small>{escape(card.subtitle)}</small>{state}</div></article>"
    )


def _faults(faults: Sequence[Fault]) -> str:
    if not faults:
        return ""
    rows = "".join(
        f'<tr class="fault"><td>{escape(fault.kind)}</td><td>{escape(fault.vendor or "any")}</td>'
        f'<td class="path">{escape(fault.match)}</td>'
        f"<td>{'until cleared' if fault.times < 0 else f'{fault.times} more'}</td><td>{fault.hits} struck</td></tr>"
        for fault in faults
    )
    return f'<section><h2>Faults in force</h2><div class="scroll"><table>{rows}</table></div></section>'


def _requests(requests: Sequence[JsonObject]) -> str:
    rows = "".join(_request(request) for request in requests)
    head = "<tr><th>at</th><th>vendor call</th><th>answer</th><th>ms</th><th>note</th></tr>"
    return (
        f'<section><h2>Newest requests</h2><div class="scroll"><table>{head}{rows}</table></div></section>'
        if rows
        else ""
    )


def _request(request: JsonObject) -> str:
    at = time.strftime("%H:%M:%S", time.localtime(as_float(request["at"])))
    status = str(request["status"])
    fault = as_text(request["fault"])
    note = escape(as_text(request["note"])) + (f' <span class="fault">{escape(fault)}</span>' if fault else "")
    return (
        f'<tr><td>{at}</td><td class="path">{escape(as_text(request["method"]))} '
        f"{escape(as_text(request['path']))}</td>"
        f'<td class="s{status[:1]}">{"cut" if status == "0" else escape(status)}</td>'
        f"<td>{request['ms']}</td><td>{note}</td></tr>"
    )
