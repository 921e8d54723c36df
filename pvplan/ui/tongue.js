// Sets the page's language, puts Streamlit's own English words into the reader's, and tells the
// server when the reader changes between light and dark. It exchanges
// only whole texts that stand in its list, and only in the parts that Streamlit itself writes: what
// comes from a file is left alone. Nothing here reads or writes HTML.
const PARTS = [
  "stMainMenu", "stMainMenuPopover", "stToolbar", "stHeader", "stStatusWidget", "stElementToolbar",
  "stTooltipContent", "stFileUploaderDropzone", "stSidebarCollapseButton", "stExpandSidebarButton",
  "stDataFrameColumnMenu", "stDataFrameColumnFormattingMenu", "InputInstructions", "stDialog",
].map((name) => `[data-testid="${name}"]`).join(",");
const LABELLED = "button, input, [role=button], [role=radiogroup], nav, a";
const LABELS = ["aria-label", "title", "placeholder"];
const state = window.pvplanTongue || (window.pvplanTongue = { told: null, was: new WeakMap() });

function inWords(english) {
  const words = state.told.words;
  if (words[english]) return words[english];
  // A button of a table names the table after a colon.
  const [deed, ...named] = english.split(": ");
  if (named.length && words[deed]) return [words[deed], ...named].join(": ");
  const [form] = Object.keys(words).filter((key) => key.startsWith("{}")
    && english.endsWith(key.slice(2)));
  return form && words[form].replace("{}", english.slice(0, 2 - form.length));
}

// Remembers the English of a place, so that the way back from Chinese is known.
function exchange(node, slot, now, write) {
  const slots = state.was.get(node) || {};
  const english = slots[slot] && slots[slot].shown === now ? slots[slot].english : now;
  const shown = inWords(english.trim()) || english;
  state.was.set(node, { ...slots, [slot]: { english: english, shown: shown } });
  if (shown !== now) write(shown);
}

function text(node) {
  if (!node.parentElement || !node.parentElement.closest(PARTS)) return;
  exchange(node, "text", node.nodeValue, (shown) => { node.nodeValue = shown; });
}

function labels(element) {
  if (element.tagName === "IFRAME") name(element);
  if (!element.matches(LABELLED)) return;
  LABELS.filter((label) => element.hasAttribute(label)).forEach((label) => {
    exchange(element, label, element.getAttribute(label), (shown) => {
      element.setAttribute(label, shown);
    });
  });
}

// The map's own page comes from this server too; elsewhere the browser forbids it, and that is fine.
function name(frame) {
  if (!frame.src.includes("streamlit_folium")) return;
  // Writing what stands there already would call the observer again, without end.
  if (frame.title !== state.told.map) frame.title = state.told.map;
  try {
    frame.contentDocument.documentElement.lang = state.told.language;
  } catch { /* not yet there */ }
}

function within(root) {
  if (root.nodeType === Node.TEXT_NODE) return text(root);
  if (root.nodeType !== Node.ELEMENT_NODE) return undefined;
  labels(root);
  root.querySelectorAll(`${LABELLED}, iframe`).forEach(labels);
  const all = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (all.nextNode()) text(all.currentNode);
  return undefined;
}

function watch() {
  if (state.observer) return;
  state.observer = new MutationObserver((changes) => changes.forEach((change) => {
    if (change.type === "childList") change.addedNodes.forEach(within);
    else if (change.type === "characterData") text(change.target);
    else labels(change.target);
  }));
  state.observer.observe(document.body, {
    subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: LABELS,
  });
  new MutationObserver(look).observe(document.querySelector(".stApp"), {
    attributes: true, attributeFilter: ["class"],
  });
  document.addEventListener("load", (event) => {
    if (event.target.tagName === "IFRAME") name(event.target);
  }, true);
}

// The map is drawn by the server for light or dark, which learns of a change at the next run only.
function look() {
  const ground = getComputedStyle(document.querySelector(".stApp")).backgroundColor;
  const theme = ground.match(/\d+/g).slice(0, 3).every((part) => part < 128) ? "dark" : "light";
  if (state.theme && state.theme !== theme) state.tell("theme", theme);
  state.theme = theme;
}

export default function ({ data, setTriggerValue }) {
  state.told = data;
  state.tell = setTriggerValue;
  look();
  document.documentElement.lang = data.language;
  watch();
  within(document.body);
}
