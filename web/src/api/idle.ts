// When somebody did something on this page last: the server ends a session that only pages keep asking with.

let last = Date.now();

const did = (): void => {
  last = Date.now();
};

for (const event of ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"]) {
  window.addEventListener(event, did, { capture: true, passive: true });
}

/** For how many whole seconds nobody has done anything here. */
export function idleSeconds(): number {
  return Math.max(0, Math.floor((Date.now() - last) / 1000));
}
