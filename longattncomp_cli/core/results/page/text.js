
"use strict";
const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const { report, texts, rank_tokens: rankTokens } = data;
const chunks = report.chunks;
const order = [];
for (const chunk of chunks) order[chunk.rank - 1] = chunk.index;
const best = Math.max(chunks[order[0]].score, 1e-12);
// A root of the share of the best score, so that the middle field can be told from the rest.
const shade = (chunk) => Math.pow(Math.max(0, chunk.score) / best, 0.4);
const number = (value) => Math.round(value).toLocaleString("en-US");
const percent = (share) => (share * 100).toFixed(share < 0.1 ? 1 : 0) + "%";
const main = $("text");

// ---- text: control characters and those that reorder or hide text are shown by their number ----
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]/u;
function append(element, text) {
  if (text.includes("\r")) text = text.replaceAll("\r\n", "\n");
  if (!CONTROL.test(text)) { element.append(text); return; }
  let plain = "";
  for (const char of text) {
    if (!CONTROL.test(char)) { plain += char; continue; }
    const mark = document.createElement("span");
    mark.className = "ctl";
    mark.textContent = "U+" + char.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    element.append(plain, mark);
    plain = "";
  }
  element.append(plain);
}
const place = (chunk) => {
  const name = data.sources[chunk.source];
  return (name ? isolated(name) + ":" : "line ") + chunk.line_start + (chunk.line_end > chunk.line_start ? "–" + chunk.line_end : "");
};
// A name that runs right to left leaves the order of what stands beside it alone.
const isolated = (text) => "\u2068" + visible(text) + "\u2069";
const visible = (text) => [...text].map((char) => (CONTROL.test(char) ? "\ufffd" : char)).join("");

// ---- what is kept: this run's selection, or a preview of the best chunks ----
const hasRun = data.num_tokens !== null;
// What a rule keeps is kept whatever the budget: of these chunks at least the parts that it names.
const must = Object.keys(data.must).map(Number);
const runKept = new Set(hasRun ? chunks.filter((chunk) => chunk.kept).map((chunk) => chunk.index) : must);
let kept = runKept, mode = hasRun ? "run" : "none", numBest = 0;
const partsOf = (index) => (mode === "run" ? data.cuts[index] : rankPlace(index) < numBest ? undefined : data.must[index]);
const rankPlace = (index) => chunks[index].rank - 1;
const allMass = chunks.reduce((sum, chunk) => sum + chunk.score, 0) || 1;
const shareOf = (index) => chunks[index].score / allMass;
const mustShare = (index) => {
  const length = Math.max(1, [...texts[index]].length);
  return shareOf(index) * (data.must[index] ?? []).reduce((sum, [start, end]) => sum + end - start, 0) / length;
};
// Of the best 0, 1, 2, … chunks, with what must stay.
const massOf = [must.reduce((sum, index) => sum + mustShare(index), 0)];
for (const index of order) massOf.push(massOf[massOf.length - 1] + shareOf(index) - mustShare(index));
const tokensOf = (count) => (count ? rankTokens[count - 1] : data.fixed_tokens);

