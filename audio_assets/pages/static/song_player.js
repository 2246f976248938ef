// A song: plays it, and lets its picture, its lyrics and its table of scenes follow. Drawing is in `song_lanes.js`.
import { Metronome } from "./metronome.js";
import { Picture, clock, firstFrom, holding, layOut } from "./song_lanes.js";

const data = JSON.parse(document.getElementById("player").textContent);
const get = (id) => document.getElementById(id);
const audio = get("audio"), scroll = get("scroll"), sheet = get("sheet"), head = get("head"), readout = get("readout");
const follow = get("follow"), overview = get("overview");
const picture = new Picture(data, get("lanes"));
const duration = data.duration || 1;
const scene = data.scenes.find(([id]) => id === data.scene);
const isCalm = matchMedia("(prefers-reduced-motion: reduce)");
let scale = 0; // pixels per second
let stopAt = null; // where a stretch that is played alone ends
let pointed = null; // the time under the pointer

// --- the picture -----------------------------------------------------------------------------------------------------

const wholeScale = () => scroll.clientWidth / duration;

// Beats as far apart as bar numbers and words need; a scene fills two thirds of the view.
function startScale() {
  if (scene) return (scroll.clientWidth * 0.66) / (scene[2] - scene[1]);
  const beat = data.beats.length ? picture.beatGap : 0.5;
  return Math.max(wholeScale(), 26 / beat);
}

function setScale(wanted, around = audio.currentTime) {
  const x = around * scale - scroll.scrollLeft;
  scale = Math.min(Math.max(wanted, wholeScale()), 2000, 8e6 / duration);
  sheet.style.width = `${Math.round(duration * scale)}px`;
  sheet.style.height = `${layOut(data).height}px`;
  placeScenes();
  scroll.scrollLeft = around * scale - Math.min(Math.max(x, 0), scroll.clientWidth);
  draw();
}

let isDue = false;
function draw() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => { isDue = false; drawNow(); });
}

function drawNow() {
  const from = scroll.scrollLeft / scale;
  picture.draw(from, scale, scroll.clientWidth);
  picture.drawOverview(overview, overview.parentElement.clientWidth - padding(overview.parentElement), [from, from + scroll.clientWidth / scale], audio.currentTime || 0);
  show();
}

function padding(element) {
  const style = getComputedStyle(element);
  return parseFloat(style.paddingLeft) + parseFloat(style.paddingRight);
}

const blocks = data.scenes.map(([id, from, to, type, partition]) => {
  const block = document.createElement(partition ? "a" : "span");
  block.className = `block ${type === "performance" ? "performance" : "broll"}`;
  const name = document.createElement("span");
  name.textContent = id;
  block.append(name);
  block.title = `${id}, ${type === "performance" ? "performance" : "b-roll"}, ${clock(from)} to ${clock(to)}`;
  if (partition) block.href = `/a/scene_prompt/${encodeURIComponent(partition)}`;
  if (id === data.scene) block.classList.add("own");
  get("scenes").append(block);
  return block;
});

function placeScenes() {
  const lane = layOut(data).scenes;
  data.scenes.forEach(([, from, to], i) => {
    blocks[i].style.left = `${from * scale}px`;
    const width = Math.max(2, (to - from) * scale - 2);
    blocks[i].style.width = `${width}px`;
    blocks[i].classList.toggle("narrow", width < 46);
    blocks[i].style.top = `${lane.y}px`;
    blocks[i].style.height = `${lane.height}px`;
  });
}

// --- following the sound ---------------------------------------------------------------------------------------------

const lines = picture.lines;
const lineText = get("line"), nextText = get("next");
let shownLine, marks = [];

function showLyrics(t) {
  if (!lineText) return;
  let number = firstFrom(lines, t + 1e-6, ([, from]) => from) - 1;
  const next = lines[number + 1];
  // A line stays until the next one is near, so that its last word can be read.
  if (number >= 0 && t > lines[number][2] + 2) number = -1;
  const key = `${number} ${lines.indexOf(next)}`;
  if (key !== shownLine) {
    shownLine = key;
    marks = number < 0 ? [] : markWords(lines[number]);
    if (number < 0) lineText.textContent = lines.length ? "♪" : "";
    nextText.textContent = next?.[0] ?? "";
  }
  for (const [mark, word] of marks) mark.classList.toggle("on", word[1] !== null && t >= word[1]);
}

