import { objectName } from "../../api/objects";
import { publishes } from "../../session/areas";
import { useSession } from "../../session/session";
import { useAddress } from "../../shell/place";
import { texts } from "../../texts";
import { NameLink } from "../../ui/name-link";
import { ObjectList } from "../../ui/object-list";
import { ratesOf } from "../../ui/rates";

const words = texts.publisher.plans;

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
