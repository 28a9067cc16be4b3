// Drop invoices, watch them being read, look at each value on its page.
//
// Whatever comes from a file or from the server goes into the page as text, never as HTML: an
// invoice may hold anything. The markup stands in the templates of index.html.

const MOST_BYTES = 50 * 2 ** 20; // of one request, as in app.py
const MOST_FILES = 50;
const AT_ONCE = 3; // a browser has six connections to a server, and each job listens on one
const MOST_PAGES = 50; // that are shown unasked, whatever page a field says that it is on

const find = (selector, root = document) => root.querySelector(selector);
const copyOf = (id) => find(`#${id}`).content.firstElementChild.cloneNode(true);
const percent = (share) => `${Math.round(share * 100)} %`;
const megabytes = (bytes) => `${Math.ceil(bytes / 2 ** 20)} MB`;
const counted = (count, one) => `${count} ${one}${count === 1 ? "" : "s"}`;
// Marks that turn the direction of writing make "invoice.fdp.exe" look like a PDF.
const visible = (text) => text.replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");

const inbox = {
  drop: find(".drop"),
  list: find(".rows"),
  summary: find(".summary p"),
  bar: find(".summary progress"),
};
const reading = find(".reading");
const rows = [];
let selected = null;
const notices = new Map(); // what is wrong with a connection or the service, while it is

// --- One file in the list -----------------------------------------------------------------------

class Row {
  constructor(name, file = null) {
    this.file = file; // until it is sent
    this.name = visible(name);
    this.progress = 0; // half of it for sending, half for reading
    const item = copyOf("row");
    this.button = find("button", item);
    Object.assign(find(".name", item), { textContent: this.name, title: this.name });
    this.button.addEventListener("click", () => select(this, { byHand: true }));
    inbox.list.append(item);
    this.say("queued", "Queued");
  }

  say(state, text, share = 0) {
    this.button.dataset.state = state;
    find(".state", this.button).textContent = text;
    find(".bar i", this.button).style.width = `${share * 100}%`;
  }

  sent(share) {
    this.progress = share / 2;
    if (share === 1) this.say("reading", "Reading…");
    else if (share > 0) this.say("uploading", `Uploading, ${percent(share)}`, share);
    summarise();
  }

  end(outcome) {
    this.outcome = outcome;
    const fields = outcome.documents.flatMap((document) => document.fields).length;
    this.say("done", fields ? counted(fields, "field") : "Nothing to read in it");
    this.finished();
  }

  fail(title, detail) {
    const text = visible(detail ?? "no reason is known");
    this.failure = { title, detail: sentence(text, this.name) };
    this.say("failed", this.failure.detail);
    this.finished();
  }

  finished() {
    this.isOver = true;
    this.progress = 1;
    this.file = null; // the browser may forget it
    summarise();
    if (this === selected) select(this);
    // The first one that was read is shown by itself; after that, only what somebody asks for.
    else if (!selected && this.outcome) select(this);
  }
}

// Errors are made to stand in a log; here they stand below the file's name.
function sentence(text, name) {
  const short = text.replace(`${name} is`, "this is");
  return short.replace(/^./u, (first) => first.toUpperCase()).replace(/[^.…]$/u, "$&.");
}

function summarise() {
  const over = rows.filter((row) => row.isOver);
  const failed = over.filter((row) => row.failure).length;
  const [notice] = notices.values();
  const parts = [`${over.length - failed} of ${counted(rows.length, "file")} read`];
  if (failed) parts.push(`${failed} failed`);
  inbox.summary.textContent = notice || parts.join(", ");
  inbox.summary.classList.toggle("trouble", Boolean(notice));
  inbox.bar.value = rows.reduce((sum, row) => sum + row.progress, 0) / rows.length;
}

function say(source, text) {
  if (text) notices.set(source, text);
  else notices.delete(source);
  summarise();
}