// Each timed word finds itself in its line, in order, so that the line stays as it was written.
function markWords([text, , , words]) {
  const found = [], pieces = [];
  let from = 0;
  for (const word of words) {
    const place = text.toLowerCase().indexOf(word[0].toLowerCase(), from);
    if (place < 0) continue;
    const mark = document.createElement("span");
    mark.className = word[3] < 0.5 ? "word weak" : "word";
    mark.textContent = text.slice(place, place + word[0].length);
    if (word[1] !== null) {
      mark.title = `${clock(word[1])}, confidence ${word[3]}`;
      mark.addEventListener("click", () => seek(word[1]));
    }
    pieces.push(text.slice(from, place), mark);
    found.push([mark, word]);
    from = place + word[0].length;
  }
  lineText.replaceChildren(...pieces, text.slice(from));
  return found;
}

// Where a time lies in the song, in the words of those who cut videos.
function whereabouts(t) {
  const said = [clock(t)];
  const near = data.fps ? 0.5 / data.fps : 1e-6; // a cut is the frame next to its beat
  const beat = firstFrom(data.beats, t + near) - 1;
  if (beat >= 0) {
    let first = beat;
    while (first > 0 && !data.beats[first][2]) first--;
    if (data.beats[first][2]) said.push(`bar ${data.beats[first][2]} beat ${beat - first + 1}`);
  }
  if (data.fps) said.push(`frame ${Math.floor(t * data.fps + 0.01)}`);
  const section = holding(data.sections, t + near, 1, 2);
  if (section) said.push(section[4] === "section" ? section[0] : `${section[0]} (${section[3]}, ${Math.round(section[5] * 100)} % sure)`);
  const energy = data.energy[firstFrom(data.energy, t + 1e-6) - 1];
  if (energy) said.push(`energy ${energy[1].toFixed(2)}`);
  const here = holding(data.scenes, t, 1, 2);
  if (here) said.push(here[0]);
  return said.join("  ·  ");
}

const rows = [...document.querySelectorAll("#scene-table tbody tr")];
let shownScene = null;

function show() {
  const t = audio.currentTime || 0;
  head.style.transform = `translateX(${t * scale}px)`;
  readout.textContent = whereabouts(pointed ?? t);
  showLyrics(t);
  const here = holding(data.scenes, t, 1, 2);
  if (here === shownScene) return;
  shownScene = here;
  data.scenes.forEach((one, i) => blocks[i].classList.toggle("on", one === here));
  for (const row of rows) row.classList.toggle("on", here !== null && Math.abs(+row.dataset.at - here[1]) < 0.001);
}

function moveAlong() {
  const x = audio.currentTime * scale, width = scroll.clientWidth;
  if (!follow.checked || scroll.scrollWidth <= width) return;
  if (!isCalm.matches) scroll.scrollLeft = x - width * 0.35;
  else if (x < scroll.scrollLeft || x > scroll.scrollLeft + width * 0.9) scroll.scrollLeft = x - width * 0.1;
}

function reveal(t) {
  const x = t * scale;
  if (x < scroll.scrollLeft || x > scroll.scrollLeft + scroll.clientWidth) scroll.scrollLeft = x - scroll.clientWidth * 0.35;
}

function checkStop() {
  if (stopAt === null || audio.currentTime < stopAt) return;
  audio.pause();
  audio.currentTime = stopAt - 0.001; // the end is the next scene's first frame
  stopAt = null;
}

function tick() {
  checkStop();
  moveAlong();
  drawNow();
  if (!audio.paused) requestAnimationFrame(tick);
}

// --- playing ---------------------------------------------------------------------------------------------------------

function seek(t) {
  stopAt = null;
  audio.currentTime = Math.max(0, Math.min(t, duration - 0.001));
  reveal(audio.currentTime);
  draw();
}

function playStretch(from, to) {
  seek(from);
  stopAt = to;
  audio.play();
}

function toggle() {
  if (audio.paused) audio.play(); else audio.pause();
}

// The next beat, or bar, in a direction; half a second where there are no beats.
function step(direction, isBar) {
  const t = audio.currentTime, times = data.beats.filter(([, , bar]) => bar || !isBar).map(([time]) => time);
  if (!times.length) return seek(t + direction * 0.5);
  const found = direction > 0 ? times.find((time) => time > t + 0.02) : times.findLast((time) => time < t - 0.02);
  return seek(found ?? (direction > 0 ? duration : 0));
}

