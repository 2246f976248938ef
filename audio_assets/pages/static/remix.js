// A remix beside its source: one plays at a time, and the source shows where it is.
import { colour } from "./song_lanes.js";

document.addEventListener("play", (event) => {
  for (const other of document.querySelectorAll("audio")) if (other !== event.target) other.pause();
}, true);

const canvas = document.getElementById("before"), source = document.getElementById("source");
const wave = canvas ? JSON.parse(document.getElementById("source-wave").textContent) : [];

function draw() {
  const width = canvas.parentElement.querySelector("audio").clientWidth, height = wave.length ? 72 : 0;
  const ratio = window.devicePixelRatio || 1, n = wave.length / 2;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext("2d"), played = (source.currentTime / (source.duration || 1)) * width;
  pen.scale(ratio, ratio);
  for (let x = 0; x < width; x++) {
    let level = 0;
    for (let i = Math.floor((x / width) * n); i < ((x + 1) / width) * n; i++) level = Math.max(level, wave[2 * i]);
    pen.fillStyle = colour(x < played ? "--wave" : "--wave-past");
    pen.fillRect(x, height / 2 - (level / 100) * (height / 2), 1, Math.max(1, (level / 100) * height));
  }
}

if (canvas) {
  canvas.addEventListener("click", (event) => {
    const box = canvas.getBoundingClientRect();
    if (source.duration) source.currentTime = ((event.clientX - box.left) / box.width) * source.duration;
  });
  for (const name of ["timeupdate", "seeked", "loadedmetadata"]) source.addEventListener(name, draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new ResizeObserver(draw).observe(canvas.parentElement);
}
