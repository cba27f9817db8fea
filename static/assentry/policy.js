// Comfort for the editor of the policy: line numbers, the cursor at a finding, keys completed from the
// schema, indentation kept. Without this file the form works as it stands. Nothing here sends anything.

const area = document.querySelector("#text");
const make = (tag, about = {}) => Object.assign(document.createElement(tag), about);

// -- line numbers ----------------------------------------------------------------------------------

const gutter = make("div", { className: "gutter" });
gutter.setAttribute("aria-hidden", "true");
area.before(gutter);
const HEIGHT = 20;
let counted = 0;

function number() {
  let lines = 1;
  for (let at = area.value.indexOf("\n"); at !== -1; at = area.value.indexOf("\n", at + 1)) lines += 1;
  if (lines !== counted) {
    counted = lines;
    gutter.textContent = Array.from({ length: lines }, (_, at) => at + 1).join("\n") + "\n\n\n";
  }
  gutter.scrollTop = area.scrollTop;
}
area.addEventListener("scroll", () => { gutter.scrollTop = area.scrollTop; });

// -- the cursor at a finding -----------------------------------------------------------------------

function goTo(line, column) {
  let start = 0;
  for (let at = 1; at < line; at += 1) {
    const end = area.value.indexOf("\n", start);
    if (end === -1) break;
    start = end + 1;
  }
  const end = area.value.indexOf("\n", start);
  // A column counts characters; the box counts UTF-16 units.
  const row = [...area.value.slice(start, end === -1 ? undefined : end)];
  const place = start + row.slice(0, column - 1).join("").length;
  area.focus();
  area.setSelectionRange(place, place);
  area.scrollTop = Math.max(0, (line - 4) * HEIGHT);
  area.scrollIntoView({ block: "nearest" });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-line]");
  if (!link) return;
  event.preventDefault();
  goTo(Number(link.dataset.line), Number(link.dataset.column));
});

// -- where the cursor is in the document -----------------------------------------------------------

