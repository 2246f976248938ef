// Draws a song: its lanes over a stretch of time, and the strip with all of it. Knows no sound and no events.

const LABELS = 8; // colours of section labels in the style sheet
const NAMES = [["beats", "beat_grid"], ["onsets", "onsets"], ["energy", "energy_curve"], ["voice", "vocals"]]; // lane, asset

export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// What is drawn, from the top: each kind of thing that is known of this song gets a lane.
export function layOut(data) {
  const lanes = {};
  let y = 0;
  const lane = (name, height, gap, wanted = true) => {
    if (!wanted) return;
    lanes[name] = { y, height };
    y += height + gap;
  };
  lane("sections", 24, 4, data.sections.length);
  lane("bars", 14, 0, data.beats.length);
  lane("wave", 132, 6);
  lane("beats", 26, 8, data.beats.length);
  lane("onsets", 26, 8, data.onsets.length);
  lane("energy", 44, 8, data.energy.length);
  lane("voice", 12, 8, data.sung.length);
  lane("lines", 22, 3, data.lines.some(([, from]) => from !== null));
  lane("words", 22, 8, data.lines.some(([, , , words]) => words.some(([, from]) => from !== null)));
  lane("scenes", 34, 8, data.scenes.length);
  lane("axis", 18, 0);
  lanes.height = y;
  return lanes;
}

// The first of `entries`, which rise, whose value is not below `t`.
export function firstFrom(entries, t, value = (entry) => entry[0]) {
  let low = 0, high = entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value(entries[middle]) < t) low = middle + 1; else high = middle;
  }
  return low;
}

// The entry whose stretch holds `t`, by the places of its ends.
export function holding(entries, t, from = 0, to = 1) {
  const after = firstFrom(entries, t + 1e-6, (entry) => entry[from]);
  const found = entries[after - 1];
  return found && t < found[to] ? found : null;
}

// Those entries [text, from, to, ...] that have a time, as they follow one another; one without an end ends with the next.
function timed(entries) {
  const found = entries.filter(([, from]) => from !== null).sort((a, b) => a[1] - b[1]);
  return found.map(([text, from, to, ...rest], i) => [text, from, to ?? Math.min(found[i + 1]?.[1] ?? Infinity, from + 5), ...rest]);
}

export class Picture {
  constructor(data, canvas) {
    this.data = data;
    this.canvas = canvas;
    this.words = timed(data.lines.flatMap(([, , , words]) => words));
    this.lines = timed(data.lines);
    const labels = [...new Set(data.sections.map(([, , , label]) => label))];
    this.labelColour = (label) => this.ink[`--label-${labels.indexOf(label) % LABELS}`];
    const gaps = data.beats.slice(1).map(([t], i) => t - data.beats[i][0]).sort((a, b) => a - b);
    this.beatGap = gaps[gaps.length >> 1] ?? 0.5;
    this.scene = data.scenes.find(([id]) => id === data.scene);
  }

  readColours() {
    const names = ["text", "muted", "card", "line", "grid", "accent", "wave", "wave-low", "wave-past", "beat", "tick", "energy", "voice", "word", "weak", "performance", "broll"];
    this.ink = Object.fromEntries(names.map((name) => [`--${name}`, colour(`--${name}`)]));
    for (let i = 0; i < LABELS; i++) this.ink[`--label-${i}`] = colour(`--label-${i}`);
    this.family = getComputedStyle(document.body).fontFamily;
  }

