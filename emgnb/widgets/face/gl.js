// Draw the head with WebGL.
import { sorted, tones } from "./paint.js";
import { fragmentOf, VERTEX } from "./shaders.js";

const AWAY = 700, CENTRE = [0, -26, -55]; // mm: distance of the camera, and the point it looks at
const HIGH = 146; // mm above and below the centre that are in view
const ATTRIBUTES = { position: 3, normal: 3, rest: 3, surface: 3, tone: 4 }; // numbers for each vertex
const UNIFORMS = ["view", "turn", "eye", "grey", "dark", "glow"];

/**
 * Return the rotation of the head, by columns.
 * @param {number} yaw radians, to the participant's left
 * @param {number} pitch radians, up
 */
export function turned(yaw, pitch) {
  const [cy, sy, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
  return [cy, sp * sy, -cp * sy, 0, cp, sp, sy, -sp * cy, cp * cy];
}

/**
 * Return the matrix from mm to the screen, by columns.
 * @param {number[]} turn rotation, see `turned`
 * @param {number} aspect width over height of the canvas
 */
export function projection(turn, aspect) {
  const near = AWAY - 250, far = AWAY + 250, zoom = AWAY / HIGH, [x, y, z] = CENTRE;
  const row = (k) => [turn[k], turn[3 + k], turn[6 + k], -(turn[k] * x + turn[3 + k] * y + turn[6 + k] * z)];
  const depth = row(2);
  depth[3] -= AWAY; // the camera looks along -z
  const clip = depth.map((value) => (-(far + near) / (far - near)) * value);
  clip[3] -= (2 * far * near) / (far - near);
  const rows = [row(0).map((value) => (value * zoom) / aspect), row(1).map((value) => value * zoom), clip, depth.map((value) => -value)];
  return [0, 1, 2, 3].flatMap((column) => rows.map((each) => each[column]));
}

function shader(gl, kind, text) {
  const made = gl.createShader(kind);
  gl.shaderSource(made, text);
  gl.compileShader(made);
  if (!gl.getShaderParameter(made, gl.COMPILE_STATUS) && !gl.isContextLost()) throw new Error(gl.getShaderInfoLog(made));
  return made;
}

function program(gl, kind) {
  const made = gl.createProgram();
  gl.attachShader(made, shader(gl, gl.VERTEX_SHADER, VERTEX));
  gl.attachShader(made, shader(gl, gl.FRAGMENT_SHADER, fragmentOf(kind)));
  Object.keys(ATTRIBUTES).forEach((name, at) => gl.bindAttribLocation(made, at, name));
  gl.linkProgram(made);
  const uniforms = Object.fromEntries(UNIFORMS.map((name) => [name, gl.getUniformLocation(made, name)]));
  return { made, uniforms };
}

/** Return whether the browser draws without a graphics card, where smooth edges cost four times as much. */
function isSoftware() {
  const gl = document.createElement("canvas").getContext("webgl");
  const name = gl?.getExtension("WEBGL_debug_renderer_info");
  const software = Boolean(name) && /swiftshader|llvmpipe|software/i.test(gl.getParameter(name.UNMASKED_RENDERER_WEBGL));
  gl?.getExtension("WEBGL_lose_context")?.loseContext();
  return software;
}

/** The head on a canvas. */
export class Painter {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {import("./head.js").Head} head
   * @param {number[]} eye sphere of the left eye
   */
  constructor(canvas, head, eye) {
    this.canvas = canvas; this.head = head; this.eye = eye;
    this.order = sorted(head);
    this.surface = new Float32Array(3 * head.part.length);
    head.part.forEach((part, k) => this.surface.set([part, head.shade[k] / 255, 0], 3 * k));
    this.gl = canvas.getContext("webgl", { antialias: !isSoftware(), alpha: true, preserveDrawingBuffer: true });
    if (this.gl) this.prepare();
  }
  get works() { return this.gl !== null && !this.gl.isContextLost(); }

  prepare() { // also after the context was lost
    const { gl, head } = this;
    this.programs = this.order.kinds.map(({ kind, first, count }) => ({ first, count, ...program(gl, kind) }));
    this.buffers = Object.fromEntries(Object.entries(ATTRIBUTES).map(([name, size], at) => [name, this.attribute(at, size)]));
    this.fill("rest", head.rest);
    this.fill("tone", tones(head));
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, this.order.triangle, gl.STATIC_DRAW);
    gl.enable(gl.DEPTH_TEST);
    gl.clearColor(0, 0, 0, 0);
  }
  attribute(at, size) {
    const { gl } = this, buffer = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, size, gl.FLOAT, false, 0, 0);
    return buffer;
  }
  fill(name, values) {
    const { gl } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[name]);
    gl.bufferData(gl.ARRAY_BUFFER, values, gl.DYNAMIC_DRAW);
  }
  /** @param {import("./head.js").Surface} surface */
  move(surface) {
    this.fill("position", surface.position);
    this.fill("normal", surface.normal);
  }
  /** @param {Float32Array} light of each vertex */
  light(light) {
    const { surface } = this;
    for (let k = 0; k < light.length; k++) surface[3 * k + 2] = light[k];
    this.fill("surface", surface);
  }
  /** @param {{yaw: number, pitch: number, grey: number, dark: boolean, glow: number[]}} look */
  draw({ yaw, pitch, grey, dark, glow }) {
    const { gl, canvas } = this, turn = turned(yaw, pitch), view = projection(turn, canvas.width / canvas.height);
    gl.viewport(0, 0, canvas.width, canvas.height);
    // The back of a surface is seen from below only, inside the neck.
    if (pitch < 0) gl.disable(gl.CULL_FACE);
    else gl.enable(gl.CULL_FACE);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    for (const { made, uniforms, first, count } of this.programs) {
      gl.useProgram(made);
      gl.uniformMatrix3fv(uniforms.turn, false, turn);
      gl.uniformMatrix4fv(uniforms.view, false, view);
      gl.uniform4fv(uniforms.eye, this.eye);
      gl.uniform1f(uniforms.grey, grey);
      gl.uniform1f(uniforms.dark, dark ? 1 : 0);
      gl.uniform3fv(uniforms.glow, glow);
      gl.drawElements(gl.TRIANGLES, count, gl.UNSIGNED_SHORT, 2 * first);
    }
  }
}
