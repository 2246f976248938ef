// A mouth in two dimensions. Each of Rhubarb's nine shapes is a handful of numbers, so that one moves into the next.
// width, open: of the gap between the lips. lip: thickness. top, bottom: how far the teeth show, as a part of the gap.
// tongue: how high it stands, 0 (not seen) to 1. bite: upper teeth on the lower lip.
const SHAPES = {
  X: { width: 62, open: 0, lip: 9, top: 0, bottom: 0, tongue: 0, bite: 0, corner: 0 },
  A: { width: 58, open: 0, lip: 6.5, top: 0, bottom: 0, tongue: 0, bite: 0, corner: 1 },
  B: { width: 70, open: 13, lip: 8, top: 0.52, bottom: 0.48, tongue: 0, bite: 0, corner: -2 },
  C: { width: 66, open: 27, lip: 8.5, top: 0.3, bottom: 0, tongue: 0.35, bite: 0, corner: 0 },
  D: { width: 66, open: 50, lip: 9, top: 0.2, bottom: 0, tongue: 0.4, bite: 0, corner: 0 },
  E: { width: 37, open: 29, lip: 11, top: 0.16, bottom: 0, tongue: 0.3, bite: 0, corner: 0 },
  F: { width: 20, open: 14, lip: 12, top: 0, bottom: 0, tongue: 0, bite: 0, corner: 0 },
  G: { width: 60, open: 8, lip: 8.5, top: 0.9, bottom: 0, tongue: 0, bite: 1, corner: 0 },
  H: { width: 62, open: 30, lip: 8.5, top: 0.24, bottom: 0, tongue: 0.9, bite: 0, corner: 0 },
};
const SVG = "http://www.w3.org/2000/svg";

function element(parent, name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent.append(made);
  return made;
}

const point = (x, y) => `${x.toFixed(1)} ${y.toFixed(1)}`;

// How far the gap reaches up and down from the line between the corners: the jaw goes down further than the lip goes up.
const reach = ({ open }) => ({ up: open * 0.42, down: open * 0.58 });

function gap(m) {
  const w = m.width / 2, { up, down } = reach(m);
  return `M ${point(-w, m.corner)} C ${point(-w * 0.75, -up * 0.8)} ${point(-w * 0.3, -up * 1.06)} ${point(0, -up * 0.96)}` +
    ` C ${point(w * 0.3, -up * 1.06)} ${point(w * 0.75, -up * 0.8)} ${point(w, m.corner)}` +
    ` C ${point(w * 0.8, down * 0.9)} ${point(w * 0.4, down)} ${point(0, down)}` +
    ` C ${point(-w * 0.4, down)} ${point(-w * 0.8, down * 0.9)} ${point(-w, m.corner)} Z`;
}

// The gap with a rim around it: the upper lip has its bow, the lower one is fuller.
function lips(m) {
  const w = m.width / 2 + m.lip * 0.7, { up, down } = reach(m);
  const top = -up - m.lip, bow = -up - m.lip * 0.72, bottom = down + m.lip * 1.2;
  return `M ${point(-w, m.corner)} C ${point(-w * 0.68, -up * 0.7 - m.lip * 0.45)} ${point(-w * 0.42, top)} ${point(-w * 0.19, top)}` +
    ` Q ${point(-w * 0.08, top)} ${point(0, bow)} Q ${point(w * 0.08, top)} ${point(w * 0.19, top)}` +
    ` C ${point(w * 0.42, top)} ${point(w * 0.68, -up * 0.7 - m.lip * 0.45)} ${point(w, m.corner)}` +
    ` C ${point(w * 0.78, down * 0.85 + m.lip * 0.6)} ${point(w * 0.4, bottom)} ${point(0, bottom)}` +
    ` C ${point(-w * 0.4, bottom)} ${point(-w * 0.78, down * 0.85 + m.lip * 0.6)} ${point(-w, m.corner)} Z`;
}

export class Mouth {
  constructor(svg) {
    const clip = element(element(svg, "defs", {}), "clipPath", { id: "gap" });
    this.clip = element(clip, "path", {});
    this.lips = element(svg, "path", { fill: "#c8626a" });
    this.gap = element(svg, "path", { fill: "#4a1a20" });
    const inside = element(svg, "g", { "clip-path": "url(#gap)" });
    this.tongue = element(inside, "ellipse", { cx: 0, fill: "#d9707a" });
    this.bottom = element(inside, "rect", { x: -40, width: 80, fill: "#f1ede6" });
    this.top = element(inside, "rect", { x: -40, width: 80, fill: "#fbf9f5" });
    this.bite = element(svg, "rect", { fill: "#fbf9f5", rx: 2.5 });
    this.seam = element(svg, "path", { fill: "none", stroke: "#7d333b", "stroke-width": 1.6, "stroke-linecap": "round" });
    this.now = { ...SHAPES.X };
    this.draw();
  }

  // Move towards a shape for `elapsed` seconds; `jaw` (0 to 1, or null) says how far it opens. Half of the way takes 25 ms.
  move(shape, jaw, elapsed) {
    const aim = SHAPES[shape] ?? SHAPES.X;
    const share = 1 - 0.5 ** (elapsed / 0.025);
    for (const key of Object.keys(aim)) {
      const value = key === "open" && jaw !== null ? aim.open * (0.75 + 0.4 * jaw) : aim[key];
      this.now[key] += (value - this.now[key]) * share;
    }
    this.draw();
  }

  draw() {
    const m = this.now, up = -reach(m).up, down = reach(m).down, height = down - up;
    const path = gap(m);
    this.lips.setAttribute("d", lips(m));
    this.gap.setAttribute("d", path);
    this.clip.setAttribute("d", path);
    this.top.setAttribute("y", up - 4);
    this.top.setAttribute("height", Math.max(0, m.top * height + 4));
    this.bottom.setAttribute("y", down - m.bottom * height);
    this.bottom.setAttribute("height", m.bottom * height + 4);
    this.tongue.setAttribute("rx", m.width * (0.3 - 0.08 * Math.max(0, m.tongue - 0.4)));
    this.tongue.setAttribute("ry", Math.max(0.1, height * 0.62 * Math.min(1, m.tongue * 1.4)));
    this.tongue.setAttribute("cy", down + height * 0.25 - Math.max(0, m.tongue - 0.4) * height * 0.45);
    this.tongue.setAttribute("visibility", m.tongue > 0.03 ? "visible" : "hidden");
    this.bite.setAttribute("x", -m.width * 0.3);
    this.bite.setAttribute("width", m.width * 0.6);
    this.bite.setAttribute("y", up * 0.8);
    this.bite.setAttribute("height", height + 2);
    this.bite.setAttribute("opacity", Math.max(0, m.bite * 2 - 1));
    const w = m.width / 2 + m.lip * 0.2;
    this.seam.setAttribute("d", `M ${point(-w, m.corner)} Q ${point(-w * 0.4, -2)} ${point(0, 1)} Q ${point(w * 0.4, -2)} ${point(w, m.corner)}`);
    this.seam.setAttribute("opacity", Math.max(0, 1 - m.open / 4));
  }
}
