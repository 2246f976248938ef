// Clips have no sound of their own: they play with their stretch of the song, or with the voice the page has a player for.
const videos = [...document.querySelectorAll("video.clip")];
const player = document.getElementById("audio");
const box = document.getElementById("takes") ?? videos[0];
const at = player ? 0 : Number(box?.dataset.at ?? 0);
const withSong = document.getElementById("with-song");
const speed = document.getElementById("clip-speed");
const TOLERANCE_S = 0.08; // two frames: below that nobody sees it, and every correction is a jump
let leader = null; // the clip that the sound follows

const sound = player ?? songOf(box?.dataset.sound);

function songOf(url) {
  if (!url) return null;
  const song = new Audio();
  song.preload = "none";
  song.src = url;
  return song;
}

const wantsSound = () => sound && (player || !withSong || withSong.checked);

function start(media) {
  if (media.paused) media.play().catch(() => {});
}

function align(media, time) {
  if (Math.abs(media.currentTime - time) > TOLERANCE_S) media.currentTime = Math.max(0, time);
}

// --- the sound follows the clip ---

function follow(video) {
  video.addEventListener("play", () => {
    if (!leader || leader.paused || videos.length === 1) leader = video;
    if (leader !== video || !wantsSound()) return;
    align(sound, at + video.currentTime);
    start(sound);
  });
  video.addEventListener("seeking", () => { // also when it begins again
    if (leader === video && wantsSound()) align(sound, at + video.currentTime);
  });
  video.addEventListener("pause", () => {
    if (leader === video && sound && !video.seeking) sound.pause();
  });
  video.addEventListener("timeupdate", () => {
    if (leader !== video || video.paused || video.seeking || !wantsSound() || sound.paused) return;
    align(video, sound.currentTime - at);
  });
  video.addEventListener("ratechange", () => {
    if (leader === video && sound && !player) sound.playbackRate = video.playbackRate;
  });
}

videos.forEach(follow);

withSong?.addEventListener("change", () => {
  if (!withSong.checked) sound?.pause();
  else if (leader && !leader.paused && sound) {
    align(sound, at + leader.currentTime);
    start(sound);
  }
});
speed?.addEventListener("change", () => { for (const video of videos) video.playbackRate = Number(speed.value); });

// --- the page's own player leads the clip as well ---

if (player && videos.length) {
  const [video] = videos;
  video.muted = true;
  leader = video;
  player.addEventListener("play", () => { align(video, player.currentTime); start(video); });
  player.addEventListener("pause", () => video.pause());
  player.addEventListener("seeking", () => align(video, player.currentTime));
  player.addEventListener("ratechange", () => { video.playbackRate = player.playbackRate; });
  player.addEventListener("ended", () => video.pause());
}

// --- all at once ---

const all = document.getElementById("play-all");
const word = all?.textContent;

all?.addEventListener("click", () => {
  if (videos.some((video) => !video.paused)) {
    for (const video of videos) video.pause();
    return;
  }
  [leader] = videos;
  for (const video of videos) { video.currentTime = 0; start(video); }
});
for (const name of ["play", "pause"]) {
  document.addEventListener(name, () => {
    if (!all) return;
    const isOn = videos.some((video) => !video.paused);
    all.classList.toggle("on", isOn);
    all.textContent = isOn ? "Stop" : word;
  }, true);
}

// --- one frame, and what can not be played ---

function step(by) {
  const [video] = videos, fps = Number(video.dataset.fps) || 24;
  video.pause();
  video.currentTime = Math.max(0, (Math.floor(video.currentTime * fps + 1e-3) + by + 0.5) / fps);
}

document.getElementById("frame-back")?.addEventListener("click", () => step(-1));
document.getElementById("frame-on")?.addEventListener("click", () => step(1));
document.addEventListener("error", (event) => {
  const note = document.getElementById("clip-unplayable");
  if (note && event.target.closest?.("video")) note.hidden = false;
}, true);
