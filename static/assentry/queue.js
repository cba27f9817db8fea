// The list, live. What arrives never moves what somebody looks at or points to: rows that fit below the others
// are added there, rows that changed are changed where they stand; anything else waits until it is asked for.

import { find, findAll, localTimes, say, signedOut, state, tick } from "./app.js";

const queue = find("#queue");
const news = find("#news");
const SLOW_MS = 15_000;
const AGAIN_MS = 5_000;

let looking = false;
let once_more = false;
let retry = 0;
let latest = null;
/** Ids that were told of, so that one row is news once. */
const told = new Set();

const rows = (root) => new Map(findAll("[data-item]", root).map((row) => [row.dataset.item, row]));

/** Read the list anew; many wishes within one reading are one more reading. */
async function look() {
  if (looking) {
    once_more = true;
    return;
  }
  looking = true;
  clearTimeout(retry);
  try {
    const answer = await fetch(queue.dataset.fragment, { signal: AbortSignal.timeout(SLOW_MS) });
    if (answer.status === 401) return signedOut();
    if (!answer.ok) throw new Error(String(answer.status));
    latest = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (merge(latest)) state(true, "Live");
  } catch {
    state(false, "Not live");
    retry = setTimeout(look, AGAIN_MS);
  } finally {
    looking = false;
  }
  if (once_more) {
    once_more = false;
    look();
  }
}

/** Put new content where the old one stands, if that takes the same height; whether it did. */
function inPlace(old, fresh) {
  if (!old || !fresh || old.innerHTML === fresh.innerHTML) return true;
  const height = old.offsetHeight;
  const kept = [...old.childNodes];
  old.replaceChildren(...[...fresh.childNodes].map((node) => document.importNode(node, true)));
  if (old.offsetHeight === height) return true;
  old.replaceChildren(...kept);
  return false;
}

/** Change a row where it stands: its words, not its box, which somebody may be on. */
function changeRow(old, fresh) {
  const [was, is] = [find(":scope > a", old), find(":scope > a", fresh)];
  if (!inPlace(was, is)) return false;
  was.href = is.href;
  return true;
}

/** Bring in what moves nothing; say what else there is. True: a list stands there. */
function merge(page) {
  const title = find("[data-page-title]", page);
  if (title && !find("#request")) document.title = title.dataset.pageTitle;
  let other = 0;
  for (const id of ["queue-tabs", "queue-notices"]) {
    if (!inPlace(find(`#${id}`), find(`#${id}`, page))) other += 1;
  }
  const list = find("#queue-items");
  const fresh = rows(page);
  if (!list) {
    if (fresh.size) show(page);
    return true;
  }
  const there = rows(list);
  const last = [...there.keys()].findLastIndex((id) => fresh.has(id));
  let gone = 0;
  for (const [at, [id, row]] of [...there].entries()) {
    const now = fresh.get(id);
    if (now && !changeRow(row, now)) other += 1;
    if (now) row.classList.remove("gone");
    // At the end of a full page a row may only have been pushed to the next one.
    else if (at < last || !find("#queue-more a[rel=next]", page)) gone += leave(row);
  }
  const arrived = [...fresh.values()].filter((row) => !there.has(row.dataset.item));
  const held = arrived.filter((row) => !fits(row, there, gone));
  for (const row of arrived) if (!held.includes(row)) add(list, row);
  announce(arrived);
  offer(held, gone, other);
  tick();
  localTimes(queue);
  return true;
}

/** Whether a row belongs below every row that is there: then it moves none. */
function fits(row, there, gone) {
  if (gone || find("#queue-more a[rel=next]")) return false;
  for (let next = row.nextElementSibling; next; next = next.nextElementSibling) {
    if (there.has(next.dataset.item)) return false;
  }
  return true;
}

function add(list, row) {
  const made = document.importNode(row, true);
  made.classList.add("arrived");
  list.append(made);
}

/** It is in this list no more: said in its place, so that nothing moves up under the pointer. */
function leave(row) {
  row.classList.add("gone");
  const time = find("time", row);
  if (time && time.textContent !== "gone") {
    const mark = document.createElement("span");
    mark.className = "when";
    mark.textContent = "gone";
    mark.style.minWidth = `${time.offsetWidth}px`; // the title beside it keeps its width
    time.replaceWith(mark);
  }
  return 1;
}

function announce(arrived) {
  const fresh = arrived.filter((row) => !told.has(row.dataset.item));
  for (const row of fresh) told.add(row.dataset.item);
  if (!fresh.length) return;
  const first = find(".name", fresh[0]).textContent.trim();
  say(fresh.length === 1 ? `New request: ${first}` : `${fresh.length} new requests`);
}

/** The line above the list, which always has its place. */
function offer(held, gone, other) {
  const parts = [];
  if (held.length === 1) parts.push(`1 new: ${find(".name", held[0]).textContent.trim()}`);
  if (held.length > 1) parts.push(`${held.length} new`);
  if (gone) parts.push(`${gone} gone`);
  if (other && !parts.length) parts.push("Something changed");
  news.hidden = !parts.length;
  if (!parts.length) return;
  find("span", news).textContent = parts.join(", ");
  news.title = parts.join(", ");
}

/** Show the list as it is now, because somebody asked, or because there was none. */
function show(page) {
  const chosen = new Set(findAll(".pick input:checked", queue).map((box) => box.value));
  const before = rows(queue);
  const focused = document.activeElement.closest?.("[data-item]")?.dataset.item;
  for (const id of ["queue-tabs", "queue-notices", "queue-list"]) {
    const now = find(`#${id}`, page);
    if (now) find(`#${id}`).replaceChildren(...[...now.childNodes].map((one) => document.importNode(one, true)));
  }
  for (const [id, row] of rows(queue)) {
    if (before.size && !before.has(id)) row.classList.add("arrived");
    const box = find(".pick input", row);
    if (box) box.checked = chosen.has(box.value);
  }
  announce([...rows(queue).values()].filter((row) => !before.has(row.dataset.item)));
  news.hidden = true;
  count();
  tick();
  localTimes(queue);
  if (focused) find(`#item-${focused} > a`)?.focus({ preventScroll: true });
}

function count() {
  const chosen = findAll(".pick input:checked", queue).length;
  const said = find("#chosen-count");
  if (said) said.textContent = `${chosen} chosen:`;
  return chosen;
}

if (queue) {
  for (const id of rows(queue).keys()) told.add(id);
  queue.addEventListener("refresh", look);
  queue.addEventListener("change", (event) => {
    if (!event.target.matches(".pick input")) return;
    const name = find(".name", event.target.closest("[data-item]")).textContent.trim();
    say(`${event.target.checked ? "Chosen" : "Not chosen any more"}: ${name}. ${count()} chosen.`);
  });
  news.addEventListener("click", () => {
    const first = findAll("[data-item]", latest).find((row) => !rows(queue).has(row.dataset.item));
    show(latest);
    (first && find(`#item-${first.dataset.item} > a`))?.focus();
  });
  addEventListener("pageshow", count);
}
