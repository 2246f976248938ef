// Clicks on the beats of a playing sound, so that a beat grid can be heard. Times are the sound's.
import { firstFrom } from "./song_lanes.js";

const AHEAD_S = 0.2, EVERY_MS = 50;

export class Metronome {
  constructor(audio, beats) {
    this.audio = audio;
    this.beats = beats;
    this.timer = null;
    for (const name of ["seeking", "pause", "ratechange"]) audio.addEventListener(name, () => this.forget());
  }

  set(isOn) {
    clearInterval(this.timer);
    this.forget();
    if (!isOn) return;
    this.context ??= new AudioContext();
    this.context.resume();
    this.timer = setInterval(() => this.plan(), EVERY_MS);
  }

  // Clicks that were planned for a place where the sound no longer is do not sound.
  forget() {
    for (const click of this.planned ?? []) click.stop();
    this.planned = [];
    this.done = -Infinity;
  }

  plan() {
    const { audio, context } = this;
    if (audio.paused || audio.seeking) return;
    const now = audio.currentTime;
    for (let i = firstFrom(this.beats, now - 0.01); i < this.beats.length; i++) {
      const [t, , bar] = this.beats[i];
      if (t <= this.done) continue;
      if (t > now + AHEAD_S * audio.playbackRate) break;
      // The sound's time is what is heard now, the context's what is heard after its latency.
      const when = context.currentTime + (t - now) / audio.playbackRate - (context.outputLatency || 0);
      this.click(Math.max(context.currentTime, when), Boolean(bar));
      this.done = t;
    }
  }

  click(when, isDownbeat) {
    const { context } = this, tone = context.createOscillator(), level = context.createGain();
    tone.frequency.value = isDownbeat ? 1760 : 1175;
    level.gain.setValueAtTime(0, when);
    level.gain.linearRampToValueAtTime(isDownbeat ? 0.5 : 0.3, when + 0.001);
    level.gain.exponentialRampToValueAtTime(0.001, when + 0.05);
    tone.connect(level).connect(context.destination);
    tone.start(when);
    tone.stop(when + 0.06);
    this.planned.push(tone);
    tone.onended = () => { this.planned = this.planned.filter((other) => other !== tone); };
  }
}