// ---- draw the document: one section for some 12,000 characters, laid out when it comes into view ----
const spans = [], shownParts = [], lines = [], tops = [], titles = [];
const sections = [];
const PROSE = /\.(txt|md|markdown|rst|tex|html?|adoc|org)$|^[^.]*$/i;
const SECTION_CHARS = 12000, WIDTH = 92;
const numLines = (text) => text.split("\n").reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / WIDTH)), -1) + 0.3;
function drawChunk(chunk, atLineStart) {
  const span = document.createElement("span");
  span.className = "c";
  span.dataset.i = chunk.index;
  if (atLineStart) span.dataset.line = chunk.line_start;
  span.dataset.rank = chunk.rank;
  const heat = shade(chunk);
  if (heat > 0.02) span.style.setProperty("--s", heat.toFixed(3));
  spans[chunk.index] = span;
  fillChunk(chunk.index);
  return span;
}
function fillChunk(index) {
  const span = spans[index], text = texts[index], parts = partsOf(index);
  shownParts[index] = parts;
  span.classList.toggle("cut", Boolean(parts));
  span.replaceChildren();
  if (parts) {
    const characters = [...text];
    const add = (kind, start, end) => {
      const part = document.createElement("span");
      part.className = kind;
      append(part, characters.slice(start, end).join(""));
      if (end > start) span.append(part);
    };
    let at = 0;
    for (const [start, end] of parts) {
      add("out", at, start);
      add("in", start, end);
      at = end;
    }
    add("out", at, characters.length);
  } else append(span, text);
}
function always(text) {
  if (!text.trim()) return;
  const block = document.createElement("div");
  block.className = "always";
  append(block, text.trim());
  main.append(block);
}
function sourceTitle(source, numChunks) {
  const title = document.createElement("h2"), note = document.createElement("small");
  note.textContent = number(numChunks) + (numChunks === 1 ? " chunk" : " chunks");
  title.append(data.sources[source] ? isolated(data.sources[source]) : "source " + (source + 1), note);
  titles[source] = title;
  main.append(title);
}
function drawAll() {
  const counts = data.sources.map(() => 0);
  for (const chunk of chunks) counts[chunk.source] += 1;
  let section = null, size = 0, height = 0, top = 0, previous = null;
  const close = () => { if (section) section.style.containIntrinsicSize = "auto " + Math.ceil(height * 25) + "px"; };
  main.replaceChildren();
  always(data.before);
  for (const chunk of chunks) {
    const fresh = !previous || previous.source !== chunk.source;
    const atLineStart = fresh || texts[previous.index].endsWith("\n");
    if (fresh && (data.sources.length > 1 || data.sources[0])) { close(); section = null; sourceTitle(chunk.source, counts[chunk.source]); }
    if (!section || fresh || (size > SECTION_CHARS && atLineStart) || size > 4 * SECTION_CHARS) {
      close();
      section = document.createElement("section");
      section.dir = "auto";
      if (!PROSE.test(data.sources[chunk.source].split("/").pop())) section.className = "code";
      main.append(section);
      sections.push({ element: section, first: chunk.index });
      size = height = 0;
    }
    section.append(drawChunk(chunk, atLineStart));
    size += texts[chunk.index].length;
    lines[chunk.index] = numLines(texts[chunk.index]);
    height += lines[chunk.index];
    tops[chunk.index] = top;
    top += lines[chunk.index];
    previous = chunk;
  }
  close();
  always(data.after);
  tops.push(top);
}
function mark() {
  document.body.classList.toggle("chosen", mode !== "none");
  for (const chunk of chunks) {
    const classes = spans[chunk.index].classList, is = kept.has(chunk.index);
    if (classes.contains("kept") !== is) classes.toggle("kept", is);
  }
  const used = new Set([...kept].map((index) => chunks[index].source));
  titles.forEach((title, source) => title.classList.toggle("bare", !used.has(source)));
  for (const index of new Set([...Object.keys(data.cuts), ...Object.keys(data.must)]))
    if (shownParts[index] !== partsOf(index)) fillChunk(index);
  if (kept.size === 0 && $("only").checked) $("only").click();
  drawMap();
  drawPanel();
}

// ---- minimap ----
const map = $("map"), canvas = map.querySelector("canvas");
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
function drawMap() {
  const scale = window.devicePixelRatio || 1, width = map.clientWidth * scale, height = map.clientHeight * scale;
  if (!width || !height) return;
  canvas.width = width; canvas.height = height;
  const paint = canvas.getContext("2d"), total = tops[chunks.length];
  const heat = new Float32Array(Math.ceil(height)), keep = new Uint8Array(Math.ceil(height));
  for (const chunk of chunks) {
    const from = Math.floor(tops[chunk.index] / total * height);
    const to = Math.max(from + 1, Math.floor(tops[chunk.index + 1] / total * height));
    for (let y = from; y < to && y < height; y++) {
      heat[y] = Math.max(heat[y], shade(chunk));
      if (kept.has(chunk.index)) for (let z = y; z < Math.min(height, y + 2 * scale); z++) keep[z] = 1;
    }
  }
  const colour = css("--heat");
  for (let y = 0; y < height; y++) {
    paint.fillStyle = `rgb(${colour} / ${heat[y].toFixed(2)})`;
    paint.fillRect(8 * scale, y, width - 34 * scale, 1);
    if (keep[y]) { paint.fillStyle = css("--keep"); paint.fillRect(width - 20 * scale, y, 12 * scale, 1); }
  }
  paint.fillStyle = css("--faint");
  for (const chunk of chunks) {
    if (chunk.index && chunks[chunk.index - 1].source !== chunk.source)
      paint.fillRect(0, tops[chunk.index] / total * height, 6 * scale, scale);
  }
  drawView();
}
function chunkAt(y) {
  let low = 0, high = sections.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (sections[middle].element.getBoundingClientRect().top <= y) low = middle; else high = middle - 1;
  }
  const { element, first } = sections[low], box = element.getBoundingClientRect();
  const end = low + 1 < sections.length ? sections[low + 1].first : chunks.length;
  const share = Math.min(1, Math.max(0, (y - box.top) / Math.max(1, box.height)));
  return { line: tops[first] + share * (tops[end] - tops[first]), first, end };
}
function drawView() {
  const box = main.getBoundingClientRect(), total = tops[chunks.length], height = map.clientHeight;
  const from = chunkAt(box.top).line / total, to = chunkAt(box.bottom).line / total;
  $("view").style.top = from * height + "px";
  $("view").style.height = Math.max(8, (to - from) * height) + "px";
}
function indexOfLine(line) {
  let low = 0, high = chunks.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (tops[middle] <= line) low = middle; else high = middle - 1;
  }
  return low;
}

