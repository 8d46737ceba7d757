// Draw the head with WebGL.
import { FRAGMENT, VERTEX } from "./shaders.js";

const NECK = -170; // mm
const AWAY = 700, CENTRE = [0, -26, -55]; // mm: distance of the camera, and the point it looks at
const HIGH = 146; // mm above and below the centre that are in view

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

function program(gl) {
  const made = gl.createProgram();
  gl.attachShader(made, shader(gl, gl.VERTEX_SHADER, VERTEX));
  gl.attachShader(made, shader(gl, gl.FRAGMENT_SHADER, FRAGMENT));
  gl.linkProgram(made);
  return made;
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
    this.count = head.triangle.length;
    this.surface = new Float32Array(3 * head.part.length);
    head.part.forEach((part, k) => this.surface.set([part, head.shade[k] / 255, 0], 3 * k));
    this.gl = canvas.getContext("webgl", { antialias: !isSoftware(), alpha: true, preserveDrawingBuffer: true });
    if (this.gl) this.prepare();
  }
  get works() { return this.gl !== null && !this.gl.isContextLost(); }

  prepare() { // also after the context was lost
    const { gl, head } = this;
    this.program = program(gl);
    gl.useProgram(this.program);
    this.uniforms = Object.fromEntries(["view", "turn", "eye", "grey", "dark", "glow", "neck"].map((name) => [name, gl.getUniformLocation(this.program, name)]));
    this.buffers = { position: this.attribute("position", 3), normal: this.attribute("normal", 3), rest: this.attribute("rest", 3), surface: this.attribute("surface", 3) };
    this.fill("rest", head.rest);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, head.triangle, gl.STATIC_DRAW);
    gl.enable(gl.DEPTH_TEST);
    gl.clearColor(0, 0, 0, 0);
    gl.uniform4fv(this.uniforms.eye, this.eye);
    gl.uniform1f(this.uniforms.neck, NECK);
  }
  attribute(name, size) {
    const { gl } = this, buffer = gl.createBuffer(), at = gl.getAttribLocation(this.program, name);
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
    const { gl, canvas, uniforms } = this, turn = turned(yaw, pitch);
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.uniformMatrix3fv(uniforms.turn, false, turn);
    gl.uniformMatrix4fv(uniforms.view, false, projection(turn, canvas.width / canvas.height));
    gl.uniform1f(uniforms.grey, grey);
    gl.uniform1f(uniforms.dark, dark ? 1 : 0);
    gl.uniform3fv(uniforms.glow, glow);
    gl.drawElements(gl.TRIANGLES, this.count, gl.UNSIGNED_SHORT, 0);
  }
}
