import { texts } from "../texts";
import { faultInConsole, inConsole } from "../texts/said";
import type { components } from "./schema";

export type Problem = components["schemas"]["Problem"];
export type FieldError = components["schemas"]["FieldError"];

// The control plane speaks to people who write manifests; who is here fills in forms.
function toPeople(problem: Problem): Problem {
  if (!problem.errors) return { ...problem, detail: inConsole(problem.detail) };
  const errors = problem.errors.map((fault) => ({ ...fault, message: faultInConsole(fault) }));
  const detail = problem.errors.reduce((text, fault, i) => text.replace(fault.message, () => errors[i]?.message ?? ""), problem.detail);
  return { ...problem, detail: inConsole(detail), errors };
}

/** A problem document (RFC 9457) of the control plane, as what a call throws. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    const said = toPeople(problem);
    super(said.detail || said.title);
    this.name = "ProblemError";
    this.problem = said;
  }

  get code(): string {
    return this.problem.code;
  }

  get status(): number {
    return this.problem.status;
  }

  /** The message for each field, by its path in the manifest. */
  get fields(): FieldError[] {
    return this.problem.errors ?? [];
  }
}

/** Whether an error is the problem with this code. */
export function isProblem(error: unknown, code: string): error is ProblemError {
  return error instanceof ProblemError && error.code === code;
}

/** What an error says of the field at a path, or of an entry of its list. */
export function faultAt(error: unknown, path: string): string | undefined {
  if (!(error instanceof ProblemError)) return undefined;
  return error.fields.filter((f) => f.path === path || f.path.startsWith(`${path}[`)).map((f) => f.message).join("; ") || undefined;
}

/** Somebody else changed the same thing meanwhile: what was to be undone is not there any more. */
export class OvertakenError extends Error {
  constructor() {
    super("overtaken");
    this.name = "OvertakenError";
  }
}

/** What a person is shown of any error. */
export function messageOf(error: unknown): string {
  if (error instanceof ProblemError) return error.message;
  if (error instanceof Error) return error.message;
  return String(error);
}

/** The problem that stands for an answer which is none: the control plane is away, or something else answered. */
export function strangeAnswer(status: number): Problem {
  return {
    type: "about:blank",
    title: texts.problem.unreachable,
    detail: status === 0 ? texts.problem.noAnswer : texts.problem.otherAnswer(status),
    status,
    code: "unreachable",
  };
}