  // A canvas of so many CSS pixels, with a pen in them.
  pen(canvas, width, height) {
    const ratio = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
    }
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    pen.textBaseline = "middle";
    return pen;
  }

  // Draw what stands from `from` seconds on, `width` pixels of it at `scale` pixels a second.
  draw(from, scale, width) {
    const lanes = layOut(this.data);
    this.lanes = lanes;
    this.from = from;
    this.scale = scale;
    this.width = width;
    this.to = from + width / scale;
    const pen = this.pen(this.canvas, width, lanes.height);
    this.p = pen;
    this.drawAxis(lanes);
    this.drawSections(lanes);
    this.drawWave(lanes.wave, 0.5);
    this.drawGrid(lanes);
    this.drawBeats(lanes);
    this.drawOnsets(lanes);
    this.drawEnergy(lanes);
    this.drawVoice(lanes);
    this.boxes(lanes.lines, this.lines, 1, 2, () => this.ink["--word"], 12);
    this.boxes(lanes.words, this.words, 1, 2, (word) => (word[3] < 0.5 ? this.ink["--weak"] : this.ink["--word"]), 12);
    this.shadeOthers(lanes);
    for (const [name, asset] of NAMES) if (lanes[name]) this.note(name, asset, lanes[name]);
  }

  x(t) { return (t - this.from) * this.scale; }

  // The entries that are seen, for entries that rise and do not overlap.
  seen(entries, start = 0, end = start) {
    let first = firstFrom(entries, this.from, (entry) => entry[end]);
    first = Math.max(0, first - 1);
    const found = [];
    for (let i = first; i < entries.length && entries[i][start] <= this.to; i++) found.push(entries[i]);
    return found;
  }

  drawAxis(lanes) {
    const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600];
    const step = steps.find((s) => s * this.scale >= 70) ?? 1200;
    const { p } = this, y = lanes.axis.y;
    p.font = `11px ${this.family}`;
    for (let n = Math.floor(this.from / step); n * step <= Math.min(this.to, this.data.duration); n++) {
      const t = n * step, x = Math.round(this.x(t));
      p.fillStyle = this.ink["--line"];
      p.fillRect(x, y, 1, 5);
      p.fillStyle = this.ink["--muted"];
      p.fillText(clock(t, step < 1 ? 1 : 0), x + 4, y + 9);
    }
  }

  drawSections(lanes) {
    if (!lanes.sections) return;
    const { p } = this, { y, height } = lanes.sections;
    const bottom = lanes.axis.y - 4;
    for (const [name, start, end, label] of this.seen(this.data.sections, 1, 2)) {
      const x = this.x(start), width = (end - start) * this.scale;
      p.fillStyle = this.labelColour(label);
      p.globalAlpha = 0.07;
      p.fillRect(x, y, width - 1, bottom - y);
      p.globalAlpha = 0.8;
      p.fillRect(x, y, 1.5, bottom - y);
      p.globalAlpha = 0.3;
      round(p, x, y, width - 1, height);
      p.globalAlpha = 1;
      p.fillStyle = this.ink["--text"];
      p.font = `600 12px ${this.family}`;
      const left = Math.max(x, 0) + 7, room = x + width - left - 6;
      const full = name.startsWith(label) ? name : `${name} · ${label}`;
      p.fillText(p.measureText(full).width <= room ? full : fitting(p, name, room), left, y + height / 2 + 1);
    }
  }

  // Beats and bars as lines through the waveform, as far as they can be told apart; bar numbers over it.
  drawGrid(lanes) {
    const { beats } = this.data, { p } = this;
    if (!beats.length) return;
    const apart = this.beatGap * this.scale, top = lanes.wave.y, height = lanes.wave.height;
    const bars = beats.filter(([, , bar]) => bar), perBar = Math.max(1, beats.length / Math.max(1, bars.length));
    let every = 1;
    while (apart * perBar * every < 34) every *= 2;
    p.font = `10px ${this.family}`;
    p.textAlign = "left";
    for (const [t, , bar] of this.seen(beats)) {
      const x = Math.round(this.x(t));
      const isShown = bar ? apart * perBar >= 14 || (bar - 1) % every === 0 : apart >= 6;
      if (isShown) {
        p.fillStyle = this.ink[bar ? "--beat" : "--tick"];
        p.globalAlpha = bar ? 0.85 : 0.45;
        p.fillRect(x, bar ? top - 12 : top, 1, height + (bar ? 12 : 0));
        p.globalAlpha = 1;
      }
      if (bar && (bar - 1) % every === 0) {
        p.fillStyle = this.ink["--muted"];
        p.fillText(bar, x + 3, lanes.bars.y + 6);
      }
    }
  }

  // The level of the song, its lows within it; dimmed where no voice is on the page of the voice.
  drawWave(lane, rest) {
    const { wave, duration } = this.data, n = wave.length / 2, { p } = this;
    const middle = lane.y + lane.height / 2;
    if (!n) {
      p.fillStyle = this.ink["--line"];
      p.fillRect(0, middle, this.width, 1);
      return;
    }
    for (const [part, ink] of [[0, "--wave"], [1, "--wave-low"]]) {
      p.fillStyle = this.ink[ink];
      p.beginPath();
      const columns = this.columns(part, n, duration);
      columns.forEach(([x, level]) => p.lineTo(x, middle - (level / 100) * (lane.height / 2 - 1) - rest));
      columns.reverse().forEach(([x, level]) => p.lineTo(x, middle + (level / 100) * (lane.height / 2 - 1) + rest));
      p.closePath();
      p.fill();
    }
    if (this.data.asset !== "vocals" || lane !== this.lanes?.wave) return;
    this.shadeBetween(this.data.sung, lane);
  }

  // [x, level] of what is seen, one for each column or, where these stand too close, the highest of every pixel.
  columns(part, n, duration) {
    const rate = n / duration, first = Math.max(0, Math.floor(this.from * rate) - 1), last = Math.min(n, Math.ceil(this.to * rate) + 1);
    const step = Math.max(1, Math.floor(rate / this.scale));
    const found = [];
    for (let i = first - (first % step); i < last; i += step) {
      let level = 0;
      for (let k = i; k < Math.min(i + step, n); k++) level = Math.max(level, this.data.wave[2 * k + part]);
      found.push([this.x((i + step / 2) / rate), level]);
    }
    return found;
  }

  shadeBetween(spans, lane) {
    const { p } = this;
    p.fillStyle = this.ink["--card"];
    p.globalAlpha = 0.72;
    let before = 0;
    for (const [start, end] of [...spans, [this.data.duration, this.data.duration]]) {
      const x = Math.max(0, this.x(before)), to = Math.min(this.width, this.x(start));
      if (to > x) p.fillRect(x, lane.y, to - x, lane.height);
      before = end;
    }
    p.globalAlpha = 1;
  }

  drawBeats({ beats: lane }) {
    if (!lane) return;
    const { p } = this, width = Math.max(1, Math.min(5, this.beatGap * this.scale * 0.25));
    for (const [t, strength, bar] of this.seen(this.data.beats)) {
      const height = 4 + strength * (lane.height - 4);
      p.fillStyle = this.ink[bar ? "--beat" : "--muted"];
      p.globalAlpha = bar ? 1 : 0.65;
      p.fillRect(this.x(t) - width / 2, lane.y + lane.height - height, width, height);
    }
    p.globalAlpha = 1;
  }

  drawOnsets({ onsets: lane }) {
    if (!lane) return;
    const { p } = this;
    p.fillStyle = this.ink["--text"];
    for (const [t, strength] of this.seen(this.data.onsets)) {
      const height = Math.max(2, strength * lane.height);
      p.globalAlpha = 0.25 + 0.6 * strength;
      p.fillRect(this.x(t) - 0.5, lane.y + lane.height - height, 1.2, height);
    }
    p.globalAlpha = 1;
  }

  drawEnergy({ energy: lane }) {
    if (!lane) return;
    const { p } = this, bottom = lane.y + lane.height;
    const points = this.data.energy, first = Math.max(0, firstFrom(points, this.from) - 1);
    p.beginPath();
    let x = 0;
    for (let i = first; i < points.length; i++) {
      x = this.x(points[i][0]);
      p.lineTo(x, bottom - points[i][1] * (lane.height - 2));
      if (points[i][0] > this.to) break;
    }
    p.strokeStyle = this.ink["--energy"];
    p.lineWidth = 1.6;
    p.lineJoin = "round";
    p.stroke();
    p.lineTo(x, bottom);
    p.lineTo(this.x(points[first][0]), bottom);
    p.fillStyle = this.ink["--energy"];
    p.globalAlpha = 0.16;
    p.fill();
    p.globalAlpha = 1;
  }

  drawVoice({ voice: lane }) {
    if (!lane) return;
    this.p.fillStyle = this.ink["--grid"];
    this.p.fillRect(0, lane.y + lane.height / 2, this.x(this.data.duration), 1);
    this.p.fillStyle = this.ink["--voice"];
    for (const [start, end] of this.seen(this.data.sung, 0, 1)) round(this.p, this.x(start), lane.y, Math.max(1, (end - start) * this.scale), lane.height);
  }

  // A box for each stretch with its text, cut short where it would reach the next one.
  boxes(lane, entries, start, end, fill, size) {
    if (!lane) return;
    const { p } = this;
    p.font = `${size}px ${this.family}`;
    const seen = this.seen(entries, start, end);
    for (const [i, entry] of seen.entries()) {
      const x = this.x(entry[start]), next = i + 1 < seen.length ? this.x(seen[i + 1][start]) : Infinity;
      const width = Math.max(1, (entry[end] - entry[start]) * this.scale - 1);
      p.fillStyle = fill(entry);
      round(p, x, lane.y, width, lane.height);
      const left = Math.max(x, 0) + 4, room = x + width - left - 3;
      let shown = room > 0 ? fitting(p, entry[0], next - left - 3) : "";
      if (p.measureText(shown).width * 0.6 > width) shown = fitting(p, entry[0], room); // not beside a box that is hardly seen
      p.fillStyle = this.ink["--text"];
      if (shown) p.fillText(shown, left, lane.y + lane.height / 2 + 1);
    }
  }

  // On the page of a scene the rest of the song stands back.
  shadeOthers(lanes) {
    if (!this.scene) return;
    const [, start, end] = this.scene, { p } = this, bottom = lanes.axis.y - 4;
    p.fillStyle = this.ink["--card"];
    p.globalAlpha = 0.62;
    const left = Math.max(0, this.x(start)), right = Math.min(this.width, this.x(end));
    if (left > 0) p.fillRect(0, 0, left, bottom);
    if (right < this.width) p.fillRect(right, 0, this.width - right, bottom);
    p.globalAlpha = 1;
  }

  // The name of a lane at the left, on a ground that keeps it apart from what it lies on; that of the page is stressed.
  note(text, asset, lane) {
    const { p } = this, isOwn = this.data.asset === asset;
    p.font = `${isOwn ? "700 " : ""}11px ${this.family}`;
    const y = lane.y + Math.min(7, lane.height / 2);
    p.fillStyle = this.ink["--card"];
    p.globalAlpha = 0.85;
    round(p, 0, y - 8, p.measureText(text).width + 8, 16);
    p.globalAlpha = 1;
    p.fillStyle = this.ink[isOwn ? "--accent" : "--muted"];
    p.fillText(text, 4, y);
  }

  // All of the song in one strip; `window` is the stretch that the lanes show.
  drawOverview(canvas, width, window, now) {
    const height = 74, { data } = this, scenes = data.scenes.length ? 7 : 0;
    const p = this.pen(canvas, width, height);
    Object.assign(this, { p, from: 0, scale: width / data.duration, to: data.duration, width });
    const body = { y: 0, height: height - scenes - (scenes ? 3 : 0) };
    for (const [name, start, end, label] of data.sections) {
      const x = this.x(start), wide = (end - start) * this.scale;
      p.fillStyle = this.labelColour(label);
      p.globalAlpha = 0.28;
      p.fillRect(x, 0, Math.max(1, wide - 1), body.height);
      p.globalAlpha = 1;
      p.font = `10px ${this.family}`;
      p.fillStyle = this.ink["--text"];
      p.fillText(fitting(p, name, wide - 6), x + 4, 8);
    }
    this.drawWave({ y: data.sections.length ? 14 : 2, height: body.height - (data.sections.length ? 15 : 4) }, 0.3);
    for (const [id, start, end, type] of data.scenes) {
      p.fillStyle = this.ink[type === "performance" ? "--performance" : "--broll"];
      p.globalAlpha = !data.scene || data.scene === id ? 1 : 0.4;
      p.fillRect(this.x(start), height - scenes, Math.max(1, (end - start) * this.scale - 1), scenes);
    }
    p.globalAlpha = 1;
    const [left, right] = [Math.max(0, this.x(window[0])), Math.min(width, this.x(window[1]))];
    if (right - left < width - 1) {
      p.fillStyle = this.ink["--card"];
      p.globalAlpha = 0.55;
      p.fillRect(0, 0, left, body.height);
      p.fillRect(right, 0, width - right, body.height);
      p.globalAlpha = 1;
      p.strokeStyle = this.ink["--accent"];
      p.lineWidth = 1.5;
      p.strokeRect(left + 0.75, 0.75, Math.max(2, right - left - 1.5), body.height - 1.5);
    }
    p.fillStyle = this.ink["--beat"];
    p.fillRect(this.x(now) - 1, 0, 2, height);
  }
}

function round(pen, x, y, width, height) {
  pen.beginPath();
  pen.roundRect(x, y, Math.max(0.5, width), height, Math.max(0, Math.min(4, width / 2)));
  pen.fill();
}

function fitting(pen, text, width) {
  if (width < 8) return "";
  if (pen.measureText(text).width <= width) return text;
  let cut = Math.min(text.length - 1, Math.ceil(width / 4));
  while (cut > 1 && pen.measureText(`${text.slice(0, cut)}…`).width > width) cut--;
  return cut > 1 ? `${text.slice(0, cut)}…` : "";
}

export function clock(t, digits = 3) {
  const whole = Math.round(t * 10 ** digits), minute = 60 * 10 ** digits;
  const seconds = ((whole % minute) / 10 ** digits).toFixed(digits);
  return `${Math.floor(whole / minute)}:${seconds.padStart(digits ? digits + 3 : 2, "0")}`;
}
