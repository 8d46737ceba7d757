// FACS notation: how a code is written. It repeats `facs.NOTATION` of Python; a test compares them.

export const FACS = {
  "written": "{side}{au}{intensity}",
  "sides": [
    "L",
    "R",
    "U",
    "T",
    "B"
  ],
  "lipSides": [
    "T",
    "B"
  ],
  "lipUnits": [
    "8",
    "18",
    "22",
    "23",
    "24",
    "25",
    "28",
    "32"
  ],
  "intensities": [
    "A",
    "B",
    "C",
    "D",
    "E"
  ]
};
