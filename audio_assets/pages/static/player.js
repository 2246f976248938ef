// One artifact: draws its time line and lets text, phonemes, mouth and tracks follow the sound.
import { Mouth } from "./mouth.js";

const data = JSON.parse(document.getElementById("player").textContent);
const audio = document.getElementById("audio");
const scroll = document.getElementById("scroll");
const sheet = document.getElementById("sheet");
const canvas = document.getElementById("picture");
const head = document.getElementById("head");
const current = document.getElementById("current");
const words = data.words ?? [], phones = data.phones ?? [], tracks = data.tracks ?? [];
const duration = data.duration || 1;
const ROLES = ["--wave", "#57b97c", "#b97ff0", "#ee9650", "#58c4c9"];
let lanes = {};
let scale = 1; // pixels per second
let zoom = 1;

// --- the picture ---

function colour(name) {
  return name.startsWith("--") ? getComputedStyle(document.documentElement).getPropertyValue(name).trim() : name;
}

// Rows from the top: each kind of thing that this artifact has gets a lane.
function layOut() {
  let y = 0;
  const lane = (name, height, gap = 6) => { lanes[name] = { y, height }; y += height + gap; };
  lanes = {};
  lane("wave", 150);
  if (words.length) lane("words", 24, 4);
  if (phones.length) lane("phones", 24);
  if (data.mouth) { lane("jaw", 36, 2); lane("shapes", 22); }
  if (tracks.length) lane("tracks", 22 * trackRows().length);
  for (const role of Object.keys(data.curve?.level_db ?? {})) lane(`level ${role}`, 34);
  if (data.curve?.ducking_db?.some((gain) => gain < -0.05)) lane("ducking", 44);
  lane("axis", 18, 0);
  return y;
}

function trackRows() {
  const rows = [];
  for (const track of [...tracks].sort((a, b) => a.at - b.at)) {
    const row = rows.find((entries) => entries.at(-1).at + entries.at(-1).duration <= track.at + 1e-6);
    if (row) row.push(track); else rows.push([track]);
  }
  return rows;
}

// Wide enough that most phonemes have room for their symbol, within what a browser can draw.
function naturalWidth() {
  const lengths = phones.map(([, from, to]) => to - from).sort((a, b) => a - b);
  const quarter = lengths[Math.floor(lengths.length / 4)] ?? 0;
  const wanted = quarter && !tracks.length ? (duration * 17) / quarter : 0;
  return Math.min(Math.max(scroll.clientWidth, wanted), 6 * scroll.clientWidth);
}

function draw() {
  const width = Math.max(200, Math.min(Math.round(naturalWidth() * zoom), 16000));
  const height = layOut();
  const ratio = Math.min(window.devicePixelRatio || 1, 32000 / width);
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  canvas.style.width = sheet.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  scale = width / duration;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  pen.textBaseline = "middle";
  const family = getComputedStyle(document.body).fontFamily;
  drawAxis(pen, width, height, family);
  drawWave(pen, width);
  const word = colour("--word"), vowel = colour("--vowel"), consonant = colour("--consonant");
  spans(pen, lanes.words, words, () => word, `13px ${family}`);
  spans(pen, lanes.phones, phones, ([ipa]) => (isVowel(ipa) ? vowel : consonant), `14px ${family}`);
  drawMouth(pen, family);
  drawTracks(pen, family);
  drawCurves(pen, family);
  show(0);
}

const isVowel = (ipa) => /[aeiouyæœøɑɒɐəɘɛɜɝɚɔʌʊɪɯɵʏɤɨʉᵻ]/.test(ipa);

function drawAxis(pen, width, height, family) {
  const steps = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800];
  const step = steps.find((s) => s * scale >= 64) ?? 3600;
  pen.font = `11px ${family}`;
  for (let n = 0; n * step <= duration; n++) {
    const t = n * step, x = Math.round(t * scale);
    pen.fillStyle = colour("--grid");
    pen.fillRect(x, 0, 1, height - 18);
    pen.fillStyle = colour("--muted");
    const label = duration >= 60 ? `${Math.floor(t / 60)}:${String(Math.round(t % 60)).padStart(2, "0")}` : `${+t.toFixed(2)} s`;
    if (x + pen.measureText(label).width + 4 < width) pen.fillText(label, x + 3, height - 8);
  }
}

function drawWave(pen, width) {
  const { y, height } = lanes.wave, middle = y + height / 2, n = data.peaks.length / 2;
  let loudest = 1;
  for (const value of data.peaks) loudest = Math.max(loudest, Math.abs(value));
  const half = (height / 2 - 2) / loudest;
  pen.beginPath();
  for (let i = 0; i < n; i++) pen.lineTo(((i + 0.5) * width) / n, middle - data.peaks[2 * i + 1] * half - 0.5);
  for (let i = n - 1; i >= 0; i--) pen.lineTo(((i + 0.5) * width) / n, middle - data.peaks[2 * i] * half + 0.5);
  pen.closePath();
  pen.fillStyle = colour("--wave");
  pen.fill();
  pen.fillRect(0, middle - 0.5, width, 1);
}

