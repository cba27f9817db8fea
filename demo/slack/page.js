"use strict";
// Asks for the page every two seconds and takes over what changed; what somebody types stays.

const REGIONS = ["messages", "sent", "modal"];
const EVERY_MS = 2000;
let asked = 0;

function keep(was, fresh) {
  // A thing that changed while somebody was in it: what they typed and opened goes along.
  const fields = "input:not([type=hidden]), textarea, select";
  const name = (field) => `${field.name}=${field.type === "checkbox" ? field.value : ""}`;
  const before = new Map([...was.querySelectorAll(fields)].map((field) => [name(field), field]));
  let focused = null;
  for (const field of fresh.querySelectorAll(fields)) {
    const old = before.get(name(field));
    if (!old) continue;
    if (field.type === "checkbox") field.checked = old.checked;
    else field.value = old.value;
    if (old === document.activeElement) focused = [field, old.selectionStart, old.selectionEnd];
  }
  const opened = [...was.querySelectorAll("details")].map((one) => one.open);
  fresh.querySelectorAll("details").forEach((one, at) => { one.open = opened[at] ?? one.open; });
  was.replaceWith(fresh);
  if (focused) {
    focused[0].focus();
    if (typeof focused[1] === "number") focused[0].setSelectionRange(focused[1], focused[2]);
  }
}

function merge(region, fresh) {
  const wanted = [...fresh.children];
  const keys = new Set(wanted.map((one) => one.dataset.key));
  for (const one of [...region.children]) if (!keys.has(one.dataset.key)) one.remove();
  const before = new Map([...region.children].map((one) => [one.dataset.key, one]));
  let next = region.firstElementChild;
  for (const one of wanted) {
    let node = before.get(one.dataset.key);
    if (node && node.dataset.mark !== one.dataset.mark) {
      if (next === node) next = one;
      keep(node, one);
      node = one;
    }
    node ??= one;
    if (node === next) next = next.nextElementSibling;
    else region.insertBefore(node, next);
  }
}

function show(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  const list = document.getElementById("messages");
  const below = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  for (const id of REGIONS) merge(document.getElementById(id), fresh.getElementById(id));
  if (below) list.scrollTop = list.scrollHeight;
  const first = document.querySelector("#modal [required]");
  const inside = document.getElementById("modal").contains(document.activeElement);
  if (first && !inside) first.focus();
}

async function ask(address, options) {
  const turn = ++asked;
  try {
    const answer = await fetch(address, options);
    const html = await answer.text();
    if (answer.ok && turn === asked) show(html);
    return answer.ok;
  } catch {
    return false; // the server is away; the next turn asks again
  }
}

document.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const action = form.getAttribute("action"); // form.action is a field of that name where there is one
  const body = new URLSearchParams(new FormData(form, event.submitter));
  const buttons = [...form.elements].filter((one) => one.tagName === "BUTTON");
  buttons.forEach((one) => { one.disabled = true; });
  const text = form.elements.namedItem("text");
  const typed = text?.value;
  if (text) text.value = "";
  if (action === "/home") {
    await fetch(action, { method: "POST", body });
    location.assign(`/?${new URLSearchParams([...body].filter(([name]) => name.length <= 4))}`);
    return;
  }
  const went = await ask(action, { method: "POST", body });
  if (text && !went) text.value = typed;
  form.closest("details.confirm")?.removeAttribute("open");
  buttons.forEach((one) => { one.disabled = false; });
});

document.addEventListener("click", (event) => {
  const form = event.target.closest("form.link");
  if (form) ask(form.getAttribute("action"), { method: "POST", body: new URLSearchParams(new FormData(form)) });
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.querySelector("#modal footer form button")?.click();
});

const list = document.getElementById("messages");
list.scrollTop = list.scrollHeight;
setInterval(() => { if (!document.hidden) ask(location.href); }, EVERY_MS);