// --- From a drop to outcomes --------------------------------------------------------------------

const lanes = Array(AT_ONCE).fill(Promise.resolve());
let turn = 0;

function inTurn(act) {
  const lane = turn++ % AT_ONCE;
  lanes[lane] = lanes[lane].then(act);
}

function take(files) {
  if (!files.length) return; // a text was pasted
  const fresh = files.map((file) => new Row(file.name, file));
  rows.push(...fresh);
  summarise();
  for (const batch of batches(fresh.filter(fits))) inTurn(() => read(batch));
}

function fits(row) {
  if (row.file.isFolder) row.fail("A folder", "This is a folder. Drop the files in it.");
  else if (row.file.size > MOST_BYTES) {
    const [size, most] = [row.file.size, MOST_BYTES].map(megabytes);
    row.fail("Too large", `${size} is too large: up to ${most} can be read.`);
  }
  return !row.failure;
}

function* batches(all) {
  let batch = [];
  let size = 0;
  for (const row of all) {
    if (batch.length === MOST_FILES || size + row.file.size > MOST_BYTES) {
      yield batch;
      [batch, size] = [[], 0];
    }
    batch.push(row);
    size += row.file.size;
  }
  if (batch.length) yield batch;
}

async function read(all) {
  const batch = await stillThere(all);
  if (batch.length) await follow(batch, send(batch).then(keep));
}

// One that was moved or changed would fail all that are sent together with it.
async function stillThere(batch) {
  const tried = await Promise.allSettled(batch.map(({ file }) => file.slice(0, 1).arrayBuffer()));
  tried.forEach(({ status }, index) => {
    const why = "It can't be read: it was moved or changed. Drop it again.";
    if (status === "rejected") batch[index].fail("Not readable", why);
  });
  return batch.filter((row) => !row.failure);
}

async function follow(batch, sending) {
  try {
    const { events, names } = await sending;
    for (const row of batch) {
      row.file = null; // the browser may forget it
      row.sent(1);
    }
    await listen(events, new Map(names.map((name, index) => [name, batch[index]])));
    throw new Error("Nothing was heard of this file. Drop it again.");
  } catch (error) {
    for (const row of batch) if (!row.isOver) row.fail(error.title ?? "Not read", error.message);
  }
}

const UNTOLD = "It was read, but the server failed to say what is in it.";

// As fetch() doesn't tell how much was sent, this is an XMLHttpRequest.
function send(batch) {
  const form = new FormData();
  for (const row of batch) form.append("files", row.file);
  const sizes = batch.map((row) => row.file.size);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "jobs");
    request.responseType = "json";
    request.upload.addEventListener("progress", ({ loaded }) => {
      // They go one after the other, so each has what those before it left.
      batch.forEach((row, index) => {
        row.sent(Math.min(1, Math.max(0, loaded / (sizes[index] || 1))));
        loaded -= sizes[index];
      });
    });
    request.addEventListener("load", () => {
      if (request.status === 202) resolve(request.response);
      else reject(problem(request.response));
    });
    request.addEventListener("error", () => {
      reject(new Error("It could not be sent: there is no connection, or the file has changed."));
    });
    request.send(form);
  });
}

function problem(answer) {
  const isSaid = typeof answer?.detail === "string"; // or a list of what was wrong with a form
  const detail = isSaid ? answer.detail : "The server failed. Try again later.";
  return Object.assign(new Error(detail), { title: answer?.title });
}