function box(pen, lane, from, to, fill, radius = 4) {
  const x = from * scale, width = Math.max(1, (to - from) * scale - 1);
  pen.fillStyle = fill;
  pen.beginPath();
  pen.roundRect(x, lane.y, width, lane.height, Math.min(radius, width / 2));
  pen.fill();
}

// A box for each span, its label in the middle: smaller where it does not fit, cut short or left out failing that.
function spans(pen, lane, entries, fill, font, ink = "--text") {
  if (!lane) return;
  const small = font.replace(/\d+px/, "11px"), textColour = colour(ink);
  pen.textAlign = "center";
  for (const entry of entries) {
    const [label, from, to] = entry;
    box(pen, lane, from, to, fill(entry));
    const room = (to - from) * scale - 2;
    if (room < 5) continue;
    pen.font = font;
    if (pen.measureText(label).width > room) pen.font = small;
    const shown = fitting(pen, label, room);
    pen.fillStyle = textColour;
    pen.fillText(shown, ((from + to) / 2) * scale, lane.y + lane.height / 2 + 1);
  }
  pen.textAlign = "left";
}

function fitting(pen, label, width) {
  if (pen.measureText(label).width <= width) return label;
  if (label.length < 4 || width < 18) return "";
  let cut = label.length - 1;
  while (cut > 1 && pen.measureText(`${label.slice(0, cut)}…`).width > width) cut--;
  return cut > 1 ? `${label.slice(0, cut)}…` : "";
}

function drawMouth(pen, family) {
  if (!data.mouth) return;
  const { fps, shapes, jaw } = data.mouth;
  const runs = [];
  [...shapes].forEach((shape, i) => {
    if (runs.at(-1)?.[0] === shape) runs.at(-1)[2] = (i + 1) / fps; else runs.push([shape, i / fps, (i + 1) / fps]);
  });
  if (runs.length) runs.at(-1)[2] = Math.min(runs.at(-1)[2], duration);
  spans(pen, lanes.shapes, runs, ([shape]) => data.colours[shape] ?? "#888", `600 12px ${family}`, "#14181f");
  const { y, height } = lanes.jaw;
  pen.beginPath();
  pen.moveTo(0, y + height);
  jaw.forEach((open, i) => pen.lineTo(Math.min(((i + 0.5) / fps), duration) * scale, y + height - open * (height - 3)));
  pen.lineTo(duration * scale, y + height);
  pen.closePath();
  pen.fillStyle = colour("--grid");
  pen.fill();
  pen.strokeStyle = colour("--muted");
  pen.lineWidth = 1.2;
  pen.stroke();
  note(pen, "jaw", lanes.jaw.y + 8, family);
}

// A small remark at the left of a lane, with a rim that keeps it apart from what it lies on.
function note(pen, text, y, family, ink = "--muted") {
  pen.font = `11px ${family}`;
  pen.strokeStyle = colour("--card");
  pen.lineWidth = 4;
  pen.lineJoin = "round";
  pen.strokeText(text, 3, y);
  pen.fillStyle = colour(ink);
  pen.fillText(text, 3, y);
}

function drawTracks(pen, family) {
  if (!lanes.tracks) return;
  const roles = [...new Set(tracks.map((track) => track.role))];
  trackRows().forEach((row, i) => {
    const lane = { y: lanes.tracks.y + 22 * i, height: 19 };
    const entries = row.map((t) => [t.character ? `${t.character}: ${t.text}` : t.text || t.name, Math.max(0, t.at), Math.min(duration, t.at + (t.duration || duration)), t.role]);
    spans(pen, lane, entries, (entry) => (roles.indexOf(entry[3]) ? colour("--vowel") : colour("--word")), `12px ${family}`);
  });
}

function drawCurves(pen, family) {
  if (!data.curve) return;
  const { step_s: step, level_db: levels, ducking_db: ducking } = data.curve;
  Object.entries(levels ?? {}).forEach(([role, values], i) => {
    const lane = lanes[`level ${role}`];
    pen.beginPath();
    pen.moveTo(0, lane.y + lane.height);
    values.forEach((db, k) => {
      const top = lane.y + lane.height - Math.max(0, Math.min(1, ((db ?? -120) + 60) / 60)) * lane.height;
      pen.lineTo(k * step * scale, top);
      pen.lineTo(Math.min(duration, (k + 1) * step) * scale, top);
    });
    pen.lineTo(duration * scale, lane.y + lane.height);
    pen.fillStyle = colour(ROLES[i % ROLES.length]);
    pen.globalAlpha = 0.55;
    pen.fill();
    pen.globalAlpha = 1;
    note(pen, `${role}, -60 to 0 dBFS`, lane.y + 8, family, "--text");
  });
  if (!lanes.ducking) return;
  const deepest = Math.min(-6, ...ducking), lane = lanes.ducking;
  pen.beginPath();
  ducking.forEach((db, k) => pen.lineTo((k + 0.5) * step * scale, lane.y + 3 + (db / deepest) * (lane.height - 6)));
  pen.strokeStyle = colour("--warn");
  pen.lineWidth = 2;
  pen.stroke();
  note(pen, `ducking, down to ${Math.min(...ducking).toFixed(1)} dB`, lane.y + lane.height - 8, family, "--warn");
}

