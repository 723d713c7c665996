import { Anchor, Group, Text } from "@mantine/core";
import { Link } from "react-router";

import type { Decision } from "../api/decisions";
import { seesGateways } from "../session/areas";
import { useSession } from "../session/session";
import { useAddress } from "../shell/place";
import { texts } from "../texts";
import { Copy } from "./copy";
import { Facts } from "./facts";
import { ObjectLink } from "./object-link";
import { Section } from "./page";
import { FailedStep, Remedy, Steps, Verdict } from "./steps";
import { Time } from "./time";

const words = texts.admin.decisions;

interface Props {
  decision: Decision;
  /** What those can do who are not shown the steps. */
  next?: string | undefined;
}

/** A decision as the list of its steps: what was expected, what was seen, and what to change. Developers get what is safe. */
export function DecisionView({ decision, next }: Props) {
  return (
    <>
      <Verdict status={decision.status} code={decision.code || words.passed} detail={decision.detail} />
      <FailedStep steps={decision.steps ?? []} />
      {next !== undefined && !decision.steps && <Remedy label={texts.developer.calls.next} text={next} />}
      <Facts
        rows={[
          [words.id, <Group key="i" gap={4}><Text span inherit ff="monospace">{decision.decision}</Text><Copy value={decision.decision} label={words.copyId} /></Group>],
          [words.when, <Time key="t" at={decision.at} past />],
          [words.filters.api, decision.api && <ObjectLink key="p" noun="apis" name={decision.api} />],
          [words.keyManager, decision.keyManager && <ObjectLink key="k" noun="key-managers" name={decision.keyManager} />],
          [words.application, decision.application && <ObjectLink key="a" noun="applications" name={decision.application} />],
          [words.gateway, decision.gateway && <GatewayLink key="g" name={decision.gateway} />],
          [words.fingerprint, decision.fingerprint],
        ]}
      />
      {(decision.steps ?? decision.note) && (
        <Section title={words.steps}>
          {decision.note && <Text size="sm" c="dimmed">{decision.note}</Text>}
          <Steps steps={decision.steps ?? []} label={words.steps} />
        </Section>
      )}
    </>
  );
}

function GatewayLink({ name }: { name: string }) {
  const to = useAddress();
  return seesGateways(useSession()) ? <Anchor component={Link} to={to("admin", "gateways", name)} size="sm">{name}</Anchor> : <>{name}</>;
}
