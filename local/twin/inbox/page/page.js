// The list keeps itself current: it asks what has changed, and redraws only that.

import { card } from "./cards.js";
import { emoji } from "./text.js";

const EVERY = 1000; // milliseconds between two looks
const list = document.getElementById("list");
const live = document.getElementById("live");
const tabs = [...document.querySelectorAll(".tabs button")];
let revision = -1;
let messages = [];
let kind = tabs.map((tab) => tab.dataset.kind).find((one) => one && `#${one}` === location.hash) ?? "";
let first = true;

function draw() {
  const wanted = messages.filter((one) => !kind || one.kind === kind);
  const old = new Map([...list.children].map((element) => [element.id, element]));
  const current = wanted.map((message) => {
    const before = old.get(message.id);
    if (before?.dataset.revision === String(message.revision)) return before;
    const element = card(message, press);
    element.dataset.revision = message.revision;
    if (!before && !first) element.classList.add("fresh");
    return element;
  });
  // Only what moved is touched: a frame that is taken out and put back would load again.
  current.forEach((element, index) => {
    if (list.children[index] !== element) list.insertBefore(element, list.children[index] ?? null);
  });
  while (list.children.length > current.length) list.lastElementChild.remove();
  document.getElementById("empty").hidden = current.length > 0;
  for (const tab of tabs) {
    tab.setAttribute("aria-pressed", String(tab.dataset.kind === kind));
    const count = messages.filter((one) => !tab.dataset.kind || one.kind === tab.dataset.kind).length;
    tab.querySelector("b").textContent = count || "";
  }
  document.title = messages.length ? `(${messages.length}) Inbox · laptop twin` : "Inbox · laptop twin";
  if (first && location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
  first = false;
}

async function look() {
  if (window.KEPT) {
    live.textContent = "as it was";
    messages = window.KEPT;
    draw();
    return;
  }
  try {
    const answer = await fetch(`/_twin/inbox/messages?since=${revision}`);
    const found = await answer.json();
    live.className = "live";
    live.textContent = "live";
    if (found.revision !== revision) {
      revision = found.revision;
      messages = found.messages;
      draw();
    }
  } catch {
    live.className = "live lost";
    live.textContent = "the twin does not answer";
  }
}

function agreed(dialog) {
  const shown = document.getElementById("confirm");
  shown.querySelector("h2").textContent = emoji(dialog.title.text);
  shown.querySelector("p").textContent = emoji(dialog.text.text);
  const [no, yes] = shown.querySelectorAll("menu button");
  no.textContent = emoji(dialog.deny.text);
  yes.textContent = emoji(dialog.confirm.text);
  yes.className = `button ${dialog.style ?? "primary"}`;
  shown.returnValue = "no";
  shown.showModal();
  return new Promise((resolve) => shown.addEventListener("close", () => resolve(shown.returnValue === "yes"), { once: true }));
}

async function press(message, element, button) {
  if (window.KEPT) return;
  if (element.confirm && !(await agreed(element.confirm))) return;
  if (element.url && /^https?:/.test(element.url)) window.open(element.url, "_blank", "noreferrer");
  button.disabled = true;
  const body = JSON.stringify({ message: message.id, action_id: element.action_id });
  const answer = await fetch("/_twin/inbox/press", { method: "POST", body });
  button.disabled = false;
  if (!answer.ok) window.alert((await answer.json()).message);
  await look();
}

for (const tab of tabs) {
  tab.addEventListener("click", () => {
    kind = tab.dataset.kind;
    history.replaceState(null, "", `#${kind}`);
    draw();
  });
}
document.getElementById("clear").addEventListener("click", async () => {
  await fetch("/_twin/inbox/messages", { method: "DELETE" });
  await look();
});

async function keepLooking() {
  await look();
  if (!window.KEPT) setTimeout(keepLooking, EVERY);
}
keepLooking();
