import type { Schemas } from "../../api/client";
import { objectName } from "../../api/objects";
import { publishes } from "../../session/areas";
import { useSession } from "../../session/session";
import { useAddress } from "../../shell/place";
import { texts } from "../../texts";
import { NameLink } from "../../ui/name-link";
import { ObjectList } from "../../ui/object-list";

const words = texts.publisher.plans;

/** The limits of a plan in words. */
export function ratesOf(plan: Schemas["Plan"]): string {
  const { rate } = plan.spec;
  const rates = rate === undefined ? [] : Array.isArray(rate) ? rate : [rate];
  return rates.map((r) => words.rate(r.requests, r.per)).join(", ") || words.unlimited;
}

/** The plans that subscriptions are taken under. */
export function Plans() {
  const to = useAddress();
  const may = publishes(useSession());
  return (
    <ObjectList
      noun="plans"
      path={["publisher", "plans"]}
      words={words}
      icon="gauge"
      add={may && words.add}
      columns={[
        {
          title: texts.common.name,
          cell: (p) => <NameLink to={to("publisher", "plans", objectName(p))} name={objectName(p)} />,
        },
        { title: words.limits, cell: (p) => ratesOf(p) },
        { title: words.approval, cell: (p) => (p.spec.approval === "manual" ? words.manual : words.auto) },
      ]}
    />
  );
}
