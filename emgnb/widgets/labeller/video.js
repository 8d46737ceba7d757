// Video of the face, next to the signal.
import { make } from "../shared/dom.js";
import { seconds } from "./describe.js";
import { button } from "./dom.js";
/** @typedef {import("./app.js").App} App */

// The browser opens the local file; it is neither uploaded nor stored.
export class Video {
  /** @param {App} app */
  constructor(app) {
    this.app = app; this.offset = 0; this.rate = 30; this.stamps = [];
    this.file = make("input", { type: "file", accept: "video/*", aria: { label: "video file; opened in the browser, not uploaded" } });
    this.file.onchange = () => this.open(this.file.files[0]);
    this.film = make("video", { muted: true, playsInline: true, preload: "auto", aria: { label: "video of the recording" } });
    const number = (name, value, step, title, action) => {
      const box = make("input", { type: "number", value, step, title });
      box.onchange = () => { if (Number.isFinite(box.valueAsNumber)) action(box.valueAsNumber); };
      return [box, make("label", {}, `${name} `, box)];
    };
    const [shift, shiftLabel] = number("offset s", 0, 0.001, "time in the video minus time in the recording", (value) => { this.offset = value; this.show(app.stage.cursor); });
    const [frames, framesLabel] = number("frames/s", 30, 1, "frames per second", (value) => { if (value > 0) this.rate = value; });
    this.shift = shift; this.frames = frames;
    this.playing = button("▶ play", "play or pause (Space)", () => this.toggle());
    this.bar = make("div", { className: "bar" }, this.playing, button("− frame", "previous frame (,)", () => this.step(-1)), button("+ frame", "next frame (.)", () => this.step(1)),
      shiftLabel, button("sync video here", "set the offset so that the frame shown belongs to the cursor", () => this.pin()), framesLabel,
      button("close video", "close the video", () => this.close()));
    this.node = make("div", { className: "video", hidden: true }, this.film, this.bar);
    const named = () => { this.playing.textContent = this.film.paused ? "▶ play" : "⏸ pause"; };
    this.film.onplay = named;
    this.film.onpause = () => { named(); if (this.open_) this.follow(); }; // it played on since the last frame drawn
    this.film.onerror = () => { if (this.film.src) { app.say("this browser cannot play this video; use an MP4 (H.264) or WebM file", true); this.close(); } };
    this.film.onloadeddata = () => { this.show(app.stage.cursor); this.count(); };
  }
  get open_() { return !this.node.hidden; }
  open(file) {
    if (!file) return;
    this.close();
    this.stamps = [];
    this.film.src = URL.createObjectURL(file);
    this.node.hidden = false;
    this.app.resized();
  }
  close() {
    if (this.film.src) URL.revokeObjectURL(this.film.src);
    this.film.pause();
    this.film.removeAttribute("src");
    this.film.load();
    this.node.hidden = true;
    this.app.resized();
  }
  show(t) { if (this.open_ && this.film.paused) this.film.currentTime = Math.max(0, t + this.offset); }
  pin() {
    this.offset = Math.round((this.film.currentTime - this.app.stage.cursor) * 1000) / 1000;
    this.shift.value = this.offset;
    this.app.say(`offset ${this.offset.toFixed(3)} s`);
  }
  toggle() {
    if (!this.open_) return this.app.say("no video: choose a file first");
    if (!this.film.paused) return this.film.pause();
    this.film.play();
    const next = () => {
      if (this.film.paused || this.film.ended) return;
      this.follow();
      requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  }
  follow() { this.app.stage.seek(this.film.currentTime - this.offset, { video: false }); }
  step(by) { // to the middle of a frame, where rounding cannot miss it
    if (!this.open_) return this.app.say("no video: choose a file first");
    this.film.pause();
    const frame = Math.floor(this.film.currentTime * this.rate + 1e-6) + by, t = Math.max(0, (frame + 0.5) / this.rate);
    this.film.currentTime = t;
    this.app.stage.seek(t - this.offset, { video: false });
    this.app.say(`frame ${Math.max(0, frame)}, ${seconds(this.app.stage.cursor)} s`);
  }
  count() { // how many frames a second: the shortest step between two that were shown
    if (!this.film.requestVideoFrameCallback) return;
    const seen = (_, { mediaTime }) => {
      const last = this.stamps.at(-1);
      if (last !== undefined && mediaTime > last) {
        this.stamps.push(mediaTime);
        const steps = this.stamps.slice(1).map((t, i) => t - this.stamps[i]).sort((a, b) => a - b);
        if (steps.length === 20) {
          const rate = Math.round(100 / steps[10]) / 100;
          if (rate > 5 && rate < 500) { this.rate = rate; this.frames.value = rate; }
        }
      } else if (last === undefined) this.stamps.push(mediaTime);
      if (this.open_ && this.stamps.length < 21) this.film.requestVideoFrameCallback(seen);
    };
    this.film.requestVideoFrameCallback(seen);
  }
}
