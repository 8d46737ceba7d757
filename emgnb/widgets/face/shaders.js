// The shaders of the head. Colours are painted by position at rest, so that they move with the skin. What changes
// slowly over the skin is known for each vertex (`tones`), and each kind of surface has a shader with its own parts
// only: without a graphics card, every line costs time in each pixel.

/** Kinds of surface: skin, skin with brows or lips, eyes, teeth and tongue. */
export const KINDS = ["DETAIL", "SKIN", "EYE", "MOUTH"];

export const VERTEX = `
attribute vec3 position, normal, rest;
attribute vec3 surface; // part, shade, light of muscles
attribute vec4 tone;    // colour of the skin; 0 where the neck ends, 1 where it is solid
uniform mat4 view;
uniform mat3 turn;
varying vec3 vNormal, vRest, vSurface, vToEye;
varying vec4 vTone;
void main() {
  vNormal = turn * normal;
  vRest = rest;
  vSurface = surface;
  vToEye = normalize(vec3(0.0, 0.0, 700.0) - turn * position);
  vTone = tone;
  gl_Position = view * vec4(position, 1.0);
}`;

const FRAGMENT = `
precision mediump float;
varying vec3 vNormal, vRest, vSurface, vToEye;
varying vec4 vTone;
uniform vec4 eye;      // of the left eye: centre and radius, mm
uniform float grey;    // 1 while there are no values
uniform float dark;    // 1 on a dark page
uniform vec3 glow;     // colour of an active muscle

#ifdef DETAIL
float brow(vec3 at) {
  float x = abs(at.x), along = (x - 10.0) / 44.0;
  float middle = 19.0 + 15.0 * along - 13.5 * along * along;
  float thick = mix(4.2, 1.2, smoothstep(0.25, 1.0, along)) * smoothstep(-0.05, 0.08, along) * (1.0 - smoothstep(0.92, 1.05, along));
  return thick < 0.1 ? 0.0 : (1.0 - smoothstep(0.35 * thick, thick, abs(at.y - middle)));
}

float lip(vec3 at) { // 1 on the red of the lips
  float along = abs(at.x) / 26.5, above = at.y + 58.8 - 1.5 * along * along;
  float round_ = max(0.0, 1.0 - along * along);
  float edge = above > 0.0 ? 10.8 * pow(round_, 0.9) - 1.6 * exp(-60.0 * along * along) : 12.5 * pow(round_, 0.7);
  return smoothstep(-1.2, 1.2, edge - abs(above)) * smoothstep(-22.0, -14.0, at.z) * (1.0 - smoothstep(0.9, 1.0, along));
}
#endif

#ifdef EYE
vec3 eyeball(vec3 at) {
  vec3 out_ = normalize(vec3(abs(at.x), at.yz) - eye.xyz);
  float away = length(out_.xy);
  if (out_.z < 0.0) away = 1.0;
  vec3 white = mix(vec3(0.93, 0.91, 0.89), vec3(0.80, 0.70, 0.66), smoothstep(0.5, 1.0, away));
  vec3 iris = mix(vec3(0.45, 0.33, 0.17), vec3(0.20, 0.25, 0.22), smoothstep(0.2, 0.43, away));
  iris = mix(iris, vec3(0.10, 0.10, 0.09), smoothstep(0.36, 0.44, away));
  vec3 tone = mix(iris, white, smoothstep(0.42, 0.47, away));
  return mix(vec3(0.02), tone, smoothstep(0.16, 0.20, away));
}
#endif

void main() {
  vec3 n = normalize(vNormal), toEye = vToEye, tone = vTone.rgb;
  if (dot(n, toEye) < 0.0) n = -n;
  float shade = vSurface.y, gloss = 0.10;
#ifdef DETAIL
  float red = lip(vRest);
  tone = mix(mix(tone, vec3(0.69, 0.37, 0.36), 0.8 * red), vec3(0.16, 0.10, 0.08), 0.85 * brow(vRest));
  gloss += 0.14 * red;
#endif
#ifdef MOUTH
  if (vSurface.x > 2.5) tone = vec3(0.72, 0.38, 0.37);
  else { tone = vec3(0.90, 0.87, 0.80); n = mix(n, toEye, 0.8); }
#endif
#ifdef EYE
  tone = eyeball(vRest);
  gloss = 0.7;
  shade = mix(0.55, 1.0, shade);
#endif

  vec3 key = normalize(vec3(0.55, 0.55, 0.75)), fill = normalize(vec3(-0.75, 0.10, 0.55));
  float wrap = max(0.0, (dot(n, key) + 0.35) / 1.35);
  vec3 light = vec3(1.0, 0.96, 0.90) * 0.78 * wrap * wrap;
  light += vec3(0.72, 0.82, 1.0) * 0.26 * max(0.0, dot(n, fill) * 0.7 + 0.3);
  light += vec3(0.62, 0.60, 0.62) * (0.5 + 0.5 * n.y) * 0.42 + 0.20;
  vec3 soft = mix(vec3(1.0, 0.72, 0.62), vec3(1.0), smoothstep(0.2, 0.9, shade)); // light inside skin is red
  vec3 colour = tone * light * soft * (1.12 * mix(0.25, 1.0, shade));
  float s = max(0.0, dot(n, normalize(key + toEye))), s2 = s * s, s4 = s2 * s2, s8 = s4 * s4, s16 = s8 * s8;
  float spot = s16 * s2; // to the power of 18, of eyes 90
#ifdef EYE
  float s32 = s16 * s16;
  spot *= s32 * s32 * s8;
#endif
  colour += gloss * shade * spot * vec3(1.0, 0.97, 0.94);
  float rim = 1.0 - max(0.0, dot(n, toEye));
  colour += (0.10 + 0.12 * dark) * shade * rim * rim * rim * vec3(0.80, 0.88, 1.0);

  colour = mix(colour, glow * (0.55 + 0.45 * wrap), clamp(vSurface.z, 0.0, 1.0) * 0.7);
  float plain = dot(colour, vec3(0.3, 0.59, 0.11));
  colour = mix(colour, mix(vec3(plain), vec3(0.5), 0.35), grey);
  gl_FragColor = vec4(colour, 1.0) * smoothstep(0.0, 1.0, vTone.a);
}`;

/**
 * Return the shader of a kind of surface.
 * @param {string} kind one of `KINDS`
 */
export const fragmentOf = (kind) => `#define ${kind}${FRAGMENT}`;
