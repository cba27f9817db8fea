// The frame's menus close as menus do: with Escape, with a press elsewhere, when the focus leaves.
// Without this file they are plain disclosures, which open and close by their own button.

const menus = [...document.querySelectorAll("[data-menu]")];

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of menus) {
    if (!menu.open) continue;
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

function closeOthers(event) {
  for (const menu of menus) if (menu.open && !menu.contains(event.target)) menu.open = false;
}

document.addEventListener("pointerdown", closeOthers);
document.addEventListener("focusin", closeOthers);
