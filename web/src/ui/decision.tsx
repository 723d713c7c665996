import { Text } from "@mantine/core";

import type { Decision as Decided } from "../api/decisions";
import { texts } from "../texts";
import { Facts } from "./facts";
import { ObjectLink } from "./object-link";
import { Section } from "./page";
import { Steps, Verdict } from "./steps";
import { Time } from "./time";

const words = texts.admin.decisions;

/** A decision as the list of its steps: what was expected, what was seen, and what to change. Developers get what is safe. */
export function Decision({ decision }: { decision: Decided }) {
  return (
    <>
      <Verdict status={decision.status} code={decision.code || words.passed} detail={decision.detail} />
      <Facts
        rows={[
          [words.id, decision.decision],
          [words.when, <Time key="t" at={decision.at} />],
          [words.call, [decision.method, decision.api, decision.operation].filter(Boolean).join(" ")],
          [words.keyManager, decision.keyManager && <ObjectLink key="k" noun="key-managers" name={decision.keyManager} />],
          [words.application, decision.application && <ObjectLink key="a" noun="applications" name={decision.application} />],
          [words.gateway, decision.gateway],
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