// --- following the sound ---

// The entry [label, from, to] that holds `t`; entries rise, so the place is found by halving.
function at(entries, t) {
  let low = 0, high = entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (entries[middle][1] <= t) low = middle + 1; else high = middle;
  }
  return low && t < entries[low - 1][2] ? low - 1 : -1;
}

// Each word of the time line finds itself in the text, in order, so that punctuation stays as it was written.
function markWords(heading) {
  const text = heading.textContent, pieces = [];
  const found = [];
  let from = 0;
  words.forEach(([word], i) => {
    const place = text.toLowerCase().indexOf(word.toLowerCase(), from);
    if (place < 0) return;
    pieces.push(text.slice(from, place));
    const mark = document.createElement("span");
    mark.className = "word";
    mark.textContent = text.slice(place, place + word.length);
    mark.addEventListener("click", () => seek(words[i][1]));
    found[i] = mark;
    pieces.push(mark);
    from = place + word.length;
  });
  heading.replaceChildren(...pieces, text.slice(from));
  return found;
}

const marks = words.length && !tracks.length ? markWords(document.getElementById("text")) : [];
const trackItems = [...document.querySelectorAll("#tracks li")];
const mouth = data.mouth ? new Mouth(document.getElementById("mouth")) : null;
const phonemeText = document.getElementById("phoneme"), shapeText = document.getElementById("shape");
let shownWord = -1, before = 0;

function show(elapsed) {
  const t = audio.currentTime || 0;
  head.style.transform = `translateX(${t * scale}px)`;
  const word = at(words, t);
  if (word !== shownWord) {
    marks[shownWord]?.classList.remove("on");
    marks[word]?.classList.add("on");
    shownWord = word;
  }
  const phone = at(phones, t);
  if (phonemeText) phonemeText.textContent = phones[phone]?.[0] ?? "";
  current.hidden = phone < 0;
  if (phone >= 0 && lanes.phones) {
    const [, from, to] = phones[phone];
    current.style.left = `${from * scale - 1}px`;
    current.style.width = `${(to - from) * scale + 1}px`;
    current.style.top = `${lanes.phones.y - 1}px`;
    current.style.height = `${lanes.phones.height + 2}px`;
  }
  if (mouth) {
    const frame = Math.min(Math.floor(t * data.mouth.fps), data.mouth.shapes.length - 1);
    const shape = data.mouth.shapes[frame] ?? "X";
    mouth.move(shape, data.mouth.jaw[frame] ?? null, elapsed || 1);
    shapeText.textContent = shape;
    shapeText.style.background = data.colours[shape];
  }
  for (const item of trackItems) item.classList.toggle("on", t >= +item.dataset.at && t < +item.dataset.end);
  follow(t * scale);
}

function follow(x) {
  if (audio.paused || scroll.scrollWidth <= scroll.clientWidth) return;
  if (x < scroll.scrollLeft || x > scroll.scrollLeft + scroll.clientWidth * 0.85) scroll.scrollLeft = x - scroll.clientWidth * 0.15;
}

function tick(now) {
  show(Math.min(0.1, (now - before) / 1000));
  before = now;
  if (!audio.paused) requestAnimationFrame(tick);
}

function seek(t) {
  audio.currentTime = Math.max(0, Math.min(t, duration - 0.001));
  show(0);
}

function toggle() {
  if (audio.paused) audio.play(); else audio.pause();
}

audio.addEventListener("play", () => { before = performance.now(); requestAnimationFrame(tick); });
audio.addEventListener("seeked", () => show(0));
// `#t=1.5` in the address opens the page at that second.
function start() {
  if (location.hash.startsWith("#t=")) seek(parseFloat(location.hash.slice(3)) || 0);
}
if (audio.readyState >= HTMLMediaElement.HAVE_METADATA) start(); else audio.addEventListener("loadedmetadata", start, { once: true });
document.getElementById("speed").addEventListener("change", (event) => { audio.playbackRate = +event.target.value; });
document.getElementById("in").addEventListener("click", () => { zoom = Math.min(32, zoom * 1.5); draw(); });
document.getElementById("out").addEventListener("click", () => { zoom = Math.max(1 / 32, zoom / 1.5); draw(); });
sheet.addEventListener("click", (event) => seek((event.clientX - sheet.getBoundingClientRect().left) / scale));
document.getElementById("tracks")?.addEventListener("click", (event) => {
  if (event.target.closest(".seek")) { seek(+event.target.closest("li").dataset.at); audio.play(); }
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, button, summary, a, audio")) return;
  if (event.key === " ") { event.preventDefault(); toggle(); }
  if (event.key === "ArrowLeft") seek(audio.currentTime - 0.5);
  if (event.key === "ArrowRight") seek(audio.currentTime + 0.5);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
let drawnWidth = 0;
new ResizeObserver(() => {
  if (scroll.clientWidth !== drawnWidth) { drawnWidth = scroll.clientWidth; draw(); }
}).observe(scroll);
