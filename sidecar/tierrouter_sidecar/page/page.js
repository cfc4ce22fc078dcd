// Shows /view, again and again. Every text goes in by textContent: names are the configuration's, and never markup.
"use strict";
const EVERY_MS = 2000, AGAIN_MS = 4000, PATIENCE_MS = 5000;
const $ = (id) => document.getElementById(id);
let paused = false, timer = 0, last = null;

function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
  return node;
}

function child(node, name, place) {
  return node.children[place] ?? node.appendChild(document.createElement(name));
}

// As many children as there are values, each brought up to date in place, so that a selection or the focus stays.
function each(node, name, values, show) {
  while (node.children.length > values.length) node.lastElementChild.remove();
  values.forEach((value, place) => show(child(node, name, place), value));
}

function bar(node, share, limit) {
  const scale = limit ? Math.max(share, 2 * limit, 0.001) : 1;
  node.className = limit ? "bar limited" : "bar";
  node.style.setProperty("--share", share / scale);
  node.style.setProperty("--limit", (limit ?? 0) / scale);
}

function bars(cell, share, text) {
  const box = child(cell, "div", 0);
  box.className = "bars";
  bar(child(box, "span", 0), share);
  put(child(box, "span", 1), text);
}

// columns: [class, show(cell, row)]; the first is the row's heading.
function table(id, rows, columns, nothing, rowClass) {
  const body = $(id).tBodies[0];
  if (!rows.length) {
    body.replaceChildren();
    const cell = body.insertRow().insertCell();
    cell.colSpan = columns.length;
    cell.className = "none";
    put(cell, nothing);
    return;
  }
  if (body.querySelector(".none")) body.replaceChildren();
  each(body, "tr", rows, (line, row) => {
    line.className = rowClass ? rowClass(row) : "";
    columns.forEach(([kind, show], place) => {
      const cell = child(line, place ? "td" : "th", place);
      if (!place) cell.scope = "row";
      cell.className = kind;
      typeof show === "string" ? put(cell, row[show]) : show(cell, row);
    });
  });
}

function named(cell, row) {
  put(child(cell, "span", 0), row.name);
  const tag = put(child(cell, "span", 1), row.expensive ? "expensive" : "");
  tag.className = "tag";
  tag.hidden = !row.expensive;
}

function explained(cell, row) {
  put(child(cell, "span", 0), row.name);
  put(child(cell, "span", 1), row.note).className = "means";
}

function clock(cell, row) {
  const time = child(cell, "time", 0);
  time.dateTime = row.time;
  put(time, new Date(row.time).toLocaleTimeString([], { hour12: false }));
}

function fact(box, it) {
  put(child(box, "dt", 0), it.name);
  const value = put(child(box, "dd", 1), it.value);
  value.className = "value " + it.tone;
  put(child(box, "dd", 2), it.note).className = "note";
  box.className = it.tone;
  if (it.share === null) return;
  const meter = child(box, "dd", 3);
  meter.setAttribute("aria-hidden", "true");
  bar(meter, it.share, it.limit);
}

function pair(box, [name, value]) {
  put(child(box, "dt", 0), name);
  put(child(box, "dd", 1), value);
}

const share = ["", (cell, row) => bars(cell, row.share, row.shareText)];
const TIERS = [
  ["", named], ["wide model", "model"], share, ["number", "turns"], ["number wide", "input"], ["number wide extra", "cached"],
  ["number wide", "output"], ["number", "cost"], ["number wide first-token", "firstToken"], ["number wide extra", "slowFirstToken"],
];
const PARTS = [["", explained], share, ["number", "count"]];
const RECENT = [
  ["time", clock], ["", "tier"], ["wide", "why"], ["number wide", "input"], ["number wide", "output"],
  ["number", "cost"], ["number wide", "duration"], ["", (cell, row) => (put(cell, row.outcome).className = row.tone)],
];
const BUDGETS = [
  ["", "name"], ["", "limit"], ["", (cell, row) => bar(child(cell, "span", 0), Math.min(row.share, 1))],
  ["", (cell, row) => (put(cell, row.state).className = row.tone)],
];

function show(view) {
  put($("title"), view.title);
  document.title = `${view.title}: ${view.facts[0].value} spent – TierRouter`;
  each($("serving"), "div", view.serving, pair);
  each($("facts"), "div", view.facts, fact);
  each($("problems"), "li", view.problems, (item, it) => (put(item, it.text).className = it.tone));
  $("no-problems").hidden = view.problems.length > 0;
  const tierClass = (row) => (row.expensive ? "dear" : "") + (row.turns === "0" ? " idle" : "");
  table("tiers", view.tiers, TIERS, "No configuration is in force yet.", tierClass);
  table("reasons", view.reasons, PARTS, "No turn yet.");
  table("recent", view.recent, RECENT, "No turn yet.");
  table("budgets", view.budgets, BUDGETS, "", (row) => (row.tone === "plain" ? "" : "full"));
  table("errors", view.errors, PARTS, "", () => "failing");
  for (const id of ["budgets", "errors"]) $(id).closest("section").hidden = !view[id].length;
}

function say(state, text) {
  document.body.className = state;
  put($("state"), text);
}

async function look() {
  clearTimeout(timer);
  let wait = EVERY_MS;
  try {
    const answer = await fetch("/view", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!answer.ok) throw new Error(answer.status);
    show(await answer.json());
    last = new Date();
    if (!paused) say("", "Live");
  } catch {
    wait = AGAIN_MS;
    const since = last ? ` since ${last.toLocaleTimeString([], { hour12: false })}` : "";
    if (!paused) say("away", `No answer${since}; trying again`);
  }
  if (!paused && !document.hidden) timer = setTimeout(look, wait);
}

$("pause").addEventListener("click", () => {
  paused = !paused;
  put($("pause"), paused ? "Resume" : "Pause");
  clearTimeout(timer);
  if (paused) say("paused", "Paused");
  else look();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && !paused) look();
});
look();
