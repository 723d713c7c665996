import { isProblem } from "../api/problem";
import { texts } from "../texts";
import { Empty } from "./empty";
import { ProblemAlert } from "./problem-alert";

interface Props {
  id: string;
  error: Error | null;
  /** What there is to do about a decision that no gateway keeps. */
  lead: string;
  again: () => void;
}

/** Why there is no decision to show: gateways keep the latest ones only. */
export function DecisionMissing({ id, error, lead, again }: Props) {
  if (isProblem(error, "not_found")) return <Empty icon="eye" title={texts.admin.decisions.gone(id)}>{lead}</Empty>;
  return error && <ProblemAlert error={error} again={again} />;
}