function listen(url, batch) {
  return new Promise((resolve, reject) => {
    const events = new EventSource(url);
    const end = (settle, value) => {
      events.close();
      say(events, "");
      settle(value);
    };
    const acts = {
      progress: ({ trouble }) => say(events, trouble ? `Waiting: ${trouble}.` : ""),
      outcome: (outcome) => {
        const row = batch.get(outcome.source);
        if (!row || row.isOver) return;
        const { state, problem: why, note, documents } = outcome;
        if (state === "extracted" && documents) row.end(outcome);
        else if (state === "extracted") row.fail("Not shown", UNTOLD);
        else row.fail(why?.title ?? "Not read", why?.detail ?? note);
      },
      done: () => end(resolve),
      failed: (answer) => end(reject, problem(answer)),
    };
    for (const [name, act] of Object.entries(acts))
      events.addEventListener(name, (event) => act(JSON.parse(event.data)));
    events.addEventListener("open", () => say(events, ""));
    events.addEventListener("error", () => {
      // The browser comes back by itself, and says what it had last; unless it was turned away.
      const isTrying = events.readyState === EventSource.CONNECTING;
      if (isTrying) return say(events, "The connection is lost. Trying again…");
      forget(url);
      end(reject, new Error("The server no longer knows this file. Drop it again."));
    });
  });
}

// --- A reload loses nothing that was sent -------------------------------------------------------

// The browser keeps the state over a reload, and the server tells all of a drop again.
const drops = () => history.state ?? [];

function keep(drop) {
  history.replaceState([...drops(), drop], "");
  return drop;
}

function forget(url) {
  history.replaceState(drops().filter(({ events }) => events !== url), "");
}

for (const drop of drops()) {
  const batch = drop.names.map((name) => new Row(name));
  rows.push(...batch);
  inTurn(() => follow(batch, drop));
}

addEventListener("beforeunload", (event) => {
  if (rows.some(({ file }) => file)) event.preventDefault();
});

// --- The document that is looked at -------------------------------------------------------------

function select(row, { byHand = false } = {}) {
  selected = row;
  for (const one of rows) one.button.setAttribute("aria-current", one === row);
  reading.replaceChildren(...shown(row));
  // On a phone it stands below the list.
  if (byHand && !scrolls(reading)) reading.scrollIntoView({ behavior: "smooth" });
}

const scrolls = (element) => getComputedStyle(element).overflowY !== "visible";

function shown({ name, failure, outcome }) {
  if (outcome) return outcome.documents.map((document) => sheet(name, document));
  if (failure) return [message("failure", `${name}: ${failure.title}`, failure.detail)];
  return [message("waiting", name, "Its fields appear here when it is read.")];
}

function message(kind, title, text) {
  const element = copyOf(kind);
  find("h2", element).textContent = title;
  find("p", element).textContent = text;
  return element;
}

function sheet(name, { pages, confidence, fields: found }) {
  const fields = found.map((field, index) => ({ ...field, index }));
  const element = copyOf("sheet");
  find("h2", element).textContent = name;
  find(".about", element).textContent = fields.length
    ? listed(counted(fields.length, "field"), confidence !== null && `${percent(confidence)} sure overall`)
    : "No text could be read in it. It may be a picture of a page.";
  const [values, items] = apart(fields);
  for (const field of values) {
    const item = document.createElement("li");
    item.append(fieldOf(field));
    find(".values", element).append(item);
  }
  fillTable(find(".items", element), items);
  if (pages) showPages(find(".pages", element), pages, fields);
  else find(".pages", element).remove();
  linkBothWays(element);
  return element;
}

const listed = (...parts) => parts.filter(Boolean).join(", ");

// Names that repeat are line items: the service gives them line by line.
function apart(fields) {
  const counts = new Map();
  for (const { name } of fields) counts.set(name, (counts.get(name) ?? 0) + 1);
  const isItem = ({ name }) => name.startsWith("Item_") || counts.get(name) > 1;
  return [fields.filter((field) => !isItem(field)), fields.filter(isItem)];
}

// In the order in which the fullest line gives its parts; what it lacks goes behind its neighbour.
function columnsOf(items) {
  const lines = [];
  for (const { name } of items) {
    if (name === items[0].name) lines.push(new Set());
    lines.at(-1).add(name);
  }
  const names = [];
  for (const line of lines.sort((one, other) => other.size - one.size)) {
    let last = -1;
    for (const name of line) {
      if (!names.includes(name)) names.splice(last + 1, 0, name);
      last = names.indexOf(name);
    }
  }
  return names;
}

