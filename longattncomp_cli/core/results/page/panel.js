
// ---- the panel: what is kept, and what another budget would keep ----
const all = rankTokens[rankTokens.length - 1];
const lowest = Math.max(1, Math.min(rankTokens[0], all - 1));
const tokensAt = (value) => lowest * Math.pow(all / lowest, value / 1000);
const roundUp = (tokens) => { const step = Math.pow(10, Math.max(0, Math.floor(Math.log10(tokens)) - 2)); return Math.ceil(tokens / step) * step; };
const valueAt = (tokens) => 1000 * Math.log(Math.max(1, tokens) / lowest) / Math.log(Math.max(2, all) / lowest);
const x = (tokens) => Math.min(300, Math.max(0, valueAt(tokens) * 0.3));
const y = (mass) => 94 - 88 * Math.min(1, mass);
const slider = $("slider"), wanted = $("tokens");
let previewTokens = null;

function prefixWithin(budget) {
  const over = rankTokens.findIndex((tokens) => tokens > budget);
  return over < 0 ? rankTokens.length : over;
}
function preview(budget) {
  const count = prefixWithin(budget);
  previewTokens = budget;
  kept = new Set([...must, ...order.slice(0, count)]);
  numBest = count;
  mode = "preview";
  mark();
}
function backToRun() {
  kept = runKept;
  numBest = 0;
  mode = hasRun ? "run" : "none";
  previewTokens = null;
  mark();
}
function bold(element, ...parts) {
  element.replaceChildren(...parts.map((part) => {
    if (!Array.isArray(part)) return part;
    const node = document.createElement("b");
    node.textContent = part[0];
    return node;
  }));
}
function shape(kind, attributes, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", kind);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}
function drawCurve() {
  const curve = $("curve"), title = $("curve-title"), points = [];
  const stride = Math.max(1, Math.floor(order.length / 300));
  for (let place = 0; place < order.length; place += place < 50 ? 1 : stride)
    points.push([x(rankTokens[place]).toFixed(1), y(massOf[place + 1]).toFixed(1)].join(" "));
  points.push([300, y(massOf[order.length]).toFixed(1)].join(" "));
  const path = "M" + points.join("L");
  curve.replaceChildren(title, shape("path", { class: "area", d: `${path}L300 94L0 94Z` }), shape("path", { class: "stroke", d: path }));
  for (const level of [0.5, 1]) {
    curve.append(shape("line", { class: "axis", x1: 0, x2: 300, y1: y(level), y2: y(level) }));
    curve.append(shape("text", { x: 300, y: y(level) + (level === 1 ? -3 : 11), "text-anchor": "end" }, level * 100 + "% of the mass"));
  }
  curve.append(shape("line", { class: "axis", x1: 0, x2: 300, y1: 94, y2: 94 }));
  let last = -40;
  for (let power = 1; power < 1e9; power *= 10) {
    if (power < lowest || power > all || x(power) - last < 40) continue;
    last = x(power);
    curve.append(shape("text", { x: x(power), y: 106, "text-anchor": x(power) > 280 ? "end" : x(power) < 15 ? "start" : "middle" }, number(power)));
  }
  if (last < 240) curve.append(shape("text", { x: 300, y: 106, "text-anchor": "end" }, number(all)));
  if (hasRun) curve.append(shape("line", { class: "run", x1: x(data.num_tokens), x2: x(data.num_tokens), y1: 4, y2: 94 }));
  if (previewTokens !== null) {
    const here = x(tokensOf(numBest) || lowest);
    curve.append(shape("line", { class: "here", x1: here, x2: here, y1: 4, y2: 94 }));
  }
}
const stopped = {
  budget: "the budget is full", top_p: "top-p is reached", threshold: "the threshold is reached",
  auto: "no more is to be found", exhausted: "nothing more is to be taken", passthrough: "all of the text fits",
};
function drawPanel() {
  const count = kept.size, tokens = mode === "run" ? data.num_tokens : tokensOf(numBest);
  const mass = mode === "run" ? data.retained_mass : massOf[numBest];
  const limit = mode === "run" ? data.budget ?? data.num_tokens : previewTokens ?? 1;
  $("used").style.width = mode === "none" ? 0 : Math.min(100, 100 * tokens / Math.max(1, limit)) + "%";
  if (mode === "none") bold($("used-text"), "No budget was given: the slider shows what one would keep.", must.length ? ` What must stay takes ${number(tokensOf(0))} tokens of it.` : "");
  else if (tokens > limit) bold($("used-text"), `${number(limit)} tokens cannot hold what must stay: `, [number(tokens)], " tokens");
  else bold($("used-text"), [number(tokens)], ` of ${number(limit)} tokens · `, [`${count} of ${number(chunks.length)}`], " chunks · ", [percent(mass)], " of the mass");
  if (mode === "run") bold($("preview"), `This run: ${stopped[data.stop] ?? data.stop}. Move the slider to try another budget.`);
  else if (mode === "none") $("preview").textContent = "";
  else bold($("preview"), "Preview of ", ["-b " + Math.round(previewTokens)], `${must.length ? ", what must stay first," : ","} by whole chunks and tokens added up; the command counts the text it prints, and fills the rest with a part of one more chunk.`);
  $("reset").disabled = !hasRun && mode === "none";
  const value = Math.round(valueAt(mode === "run" ? data.num_tokens : previewTokens ?? all));
  if (document.activeElement !== slider || mode !== "preview") slider.value = value;
  slider.setAttribute("aria-valuetext", `${number(tokens)} tokens, ${count} chunks`);
  if (document.activeElement !== wanted) wanted.value = mode === "run" ? data.budget ?? data.num_tokens : previewTokens === null ? "" : Math.round(previewTokens);
  drawCurve();
  drawLists();
}
function entry(label, name, share, isKept, onClick) {
  const item = document.createElement("li"), button = document.createElement("button");
  const [rank, where, bar] = ["rank", "place", "bar"].map((kind) => {
    const part = document.createElement("span");
    part.className = kind;
    button.append(part);
    return part;
  });
  rank.textContent = label;
  const inner = document.createElement("bdi");
  inner.textContent = name;
  where.append(inner);
  where.title = name;
  bar.style.setProperty("--s", share.toFixed(3));
  button.type = "button";
  if (isKept) {
    button.className = "kept";
    const spoken = document.createElement("span");
    spoken.className = "spoken";
    spoken.textContent = "kept";
    button.append(spoken);
  }
  button.addEventListener("click", onClick);
  item.append(button);
  return item;
}
function drawLists() {
  const most = 60;
  $("list-title").textContent = order.length > most ? `Best ${most} of ${number(order.length)} chunks` : "Chunks by rank";
  $("list").replaceChildren(...order.slice(0, most).map((index) =>
    entry(String(chunks[index].rank), place(chunks[index]), chunks[index].score / best, kept.has(index), () => go(index))));
  if (data.sources.length < 2) return;
  const masses = data.sources.map(() => 0), counts = data.sources.map(() => 0), firsts = [];
  for (const chunk of chunks) {
    firsts[chunk.source] ??= chunk.index;
    masses[chunk.source] += chunk.score;
    counts[chunk.source] += kept.has(chunk.index);
  }
  const sorted = [...masses.keys()].filter((source) => firsts[source] !== undefined).sort((a, b) => masses[b] - masses[a]).slice(0, most);
  $("files-card").hidden = false;
  $("files").replaceChildren(...sorted.map((source) =>
    entry(counts[source] ? String(counts[source]) : "–", visible(data.sources[source]), masses[source] / masses[sorted[0]], counts[source] > 0, () => go(firsts[source], "start"))));
}
function drawFacts() {
  const parts = [[number(data.original_tokens)], ` tokens (${data.tokenizer}) · `, [number(chunks.length)], " chunks"];
  if (data.sources.length > 1) parts.push(" · ", [number(data.sources.length)], " sources");
  if (hasRun) parts.push(" · kept ", [number(data.num_tokens)], ` tokens, ${percent(data.num_tokens / Math.max(1, data.original_tokens))}`);
  if (report.confidence !== undefined) parts.push(" · confidence ", [report.confidence.toFixed(2)]);
  bold($("facts"), ...parts);
  for (const { message } of report.warnings ?? []) {
    const item = document.createElement("li");
    append(item, message);
    $("doubts").append(item);
    $("doubts").hidden = false;
  }
  $("query").replaceChildren();
  append($("query"), report.query);
}

// ---- keys and controls ----
let pending = 0;
const later = (work) => { cancelAnimationFrame(pending); pending = requestAnimationFrame(work); };
slider.addEventListener("input", () => later(() => preview(roundUp(tokensAt(Number(slider.value))))));
wanted.addEventListener("input", () => { if (Number(wanted.value) > 0) later(() => preview(Number(wanted.value))); });
$("reset").addEventListener("click", backToRun);
$("next").addEventListener("click", () => step(1));
$("previous").addEventListener("click", () => step(-1));
$("only").addEventListener("change", () => {
  const at = cursor;
  main.classList.toggle("only", $("only").checked && kept.size > 0);
  if (at >= 0) go(at);
});
const KEYS = {
  n: () => step(1), j: () => step(1), p: () => step(-1), k: () => step(-1),
  "]": () => stepRank(1), "[": () => stepRank(-1), b: () => go(order[0]), o: () => $("only").click(), r: backToRun,
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input[type=number]")) return;
  if (!Object.hasOwn(KEYS, event.key)) return;
  event.preventDefault();
  tip.hidden = true;
  KEYS[event.key]();
});
addEventListener("resize", () => later(drawMap));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawMap);
drawAll();
drawFacts();
mark();
