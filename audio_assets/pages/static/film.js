// The film: sections and scenes lead to their place in it, and those that are playing are marked.
const video = document.getElementById("clip");
const places = [...document.querySelectorAll(".chapters a[data-at], #scene-cards > li[data-at]")];

document.addEventListener("click", (event) => {
  const way = event.target.closest(".chapters a[data-at], #scene-cards button[data-at]");
  if (!way || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  video.currentTime = Number(way.dataset.at) + 0.001; // past the cut, not on it
  video.play().catch(() => {});
  video.scrollIntoView({ block: "nearest" });
});

function mark() {
  const now = video.currentTime;
  for (const place of places) {
    const isOn = Number(place.dataset.at) <= now && now < Number(place.dataset.end) && (now > 0 || !video.paused);
    place.classList.toggle("on", isOn);
    if (place.matches("a")) place.toggleAttribute("aria-current", isOn);
  }
}

for (const name of ["timeupdate", "seeked", "play"]) video.addEventListener(name, mark);
video.addEventListener("error", () => { document.getElementById("clip-unplayable").hidden = false; }, true);
