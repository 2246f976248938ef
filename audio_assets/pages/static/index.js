// The index: one row plays at a time.
const audio = new Audio();
let playing = null;

function mark(button) {
  playing?.classList.remove("on");
  playing = button;
  playing?.classList.add("on");
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-sound]");
  if (!button) return;
  if (button === playing) {
    audio.pause();
    return;
  }
  audio.src = button.dataset.sound;
  mark(button);
  audio.play().catch(() => mark(null));
});
audio.addEventListener("pause", () => mark(null));
audio.addEventListener("ended", () => mark(null));
