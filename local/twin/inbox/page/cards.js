// One card a message: Slack's Block Kit, a mail, or a webhook's call.

import { emoji, link, make, mrkdwn, textOf } from "./text.js";

const ENVELOPE = "M3 5.5h18v13H3zM3 6l9 7 9-7";
const HOOK = "M9 8a4 4 0 1 1 5 4l2 4M8 20a4 4 0 1 1 1-7l3-5M16 21a4 4 0 1 0-1-7h-6";

function icon(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

function when(message) {
  const time = make("time", "", new Date(message.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" }));
  time.dateTime = message.at;
  time.title = new Date(message.at).toLocaleString();
  return time;
}

// --- Slack ---

function button(element, message, press) {
  const shown = make("button", `button ${element.style ?? ""}`, emoji(element.text.text));
  shown.type = "button";
  shown.addEventListener("click", () => press(message, element, shown));
  return shown;
}

const BLOCKS = {
  header: (block) => make("h2", "block", emoji(block.text.text)),
  divider: () => make("hr", "block"),
  context: (block) =>
    make("div", "block context", ...block.elements.filter((one) => one.type !== "image").map((one) => make("span", "", textOf(one)))),
  section: (block, message, press) => {
    const words = make("div", "", block.text ? textOf(block.text) : null);
    if (block.fields) words.append(make("div", "fields", ...block.fields.map(textOf)));
    const accessory = block.accessory?.type === "button" ? button(block.accessory, message, press) : null;
    return make("div", "block section", words, accessory);
  },
  actions: (block, message, press) =>
    make("div", "block actions", ...block.elements.map((one) => button(one, message, press))),
};

function pressed(one) {
  const bad = one.status < 200 || one.status > 299;
  const said = bad ? `the app answered ${one.status || "nothing"}: ${one.body.slice(0, 200)}` : one.in_time ? "" : "the app was late";
  const item = make("li", bad ? "bad" : one.in_time ? "" : "late");
  item.append(`${one.by} pressed “${emoji(one.text)}” · ${one.seconds.toFixed(1)} s`, said ? ` · ${said}` : "");
  return item;
}

function slack(message, press) {
  const where = `${message.thread_ts ? "thread in " : ""}#${message.channel_name}`;
  const head = make("div", "head", make("strong", "", "Perennial"), make("span", "app", "APP"), when(message));
  if (message.edited) head.append(make("span", "note", "(edited)"));
  if (message.ephemeral) head.append(make("span", "note", "only visible to you"));
  head.append(make("span", "where", where));
  const blocks = message.blocks.map((block) => BLOCKS[block.type](block, message, press));
  const body = make("div", "body", ...(blocks.length ? blocks : [mrkdwn(message.text)]));
  if (message.presses.length) body.append(make("ul", "presses", ...message.presses.map(pressed)));
  return [make("span", "face", "P"), head, body];
}

// --- mail ---

function frame(html) {
  const shown = make("iframe");
  shown.title = "The mail as HTML";
  // No scripts, no forms, no top navigation; same origin only so that its height can be read.
  shown.setAttribute("sandbox", "allow-same-origin allow-popups");
  shown.srcdoc = html;
  shown.addEventListener("load", () => {
    const height = shown.contentDocument?.documentElement.scrollHeight ?? 160;
    shown.style.height = `${Math.min(height + 2, 2400)}px`;
  });
  return shown;
}

function mail(message) {
  const head = make("div", "head", make("strong", "", message.from.split("<")[0].trim() || message.from), when(message));
  head.append(make("span", "where", message.via === "ses" ? "mail by SES" : "mail by SNS"));
  const body = make("div", "body", make("div", "subject", message.subject), make("div", "route", `to ${message.to.join(", ")}`));
  const letter = make("div", "letter", message.text);
  if (!message.html) return [make("span", "face", icon(ENVELOPE)), head, make("div", "body", ...body.childNodes, letter)];
  const views = { HTML: frame(message.html), Text: letter };
  const choice = make("div", "views");
  for (const [name, view] of Object.entries(views)) {
    const tab = make("button", "", name);
    tab.type = "button";
    const choose = () => {
      for (const other of choice.children) other.setAttribute("aria-pressed", String(other === tab));
      for (const other of Object.values(views)) other.hidden = other !== view;
    };
    tab.addEventListener("click", choose);
    choice.append(tab);
  }
  body.append(choice, ...Object.values(views));
  choice.firstChild.click();
  return [make("span", "face", icon(ENVELOPE)), head, body];
}

// --- webhooks ---

// How an Adaptive Card wants a text to look.
function styled(item) {
  const looks = {
    bolder: /bolder/i.test(item.weight ?? ""),
    large: /large/i.test(item.size ?? ""),
    subtle: item.isSubtle,
    mono: /monospace/i.test(item.fontType ?? ""),
    good: /good/i.test(item.color ?? ""),
    warning: /warning/i.test(item.color ?? ""),
    attention: /attention/i.test(item.color ?? ""),
  };
  return Object.keys(looks).filter((name) => looks[name]).join(" ");
}

const ADAPTIVE = {
  TextBlock: (item) => make("div", styled(item), emoji(item.text.replaceAll("**", ""))),
  RichTextBlock: (item) =>
    make("div", item.separator ? "apart" : "", ...item.inlines.map((run) => make("span", styled(run), emoji(run.text ?? run)))),
  FactSet: (item) => make("dl", "facts", ...item.facts.flatMap((fact) => [make("dt", "", fact.title), make("dd", "", fact.value)])),
  Container: (item) => make("div", "", ...adaptive(item.items)),
  ColumnSet: (item) => make("div", "fields", ...item.columns.map((column) => make("div", "", ...adaptive(column.items)))),
  ActionSet: (item) => make("div", "actions", ...item.actions.map(openUrl)),
};

const adaptive = (items = []) => items.filter((item) => ADAPTIVE[item.type]).map((item) => ADAPTIVE[item.type](item));

function openUrl(action) {
  const shown = link(action.url ?? "", action.title);
  shown.className = "button";
  return shown;
}

function recognised(body) {
  const card = body?.attachments?.[0]?.content ?? (body?.type === "AdaptiveCard" ? body : null);
  if (card?.type === "AdaptiveCard") {
    const shown = make("div", "adaptive", ...adaptive(card.body));
    if (card.actions?.length) shown.append(make("div", "actions", ...card.actions.map(openUrl)));
    return ["Teams Adaptive Card", shown];
  }
  if (body?.routing_key && body.event_action) {
    const event = body.payload ?? {};
    const head = make("div", "", make("span", `severity ${event.severity ?? ""}`, event.severity ?? body.event_action), ` ${event.summary ?? ""}`);
    const facts = Object.entries({ action: body.event_action, key: body.dedup_key, source: event.source, component: event.component });
    const list = facts.filter(([, value]) => value).flatMap(([name, value]) => [make("dt", "", name), make("dd", "", value)]);
    const links = (body.links ?? []).map((one) => openUrl({ url: one.href, title: one.text ?? one.href }));
    return ["PagerDuty event", make("div", "adaptive", head, make("dl", "facts", ...list), make("div", "actions", ...links))];
  }
  if (body?.title && body.outcome) {
    const told = Object.entries({ Ask: body.ask, Why: body.why, Done: body.done, Seen: body.seen }).filter(([, text]) => text);
    const list = told.flatMap(([name, text]) => [make("dt", "", name), make("dd", "", text)]);
    const title = make("div", "bolder large", emoji(`${body.model ? `${body.model}: ` : ""}${body.title}`));
    return ["message as JSON", make("div", "adaptive", title, make("dl", "facts", ...list))];
  }
  return ["", null];
}

function webhook(message) {
  const [kind, shown] = recognised(message.body);
  const head = make("div", "head", make("strong", "", message.name), make("span", "note", kind), when(message), make("span", "where", `webhook · ${message.method}`));
  const raw = typeof message.body === "string" ? message.body : JSON.stringify(message.body, null, 2);
  const fold = make("details", "fold", make("summary", "", "What was sent"), make("pre", "", raw));
  fold.open = shown === null;
  return [make("span", "face", icon(HOOK)), head, make("div", "body", shown, fold)];
}

const KINDS = { slack, mail, webhook };

export function card(message, press) {
  const shown = make("article", `card ${message.kind}`, ...KINDS[message.kind](message, press));
  shown.id = message.id;
  return shown;
}
