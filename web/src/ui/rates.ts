import type { Schemas } from "../api/client";
import { texts } from "../texts";

const words = texts.publisher.plans;

/** The limits of a plan in words. */
export function ratesOf(plan: Schemas["Plan"]): string {
  const { rate } = plan.spec;
  const rates = rate === undefined ? [] : Array.isArray(rate) ? rate : [rate];
  return rates.map((r) => words.rate(r.requests, r.per)).join(", ") || words.unlimited;
}

/** What somebody has to know of a plan before they choose it: its limits, and that a publisher decides. */
export function termsOf(plan: Schemas["Plan"]): string {
  return plan.spec.approval === "manual" ? words.needsApproval(ratesOf(plan)) : ratesOf(plan);
}