function fillTable(section, items) {
  section.hidden = !items.length;
  const names = columnsOf(items);
  // Numbers stand under each other by their last digits.
  const inColumn = (column) => items.filter(({ name }) => name === column);
  const isNumber = ({ value }) => /^[-\d.,' ]+$/.test(value);
  const numbers = new Set(names.filter((name) => inColumn(name).every(isNumber)));
  find("thead tr", section).append(...names.map((name) => headOf(name, numbers.has(name))));
  let line = null;
  let filled = names.length;
  for (const field of items) {
    const column = names.indexOf(field.name);
    // What goes back begins another line: each may lack any of its parts.
    if (column <= filled) {
      line = find("tbody", section).insertRow();
      names.forEach(() => line.insertCell());
    }
    const cell = fieldOf(field);
    cell.classList.toggle("number", numbers.has(field.name));
    line.cells[column].append(cell);
    filled = column;
  }
}

function headOf(name, isNumber) {
  const head = document.createElement("th");
  head.scope = "col";
  head.classList.toggle("number", isNumber);
  head.textContent = readable(name.replace(/^Item_/, ""));
  return head;
}

const readable = (name) => name.replaceAll("_", " ").replace(/^Inv /, "Invoice ");
// Mostly text, but the service may send any JSON.
const asText = (value) => (value instanceof Object ? JSON.stringify(value) : String(value ?? "—"));

// What is below the first wants a look, what is below the second an eye on the page.
const LEVELS = { high: 0.9, fair: 0.7, low: 0 };

function levelOf(confidence) {
  if (confidence === null) return "unknown";
  return Object.keys(LEVELS).find((level) => confidence >= LEVELS[level]) ?? "low";
}

function fieldOf({ index, name, value, confidence, page, box }) {
  const element = copyOf("field");
  element.dataset.field = index;
  element.dataset.level = levelOf(confidence);
  find(".label", element).textContent = readable(name);
  find(".value", element).textContent = asText(value);
  find(".confidence b", element).textContent = confidence === null ? "" : percent(confidence);
  find(".confidence i i", element).style.width = `${(confidence ?? 0) * 100}%`;
  element.title = listed(
    confidence !== null && `${percent(confidence)} sure`,
    box ? `page ${page ?? 1}` : "no place stated",
  );
  return element;
}

function showPages(element, address, fields) {
  const last = Math.min(MOST_PAGES, fields.reduce((most, { page }) => Math.max(most, page ?? 1), 1));
  const more = find(".more", element);
  const show = (number) => {
    const figure = copyOf("page");
    const image = find("img", figure);
    figure.dataset.page = number;
    find("figcaption", figure).textContent = `Page ${number}`;
    image.alt = `Page ${number}`;
    image.addEventListener("load", () => place(figure, fields));
    image.addEventListener("error", () => {
      find("figcaption", figure).textContent = `Page ${number} can't be shown`;
      figure.classList.add("broken");
      if (number <= last) return;
      figure.remove();
      Object.assign(more, { disabled: true, textContent: `There is no page ${number}` });
    });
    if (number > 1) image.loading = "lazy";
    image.src = `${address}/${number}`;
    more.before(figure);
    // How many pages there are, nobody says: only on which there are fields.
    more.textContent = `Look for page ${number + 1}`;
    more.onclick = () => show(number + 1);
  };
  for (let number = 1; number <= last; number++) show(number);
}

// Boxes are in pixels of the picture, whose size is known only now; in shares of it they fit any.
function place(figure, fields) {
  const { naturalWidth: width, naturalHeight: height } = find("img", figure);
  figure.style.aspectRatio = `${width} / ${height}`;
  for (const { index, box, page, confidence } of fields) {
    if (!box || (page ?? 1) !== Number(figure.dataset.page)) continue;
    const [left, top, right, bottom] = box;
    const element = Object.assign(document.createElement("div"), { className: "box" });
    Object.assign(element.dataset, { field: index, level: levelOf(confidence) });
    Object.assign(element.style, {
      left: `${(left / width) * 100}%`,
      top: `${(top / height) * 100}%`,
      width: `${((right - left) / width) * 100}%`,
      height: `${((bottom - top) / height) * 100}%`,
    });
    figure.append(element);
  }
  // It may have been asked for before its page was there.
  const focused = find(".field:focus", figure.closest(".sheet"))?.dataset.field;
  if (focused) light(figure.closest(".sheet"), focused);
}

// A field and its box light up together, whichever of them is pointed at or has the focus.
function linkBothWays(element) {
  const fieldIn = (event) => event.target.closest("[data-field]")?.dataset.field;
  const rest = () => light(element, find(".field:focus-visible", element)?.dataset.field);
  element.addEventListener("pointerover", (event) => {
    if (fieldIn(event)) light(element, fieldIn(event));
    else rest();
  });
  element.addEventListener("pointerleave", rest);
  element.addEventListener("focusin", (event) => {
    light(element, fieldIn(event));
    bring(element, ".box", fieldIn(event));
  });
  element.addEventListener("focusout", () => light(element));
  element.addEventListener("click", (event) => {
    const field = fieldIn(event);
    if (!event.target.matches(".box")) return bring(element, ".box", field);
    find(`.field[data-field="${field}"]`, element).focus({ preventScroll: true });
    bring(element, ".field", field);
  });
}

function light(element, field) {
  for (const lit of element.querySelectorAll(".lit")) lit.classList.remove("lit");
  if (field !== undefined)
    for (const one of element.querySelectorAll(`[data-field="${field}"]`)) one.classList.add("lit");
}

// Only what was asked for moves, and only if it isn't to be seen.
function bring(element, kind, field) {
  if (field === undefined) return;
  const target = find(`${kind}[data-field="${field}"]`, element);
  const pane = target?.closest(".pages, .fields");
  if (!pane) return;
  // On a phone, the fields scroll with the whole page.
  if (!scrolls(pane)) return target.scrollIntoView({ block: "nearest", behavior: "smooth" });
  const [inner, outer] = [target.getBoundingClientRect(), pane.getBoundingClientRect()];
  if (inner.top < outer.top || inner.bottom > outer.bottom)
    pane.scrollBy({ top: inner.top - outer.top - outer.height / 3, behavior: "smooth" });
}

// --- Files come by dropping, choosing or pasting -------------------------------------------------

function filesIn(transfer) {
  const entries = [...transfer.items].filter(({ kind }) => kind === "file");
  return entries.flatMap((item) => {
    const file = item.getAsFile();
    return file ? [Object.assign(file, { isFolder: item.webkitGetAsEntry?.()?.isDirectory })] : [];
  });
}

// The whole window takes a drop: beside its zone, the browser would leave this page for the file.
// Moving from one element to the next enters that one before it leaves this one.
let entered = 0;
function hover(count) {
  entered = count;
  inbox.drop.classList.toggle("over", entered > 0);
}
const hasFiles = ({ dataTransfer }) => dataTransfer.types.includes("Files"); // and not a text
addEventListener("dragenter", (event) => hasFiles(event) && hover(entered + 1));
addEventListener("dragleave", (event) => hasFiles(event) && hover(entered - 1));
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  hover(0);
  take(filesIn(event.dataTransfer));
});
addEventListener("paste", (event) => take(filesIn(event.clipboardData)));
find("input", inbox.drop).addEventListener("change", ({ target }) => {
  take([...target.files]);
  target.value = ""; // so that the same file can be chosen again
});
