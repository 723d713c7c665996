import { Text } from "@mantine/core";
import { useSuspenseQuery } from "@tanstack/react-query";

import { decisionQuery } from "../../api/decisions";
import { useAddress, useName, useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { Facts } from "../../ui/facts";
import { Page, Section } from "../../ui/page";
import { Steps, Verdict } from "../../ui/steps";
import { Time } from "../../ui/time";

const words = texts.admin.decisions;

/** One decision as the list of its steps: what was expected, what was seen, and what to change. */
export function DecisionPage() {
  const id = useName();
  const to = useAddress();
  const { data: decision } = useSuspenseQuery(decisionQuery(useTenant(), id));
  return (
    <Page title={words.one} above={[{ to: to("admin", "decisions"), label: words.title }]}>
      <Verdict status={decision.status} code={decision.code || words.passed} detail={decision.detail} />
      <Facts
        rows={[
          [words.id, decision.decision],
          [words.when, <Time key="t" at={decision.at} />],
          [words.call, [decision.method, decision.api, decision.operation].filter(Boolean).join(" ")],
          [words.keyManager, decision.keyManager],
          [words.application, decision.application],
          [words.gateway, decision.gateway],
          [words.fingerprint, decision.fingerprint],
        ]}
      />
      <Section title={words.steps}>
        {decision.note && <Text size="sm" c="dimmed">{decision.note}</Text>}
        <Steps steps={decision.steps ?? []} label={words.steps} />
      </Section>
    </Page>
  );
}