// ---- move ----
let cursor = -1, jumped = 0;
function go(index, block = "center") {
  if (cursor >= 0) spans[cursor].classList.remove("now");
  cursor = index;
  jumped = performance.now();
  spans[index].classList.add("now");
  spans[index].scrollIntoView({ block, behavior: "instant" });
  spans[index].scrollIntoView({ block, behavior: "instant" });
  $("status").textContent = describe(chunks[index]);
}
const describe = (chunk) => `rank ${number(chunk.rank)} of ${number(chunks.length)} · score ${chunk.score.toPrecision(3)} · ${number(chunk.num_tokens)} tokens · ${place(chunk)}${mode === "none" ? "" : !kept.has(chunk.index) ? " · dropped" : partsOf(chunk.index) ? " · kept in part" : " · kept"}`;
const stops = () => [...(mode !== "none" && kept.size ? kept : order.slice(0, 20))].sort((a, b) => a - b);
function step(direction) {
  const list = stops();
  const next = direction > 0 ? list.find((index) => index > cursor) : list.findLast((index) => index < cursor);
  go(next === undefined ? list[direction > 0 ? 0 : list.length - 1] : next);
}
function stepRank(direction) {
  const rank = cursor < 0 ? 0 : chunks[cursor].rank - 1 + direction;
  go(order[Math.min(chunks.length - 1, Math.max(0, rank))]);
}
main.addEventListener("scroll", () => {
  requestAnimationFrame(drawView);
  if (performance.now() - jumped < 300 || cursor < 0) return;
  spans[cursor].classList.remove("now");
  cursor = indexOfLine(chunkAt(main.getBoundingClientRect().top).line);
}, { passive: true });
const drag = (event) => {
  if (event.type === "pointermove" && !event.buttons) return;
  const box = map.getBoundingClientRect();
  const index = indexOfLine((event.clientY - box.top) / box.height * tops[chunks.length]);
  spans[index].scrollIntoView({ block: "center", behavior: "instant" });
};
map.addEventListener("pointerdown", (event) => { map.setPointerCapture(event.pointerId); drag(event); });
map.addEventListener("pointermove", drag);

// ---- hover ----
const tip = $("tip");
main.addEventListener("mousemove", (event) => {
  const span = event.target.closest(".c");
  tip.hidden = !span;
  if (!span) return;
  const chunk = chunks[span.dataset.i], head = document.createElement("b");
  head.textContent = "rank " + number(chunk.rank) + " of " + number(chunks.length);
  tip.replaceChildren(head, describe(chunk).slice(head.textContent.length));
  tip.style.left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8) + "px";
  tip.style.top = (event.clientY + 20 + tip.offsetHeight > innerHeight ? event.clientY - tip.offsetHeight - 12 : event.clientY + 20) + "px";
});
main.addEventListener("mouseleave", () => { tip.hidden = true; });
main.addEventListener("click", (event) => {
  const span = event.target.closest(".c");
  if (span && getSelection().isCollapsed) { tip.hidden = true; go(Number(span.dataset.i), "nearest"); }
});
