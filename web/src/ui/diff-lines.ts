/** One line of two texts that are compared: only in the one before, only in the one after, or in both. */
interface DiffLine {
  sign: "-" | "+" | " ";
  text: string;
}

/** How many lines around a change are shown. */
const around = 3;

/** Up to this many pairs of lines are compared; beyond, the one text is taken away and the other added. */
const comparable = 4_000_000;

/** What leads from one text to the other, line by line, with the fewest lines taken away and added. */
export function diffLines(before: string, after: string): DiffLine[] {
  const [a, b] = [linesOf(before), linesOf(after)];
  let first = 0;
  while (first < a.length && first < b.length && a[first] === b[first]) first++;
  let last = 0;
  while (last < a.length - first && last < b.length - first && a[a.length - 1 - last] === b[b.length - 1 - last]) last++;
  const unchanged = (text: string): DiffLine => ({ sign: " ", text });
  return [
    ...a.slice(0, first).map(unchanged),
    ...changedLines(a.slice(first, a.length - last), b.slice(first, b.length - last)),
    ...a.slice(a.length - last).map(unchanged),
  ];
}

function changedLines(a: string[], b: string[]): DiffLine[] {
  if (a.length * b.length > comparable) {
    return [...a.map((text): DiffLine => ({ sign: "-", text })), ...b.map((text): DiffLine => ({ sign: "+", text }))];
  }
  const common = commonLengths(a, b);
  const out: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      out.push({ sign: " ", text: a[i] ?? "" });
      i++;
      j++;
    } else if (i < a.length && (j >= b.length || lengthAt(common, i + 1, j) >= lengthAt(common, i, j + 1))) {
      out.push({ sign: "-", text: a[i++] ?? "" });
    } else {
      out.push({ sign: "+", text: b[j++] ?? "" });
    }
  }
  return out;
}

/** The changed lines with those around them; undefined stands for lines that are left out. */
export function hunksOf(lines: DiffLine[]): (DiffLine | undefined)[] {
  const near = lines.map((_, i) => lines.slice(Math.max(0, i - around), i + around + 1).some((l) => l.sign !== " "));
  return lines.flatMap((line, i) => (near[i] ? [line] : i === 0 || near[i - 1] ? [undefined] : []));
}

function linesOf(text: string): string[] {
  return text.replace(/\n$/, "").split("\n");
}

const lengthAt = (common: number[][], i: number, j: number) => common[i]?.[j] ?? 0;

// The length of the longest common subsequence of the lines from i and from j on.
function commonLengths(a: string[], b: string[]): number[][] {
  const common = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0));
  for (let i = a.length - 1; i >= 0; i--) {
    const row = common[i] ?? [];
    for (let j = b.length - 1; j >= 0; j--) {
      row[j] = a[i] === b[j] ? lengthAt(common, i + 1, j + 1) + 1 : Math.max(lengthAt(common, i + 1, j), lengthAt(common, i, j + 1));
    }
  }
  return common;
}
