import classes from "./spark.module.css";

interface Props {
  /** What is good and what is bad of each step, the oldest first. */
  good: number[];
  bad: number[];
  label: string;
}

const step = 4;
const height = 22;

/** Two values over time, one upon the other, as large as a word: a row of a list has room for it. */
export function Spark({ good, bad, label }: Props) {
  const top = Math.max(1, ...good.map((n, i) => n + (bad[i] ?? 0)));
  // What is there can be seen, however small it is beside the rest.
  const tall = (n: number) => (n === 0 ? 0 : Math.max(1.5, (n / top) * (height - 2)));
  return (
    <svg className={classes.spark} width={good.length * step} height={height} role="img" aria-label={label}>
      <rect className={classes.base} x={0} y={height - 1} width={good.length * step} height={1} />
      {good.map((n, i) => (
        <g key={i}>
          <rect className={classes.good} x={i * step} y={height - 1 - tall(n)} width={step - 1} height={tall(n)} />
          <rect className={classes.bad} x={i * step} y={height - 1 - tall(n) - tall(bad[i] ?? 0)} width={step - 1} height={tall(bad[i] ?? 0)} />
        </g>
      ))}
    </svg>
  );
}