/** The brackets that are open in a piece of a row, the key whose value is being written, and its word. */
function inRow(row) {
  const open = [];
  let key = null, word = "", quote = "";
  for (let at = 0; at < row.length; at += 1) {
    const char = row[at];
    if (quote) { if (char === quote) quote = ""; word += char; }
    else if (char === '"' || char === "'") { quote = char; word += char; }
    else if (char === "#" && (at === 0 || row[at - 1] === " ")) return null;
    else if (char === "{" || char === "[") { open.push({ key, list: char === "[" }); key = null; word = ""; }
    else if (char === "}" || char === "]") { open.pop(); key = null; word = ""; }
    else if (char === "," && open.length) { key = null; word = ""; }
    else if (char === ":" && (row[at + 1] === " " || at + 1 === row.length)) { key = word.trim().replace(/["']/g, ""); word = ""; }
    else word += char;
  }
  return { open, key, word: word.trimStart() };
}

/** The columns of the dashes that begin a row, and where what follows them stands. */
function opening(row) {
  const dashes = [];
  let at = row.length - row.trimStart().length;
  while (row[at] === "-" && (row[at + 1] === " " || at + 1 === row.length)) {
    dashes.push(at);
    at += 1;
    while (row[at] === " ") at += 1;
  }
  return { dashes, at };
}

/** The way from the document to the cursor (keys, and "[]" for items of lists), and what is written there. */
function around(text) {
  const rows = text.split("\n");
  const row = rows.pop();
  const here = opening(row);
  const found = inRow(row.slice(here.at));
  if (!found) return null;
  const way = [];
  let need = here.at, item = false;
  const takeDashes = (dashes) => {
    for (const dash of [...dashes].reverse()) if (dash < need) { way.unshift("[]"); need = dash; item = true; }
  };
  takeDashes(here.dashes);
  for (let at = rows.length - 1; at >= 0 && (need > 0 || item); at -= 1) {
    if (/^\s*(#|$)/.test(rows[at])) continue;
    const start = opening(rows[at]);
    const key = /^(["']?)([^"'\s:{}[\],#]+)\1\s*:(\s|$)/.exec(rows[at].slice(start.at));
    if (key && (start.at < need || (item && start.at === need && !start.dashes.length))) {
      way.unshift(key[2]);
      need = start.at;
      item = false;
      takeDashes(start.dashes);
    } else if (start.at === need && start.dashes.length) takeDashes(start.dashes);
  }
  for (const { key, list } of found.open) {
    if (key !== null) way.push(key);
    if (list) way.push("[]");
  }
  return { way, key: found.key, word: found.word };
}

// -- what may stand there --------------------------------------------------------------------------

let schema = null;
async function load() {
  if (!schema) schema = fetch(area.dataset.schema).then((answer) => (answer.ok ? answer.json() : null)).catch(() => null);
  return schema;
}

function shape(root, node) {
  return node && node.$ref ? shape(root, node.$ref.slice(2).split("/").reduce((at, name) => at[name], root)) : node;
}

function inside(root, way) {
  let node = root;
  for (const step of way) {
    node = shape(root, node);
    if (!node) return null;
    const either = [node, ...(node.oneOf || []).map((one) => shape(root, one))];
    const next = step === "[]"
      ? either.find((one) => one.items)?.items
      : either.map((one) => one.properties?.[step] ?? (typeof one.additionalProperties === "object" ? one.additionalProperties : null)).find(Boolean);
    node = next;
  }
  return shape(root, node);
}

function suggestions(root, where) {
  const node = inside(root, where.key === null ? where.way : [...where.way, where.key]);
  if (!node) return [];
  const values = node.enum || ("const" in node ? [node.const] : node.type === "boolean" ? [true, false] : null);
  if (values) return values.map((one) => ({ text: String(one), says: "" }));
  if (where.key !== null) return [];
  const either = [node, ...(node.oneOf || []).map((one) => shape(root, one))];
  const properties = either.find((one) => one.properties)?.properties || {};
  return Object.entries(properties).map(([name, one]) => {
    const enums = one.enum ? one.enum.join(", ") : "";
    return { text: `${name}: `, says: one.description || enums };
  });
}

// -- suggesting ------------------------------------------------------------------------------------

const list = make("ul", { className: "completions", id: "completions", hidden: true });
list.setAttribute("role", "listbox");
list.setAttribute("aria-label", "Suggestions");
area.after(list);
area.setAttribute("aria-autocomplete", "list");
area.setAttribute("aria-controls", "completions");
let chosen = -1, word = "", offered = [];

function close() {
  list.hidden = true;
  offered = [];
  chosen = -1;
  area.removeAttribute("aria-activedescendant");
}

function place() {
  const before = area.value.slice(0, area.selectionStart);
  const row = before.slice(before.lastIndexOf("\n") + 1);
  const style = getComputedStyle(area);
  const pen = make("canvas").getContext("2d");
  pen.font = `${style.fontSize} ${style.fontFamily}`;
  const left = pen.measureText(row).width - area.scrollLeft + parseFloat(style.paddingLeft);
  list.style.top = `${(before.split("\n").length) * HEIGHT - area.scrollTop + 12}px`;
  list.style.left = `${Math.max(0, Math.min(area.offsetLeft + left, area.parentElement.clientWidth - 240))}px`;
}

function show(found, prefix) {
  offered = found;
  word = prefix;
  chosen = -1;
  list.replaceChildren(...found.map((one, at) => {
    const line = make("li", { id: `completion-${at}`, textContent: one.text });
    line.setAttribute("role", "option");
    line.setAttribute("aria-selected", "false");
    if (one.says) line.append(make("span", { className: "note", textContent: one.says }));
    line.addEventListener("pointerdown", (event) => { event.preventDefault(); take(at); });
    return line;
  }));
  list.hidden = false;
  place();
  const told = document.querySelector("#announce");
  if (told) told.textContent = `${found.length} suggestion${found.length === 1 ? "" : "s"}: ${found[0].text.trim()}`;
}

async function suggest({ asked = false } = {}) {
  const at = area.selectionStart;
  const where = around(area.value.slice(0, at));
  const rest = area.value.slice(at, at + 1);
  const root = where && (asked || where.word) ? await load() : null;
  if (!root || area.selectionStart !== at || (rest && !/[\s,}\]]/.test(rest))) { close(); return; }
  const found = suggestions(root, where)
    .filter((one) => one.text.startsWith(where.word) && one.text.trim() !== where.word)
    .slice(0, 40);
  if (found.length) show(found, where.word);
  else close();
}

/** Put text in place of the selection, so that undoing knows of it. */
function write(text) {
  if (!document.execCommand("insertText", false, text)) {
    area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

function take(at) {
  const text = offered[at].text.slice(word.length);
  close();
  write(text);
  close();
}

function choose(step) {
  chosen = (chosen + step + offered.length) % offered.length;
  [...list.children].forEach((line, at) => line.setAttribute("aria-selected", String(at === chosen)));
  area.setAttribute("aria-activedescendant", `completion-${chosen}`);
  list.children[chosen].scrollIntoView({ block: "nearest" });
}

// -- keys ------------------------------------------------------------------------------------------

let leaves = false;  // Escape was pressed: Tab goes on to the next field

area.addEventListener("keydown", (event) => {
  const { key } = event;
  const modified = event.ctrlKey || event.metaKey || event.altKey;
  if (key === "Escape") { leaves = true; close(); return; }
  if (event.ctrlKey && key === " ") { event.preventDefault(); suggest({ asked: true }); return; }
  if (modified || event.isComposing) return;
  const takes = !list.hidden && ((key === "Tab" && !event.shiftKey) || (key === "Enter" && chosen !== -1));
  if (takes) { event.preventDefault(); take(Math.max(0, chosen)); }
  else if (!list.hidden && (key === "ArrowDown" || key === "ArrowUp")) { event.preventDefault(); choose(key === "ArrowDown" ? 1 : -1); }
  else if (key === "Tab" && !event.shiftKey && !leaves) { event.preventDefault(); write("  "); }
  else if (key === "Enter" && !event.shiftKey) {
    const before = area.value.slice(0, area.selectionStart);
    const row = before.slice(before.lastIndexOf("\n") + 1);
    const start = opening(row);
    event.preventDefault();
    close();
    write("\n" + " ".repeat(start.at + (/:\s*$/.test(row) ? 2 : 0)));
  }
  if (key !== "Tab") leaves = false;
});
area.addEventListener("blur", () => { leaves = false; close(); });
area.addEventListener("click", close);
area.addEventListener("input", (event) => {
  number();
  if (event.inputType === "insertText" && /\S/.test(event.data || "")) suggest();
  else close();
});

// -- searching the keys ----------------------------------------------------------------------------

const search = document.querySelector("#help-search");
search.addEventListener("input", () => {
  const wanted = search.value.trim().toLowerCase();
  for (const section of document.querySelectorAll("details.help")) {
    let any = false;
    for (const key of section.querySelectorAll("dl > div")) {
      key.hidden = Boolean(wanted) && !key.textContent.toLowerCase().includes(wanted);
      any ||= !key.hidden;
    }
    section.hidden = !any;
    section.open = Boolean(wanted) && any;
  }
});
search.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });

for (const node of document.querySelectorAll("[data-scripted]")) node.hidden = false;
number();
const first = document.querySelector(".findings a[data-line]");
if (first) first.focus();
