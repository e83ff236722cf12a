// Text of others as DOM nodes: nothing that arrives is ever read as HTML.

export function make(tag, className = "", ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const EMOJI = {
  white_check_mark: "✅", heavy_check_mark: "✔️", x: "❌", warning: "⚠️", rotating_light: "🚨", no_entry: "⛔",
  chart_with_upwards_trend: "📈", chart_with_downwards_trend: "📉", bar_chart: "📊", rocket: "🚀", tada: "🎉",
  hourglass: "⌛", hourglass_flowing_sand: "⏳", repeat: "🔁", arrows_counterclockwise: "🔄", rewind: "⏪",
  leftwards_arrow_with_hook: "↩️", mute: "🔇", no_bell: "🔕", bell: "🔔", fire: "🔥", fire_extinguisher: "🧯",
  mag: "🔍", information_source: "ℹ️", red_circle: "🔴", large_yellow_circle: "🟡", large_green_circle: "🟢",
  large_blue_circle: "🔵", white_circle: "⚪", seedling: "🌱", gear: "⚙️", moneybag: "💰", stopwatch: "⏱️",
  balance_scale: "⚖️", scales: "⚖️", package: "📦", broken_heart: "💔", snail: "🐌", ghost: "👻", eyes: "👀",
  thumbsup: "👍", thumbsdown: "👎", "+1": "👍", "-1": "👎", label: "🏷️", zzz: "💤", test_tube: "🧪",
  small_red_triangle: "🔺", small_red_triangle_down: "🔻", newspaper: "📰", memo: "📝", wrench: "🔧", robot_face: "🤖",
};

const unescape = (text) => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

export function emoji(text) {
  return unescape(text.replace(/:([a-z0-9_+-]+):/g, (all, name) => EMOJI[name] ?? all));
}

export function link(url, label) {
  const anchor = make("a", "", label);
  if (/^(https?:|mailto:)/.test(url)) anchor.href = url;
  anchor.target = "_blank";
  anchor.rel = "noreferrer";
  return anchor;
}

// The alternatives of Slack's mrkdwn, the first that matches wins.
const MARKS = new RegExp(
  [
    "```(?<pre>[\\s\\S]+?)```",
    "`(?<code>[^`\\n]+)`",
    "<(?<target>[^>|\\s]+)(?:\\|(?<label>[^>]+))?>",
    "(?<![\\w*])\\*(?<bold>[^*\\n]+)\\*(?![\\w*])",
    "(?<![\\w_])_(?<italic>[^_\\n]+)_(?![\\w_])",
    "(?<![\\w~])~(?<strike>[^~\\n]+)~(?![\\w~])",
  ].join("|"),
  "g",
);

function reference(target, label) {
  const date = target.match(/^!date\^(\d+)\^([^^|]+)/);
  if (date) return new Date(date[1] * 1000).toLocaleString();
  if (target.startsWith("!") || target.startsWith("@") || target.startsWith("#")) {
    return make("b", "", label ?? target.replace("!", "@"));
  }
  return link(unescape(target), emoji(label ?? target.replace(/^mailto:/, "")));
}

function inline(text) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(MARKS)) {
    nodes.push(emoji(text.slice(end, match.index)));
    end = match.index + match[0].length;
    const found = match.groups;
    if (found.pre) nodes.push(make("pre", "table", unescape(found.pre.replace(/^\n|\n$/g, ""))));
    else if (found.code) nodes.push(make("code", "", unescape(found.code)));
    else if (found.target) nodes.push(reference(found.target, found.label));
    else if (found.bold) nodes.push(make("strong", "", ...inline(found.bold)));
    else if (found.italic) nodes.push(make("em", "", ...inline(found.italic)));
    else nodes.push(make("s", "", ...inline(found.strike)));
  }
  nodes.push(emoji(text.slice(end)));
  return nodes;
}

export function mrkdwn(text) {
  const lines = make("div", "said");
  for (const part of text.split(/^((?:&gt;|>).*(?:\n(?:&gt;|>).*)*)\n?/m)) {
    const quoted = /^(&gt;|>)/.test(part);
    if (quoted) lines.append(make("blockquote", "", ...inline(part.replace(/^(&gt;|>) ?/gm, ""))));
    else if (part) lines.append(...inline(part));
  }
  return lines;
}

export function textOf(object) {
  if (!object) return make("span");
  return object.type === "plain_text" ? make("div", "said", emoji(object.text)) : mrkdwn(object.text);
}
