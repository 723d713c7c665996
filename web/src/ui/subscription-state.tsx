import { Stack, Text } from "@mantine/core";

import type { Schemas } from "../api/client";
import { texts } from "../texts";
import type { Tone } from "../theme";
import { StateBadge } from "./state-badge";
import { Time } from "./time";

const words = texts.developer.subscriptions;
const tones: Record<string, Tone> = { active: "good", "on-hold": "warn" };

/** A subscription's state. An approval that is not given counts before everything else: without it no gateway has the subscription. */
export function SubscriptionState({ subscription }: { subscription: Schemas["Subscription"] }) {
  const approval = subscription.status?.approval;
  if (approval?.state === "pending") {
    return (
      <Stack gap={2}>
        <StateBadge tone="busy">{words.pending}</StateBadge>
        <Text size="xs">{words.pendingLead} <Time at={approval.since} past /></Text>
      </Stack>
    );
  }
  if (approval?.state === "rejected") {
    return (
      <Stack gap={2}>
        <StateBadge tone="bad">{words.rejected}</StateBadge>
        {approval.reason && <Text size="xs">{approval.reason}</Text>}
        {approval.by && <Text size="xs" c="dimmed">{words.by(approval.by)} <Time at={approval.at} past /></Text>}
      </Stack>
    );
  }
  const state = subscription.spec.state ?? "active";
  return <StateBadge tone={tones[state] ?? "bad"}>{state}</StateBadge>;
}
