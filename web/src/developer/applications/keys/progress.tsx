import { Alert, Button, Code, Group, List, Stack, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";

import type { Schemas } from "../../../api/client";
import { act, underWay, type KeyPlace, type PlaceAction } from "../../../api/keys";
import { useTenant } from "../../../shell/place";
import { texts } from "../../../texts";
import { Icon } from "../../../ui/icon";
import { ProblemAlert } from "../../../ui/problem";
import { FreshSecret } from "./secret";

const words = texts.developer.keys;

interface Props {
  application: string;
  listed: Schemas["ListedKeys"];
  place: KeyPlace;
}

// What can be given up; an end that has begun cannot.
const stoppable = ["pending", "rotating", "updating"];

/** What the key waits for or failed of, with the way on. */
export function Progress({ application, listed, place }: Props) {
  const tenant = useTenant();
  const queries = useQueryClient();
  const { status } = listed;
  const run = useMutation({
    mutationFn: (action: PlaceAction) => act(tenant, application, action, place),
    onSettled: () => queries.invalidateQueries({ queryKey: [tenant, "applications", "one", application] }),
  });
  const button = (action: PlaceAction, label: string) => (
    <Button size="xs" variant="light" loading={run.isPending && run.variables === action} onClick={() => { run.mutate(action); }}>
      {label}
    </Button>
  );
  if (run.data?.clientSecret) return <FreshSecret made={run.data} />;
  if (run.error) return <ProblemAlert error={run.error} again={() => { run.reset(); }} />;
  if (status.state === "failed") {
    return (
      <Alert role="status" color="red" icon={<Icon name="warn" />} title={words.failed}>
        <Stack gap="xs">
          {status.reason && <Code block>{status.reason}</Code>}
          <Group>{status.orphan ? button("dismiss", words.dismiss) : button("retry", words.retry)}</Group>
        </Stack>
      </Alert>
    );
  }
  if (status.state === "awaiting") {
    return (
      <Alert role="status" color="blue" icon={<Icon name="clock" />} title={words.awaiting}>
        <Group>{button("cancel", words.cancel)}</Group>
      </Alert>
    );
  }
  if (underWay(status.state)) {
    return (
      <Alert role="status" color="blue" icon={<Icon name="clock" />} title={words.working}>
        <Stack gap="xs">
          {status.reason && <Text size="sm">{status.reason}</Text>}
          <Group>{button("retry", words.retry)}{stoppable.includes(status.state) && button("cancel", words.cancel)}</Group>
        </Stack>
      </Alert>
    );
  }
  if (status.state === "drifted") {
    return (
      <Alert role="status" color="yellow" icon={<Icon name="warn" />} title={words.drifted}>
        <Stack gap="xs">
          <List size="sm">{(status.drift ?? []).map((d) => <List.Item key={d}>{d}</List.Item>)}</List>
          <Group>{button("mend", words.mend)}</Group>
        </Stack>
      </Alert>
    );
  }
  if (status.approval?.secretUntil) {
    return (
      <Alert role="status" color="pine" icon={<Icon name="key" />} title={words.waitingSecret}>
        <Group>{button("reveal", words.reveal)}</Group>
      </Alert>
    );
  }
  return (
    <>
      {status.reason && <Alert role="status" color="yellow" icon={<Icon name="warn" />} title={words.doubt}>{status.reason}</Alert>}
      <Entitled entitlement={status.entitlement} again={button("retry", words.retry)} />
    </>
  );
}

// What its tokens may not carry yet of what its subscriptions give.
function Entitled({ entitlement, again }: { entitlement: Schemas["ClientEntitlement"] | undefined; again: ReactNode }) {
  if (!entitlement || entitlement.state === "given") return null;
  const lacking = [...(entitlement.lackingScopes ?? []), ...(entitlement.lackingAudiences ?? [])];
  return (
    <Alert color={entitlement.state === "waiting" ? "blue" : "yellow"} title={words.entitlement[entitlement.state as keyof typeof words.entitlement]}>
      {lacking.length > 0 && <Text size="sm" ff="monospace">{lacking.join(" ")}</Text>}
      {entitlement.advice && <Text size="sm">{entitlement.advice}</Text>}
      {entitlement.reason && <Text size="sm">{entitlement.reason}</Text>}
      {entitlement.state !== "waiting" && <Group mt="xs">{again}</Group>}
    </Alert>
  );
}
