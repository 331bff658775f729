// Polls the status every second. A new report is loaded into a second, hidden frame. The reader's state of the old one
// (position, zoom, hidden traces, sliders, fields) is applied to it, and then the frames are swapped. This script knows
// nothing of a report except that its figures are Plotly's.
"use strict";

const POLL_MS = 1000;
const byId = (id) => document.getElementById(id);

const edits = new Map(); // figure → {layout: {"xaxis.range[0]": …}, visible: {trace: …}, controls: {"sliders[0]": label}}
let shown = null; // the visible frame
let version = 0;
let loading = false;

function edited(id) {
  if (!edits.has(id)) edits.set(id, { layout: {}, visible: {}, controls: {} });
  return edits.get(id);
}

const ZOOM = /^([xy]axis\d*\.(range|autorange)|ternary\d*\.[abc]axis\.min|scene\d*\.camera|dragmode|polar\d*\.)/;

function rememberLayout(id, change) {
  const kept = edited(id).layout;
  for (const [key, value] of Object.entries(change)) {
    if (!ZOOM.test(key)) continue;
    const axis = key.split(".")[0];
    // the later of the two applies: a range, or autorange
    for (const other of Object.keys(kept)) {
      if (other.startsWith(`${axis}.`) && other.includes("autorange") !== key.includes("autorange")) delete kept[other];
    }
    kept[key] = value;
  }
}

function rememberVisible(figure, [change, indices]) {
  if (!("visible" in change)) return;
  const values = Array.isArray(change.visible) ? change.visible : [change.visible];
  indices.forEach((index, at) => {
    const name = figure.data[index]?.name;
    if (name !== undefined) edited(figure.id).visible[name] = values[at % values.length];
  });
}

function rememberSlider(figure, { slider, step }) {
  // a reader at the last step follows to the last step of the next report
  const isLast = slider.steps[slider.steps.length - 1].label === step.label;
  edited(figure.id).controls[`sliders[${slider._index ?? 0}]`] = isLast ? null : step.label;
}

function rememberButton(figure, { menu, button }) {
  edited(figure.id).controls[`updatemenus[${menu._index ?? 0}]`] = button.label;
}

async function repeatControl(Plotly, figure, control, label) {
  const [, kind, number] = control.match(/^(\w+)\[(\d+)\]$/);
  const { steps, buttons } = (figure.layout[kind] ?? [])[number] ?? {};
  const choices = steps ?? buttons ?? [];
  const at = choices.findIndex((choice) => choice.label === label);
  if (at < 0) return;
  // Plotly rejects an animation that a later one interrupts
  await Plotly[choices[at].method](figure, ...choices[at].args).catch(() => {});
  await Plotly.relayout(figure, { [`${control}.active`]: at });
}

async function repeatEdits(Plotly, figure) {
  const kept = edits.get(figure.id);
  if (kept === undefined) return;
  for (const [control, label] of Object.entries(kept.controls)) {
    if (label !== null) await repeatControl(Plotly, figure, control, label);
  }
  const indices = [...figure.data.keys()].filter((index) => figure.data[index].name in kept.visible);
  if (indices.length > 0) {
    await Plotly.restyle(figure, { visible: indices.map((index) => kept.visible[figure.data[index].name]) }, indices);
  }
  if (Object.keys(kept.layout).length > 0) await Plotly.relayout(figure, { ...kept.layout });
}

async function adopt(frame, figure) {
  if (figure.isAdopted || !figure.id || typeof figure.on !== "function") return;
  figure.isAdopted = true;
  await repeatEdits(frame.contentWindow.Plotly, figure);
  figure.on("plotly_relayout", (change) => rememberLayout(figure.id, change));
  figure.on("plotly_restyle", (change) => rememberVisible(figure, change));
  figure.on("plotly_sliderchange", (change) => rememberSlider(figure, change));
  figure.on("plotly_buttonclicked", (change) => rememberButton(figure, change));
}

async function adoptAll(frame) {
  const inside = frame.contentDocument;
  await Promise.all([...inside.querySelectorAll(".js-plotly-plot")].map((figure) => adopt(frame, figure)));
  // a report may draw a figure only when it scrolls into view
  new MutationObserver((changes) => {
    for (const { target } of changes) if (target.classList.contains("js-plotly-plot")) adopt(frame, target);
  }).observe(inside.body, { subtree: true, attributes: true, attributeFilter: ["class"] });
}

function readingPosition(frame) {
  const inside = frame.contentDocument;
  const seen = [...inside.querySelectorAll("[id]")].filter((element) => element.getClientRects().length > 0);
  const above = seen.filter((element) => element.getBoundingClientRect().top <= 1);
  const anchor = above[above.length - 1];
  return { top: inside.scrollingElement.scrollTop, id: anchor?.id, offset: anchor?.getBoundingClientRect().top };
}

function restorePosition(frame, { top, id, offset }) {
  const inside = frame.contentDocument;
  const anchor = id && inside.getElementById(id);
  if (anchor) frame.contentWindow.scrollBy({ top: anchor.getBoundingClientRect().top - offset, behavior: "instant" });
  else inside.scrollingElement.scrollTop = top;
}

function copyFields(from, to) {
  for (const field of from.querySelectorAll("input[id], select[id], details[id]")) {
    const other = to.getElementById(field.id);
    if (other === null) continue;
    if (field.open !== undefined) other.open = field.open;
    if (field.value === other.value && field.checked === other.checked) continue;
    other.value = field.value;
    other.checked = field.checked;
    for (const kind of ["input", "change"]) other.dispatchEvent(new Event(kind, { bubbles: true }));
  }
}

async function show(newest) {
  const next = document.createElement("iframe");
  next.title = "report";
  next.className = "next";
  const loaded = new Promise((resolve) => next.addEventListener("load", resolve, { once: true }));
  next.src = `report?version=${newest}`;
  byId("reports").append(next);
  await loaded;
  if (shown !== null) copyFields(shown.contentDocument, next.contentDocument);
  await adoptAll(next);
  if (shown !== null) restorePosition(next, readingPosition(shown));
  document.title = next.contentDocument.title;
  next.className = "";
  shown?.remove();
  byId("waiting").hidden = true;
  shown = next;
  version = newest;
}

function duration(seconds) {
  const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3600)];
  if (hours >= 48) return `${Math.floor(hours / 24)} days`;
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  return minutes > 0 ? `${minutes} min ${Math.floor(seconds % 60)} s` : `${Math.floor(seconds)} s`;
}

function showStatus(status) {
  const light = status.error ? "failed" : status.ended ? "ended" : status.num_reports > 0 ? "runs" : "";
  byId("light").className = light;
  const facts = [status.folder];
  if (status.ended) facts.push("the exploration has ended");
  if (status.age_s === null) facts.push("no report yet");
  else facts.push(`last report ${duration(status.age_s)} ago`, `${status.num_reports} reports`);
  byId("state").textContent = facts.join(" · ");
  byId("error").hidden = !status.error;
  byId("error").textContent = status.error ?? "";
}

async function poll() {
  if (document.hidden || loading) return;
  loading = true;
  try {
    const answer = await fetch("status");
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const status = await answer.json();
    showStatus(status);
    if (status.version !== version && status.version > 0) await show(status.version);
  } catch (error) {
    byId("light").className = "failed";
    byId("state").textContent = `erpo-explore watch does not answer (${error.message}); start it again`;
  } finally {
    loading = false;
  }
}

setInterval(poll, POLL_MS);
document.addEventListener("visibilitychange", poll);
poll();