let playingButton = null;
function mark(button) {
  playingButton?.classList.remove("on");
  playingButton = button;
  button?.classList.add("on");
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("#play-scene, #scene-table .play");
  if (!button) return;
  if (button === playingButton && !audio.paused) return void audio.pause();
  const { at, end } = (button.dataset.at ? button : button.closest("tr")).dataset;
  playStretch(+at, +end);
  mark(button);
});

audio.addEventListener("play", () => requestAnimationFrame(tick));
audio.addEventListener("pause", () => mark(null));
audio.addEventListener("timeupdate", checkStop); // a page in the background has no animation frames
audio.addEventListener("seeked", () => { if (audio.paused) { reveal(audio.currentTime); draw(); } });
audio.addEventListener("error", () => { get("unplayable").hidden = false; });

get("in").addEventListener("click", () => setScale(scale * 1.5));
get("out").addEventListener("click", () => setScale(scale / 1.5));
get("fit").addEventListener("click", () => setScale(scale > wholeScale() * 1.01 ? wholeScale() : startScale()));
get("speed").addEventListener("change", (event) => { audio.playbackRate = +event.target.value; });
get("hear")?.addEventListener("change", (event) => {
  const t = audio.currentTime, isPlaying = !audio.paused, rate = audio.playbackRate;
  audio.src = event.target.value;
  audio.currentTime = t;
  audio.playbackRate = rate;
  if (isPlaying) audio.play();
});
if (get("click")) {
  const metronome = new Metronome(audio, data.beats);
  get("click").addEventListener("change", (event) => metronome.set(event.target.checked));
}

const timeAt = (event) => (event.clientX - sheet.getBoundingClientRect().left) / scale;
sheet.addEventListener("click", (event) => { if (!event.target.closest("a")) seek(timeAt(event)); });
sheet.addEventListener("pointermove", (event) => { pointed = timeAt(event); readout.textContent = whereabouts(pointed); });
sheet.addEventListener("pointerleave", () => { pointed = null; show(); });
scroll.addEventListener("scroll", () => { if (audio.paused) draw(); }, { passive: true }); // who plays draws every frame
// Whoever scrolls wants to look at another place.
for (const name of ["wheel", "touchmove"]) {
  scroll.addEventListener(name, (event) => { if (name !== "wheel" || event.deltaX) follow.checked = false; }, { passive: true });
}
scroll.addEventListener("wheel", (event) => {
  if (!event.ctrlKey) return;
  event.preventDefault();
  setScale(scale * 1.0015 ** -event.deltaY, timeAt(event));
}, { passive: false });
overview.addEventListener("pointerdown", (event) => { overview.setPointerCapture(event.pointerId); seekOverview(event); });
overview.addEventListener("pointermove", (event) => { if (event.buttons & 1) seekOverview(event); });

function seekOverview(event) {
  const box = overview.getBoundingClientRect(), t = ((event.clientX - box.left) / box.width) * duration;
  seek(t);
  scroll.scrollLeft = t * scale - scroll.clientWidth / 2;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input[type=search], select, textarea, button, summary, a, audio")) return;
  if (event.key === " ") { event.preventDefault(); toggle(); }
  if (event.key === "ArrowLeft") { event.preventDefault(); step(-1, event.shiftKey); }
  if (event.key === "ArrowRight") { event.preventDefault(); step(1, event.shiftKey); }
});

// `#t=1.5` in the address opens the page at that second; a scene's page opens at its scene.
function start() {
  const asked = location.hash.startsWith("#t=") ? parseFloat(location.hash.slice(3)) || 0 : scene?.[1] ?? 0;
  if (asked) audio.currentTime = asked;
  scroll.scrollLeft = asked * scale - scroll.clientWidth * (scene ? 0.17 : 0.35);
  draw();
}

let drawnWidth = 0;
new ResizeObserver(() => {
  if (scroll.clientWidth === drawnWidth) return;
  const isFirst = !drawnWidth;
  drawnWidth = scroll.clientWidth;
  setScale(isFirst ? startScale() : scale);
  if (isFirst) start();
}).observe(scroll);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { picture.readColours(); draw(); });
picture.readColours();
