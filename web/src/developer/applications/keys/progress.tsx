import { Alert, Button, Code, Group, List, Stack, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";

import type { Schemas } from "../../../api/client";
import { act, underWay, type KeyPlace, type PlaceAction } from "../../../api/keys";
import { forgetObject } from "../../../api/objects";
import { isProblem } from "../../../api/problem";
import { administers } from "../../../session/areas";
import { useSession } from "../../../session/session";
import { useTenant } from "../../../shell/place";
import { texts } from "../../../texts";
import { Icon } from "../../../ui/icon";
import { ProblemAlert } from "../../../ui/problem-alert";
import { Time } from "../../../ui/time";
import { FreshSecret } from "./fresh-secret";
import { isRejected } from "./state";

const words = texts.developer.keys;

interface Props {
  application: string;
  listed: Schemas["ListedKeys"];
  place: KeyPlace;
  held: boolean;
}

// What the key's own reason says too, a moment later.
const said = ["key_manager_failed", "outcome_unknown"];

// What can be given up; an end that has begun cannot.
const stoppable = ["pending", "rotating", "updating"];

/** What the key waits for or failed of, with the way on. */
export function Progress(props: Props) {
  const { application, place } = props;
  const tenant = useTenant();
  const queries = useQueryClient();
  const run = useMutation({
    mutationFn: (action: PlaceAction) => act(tenant, application, action, place),
    onSettled: () => forgetObject(queries, tenant, "applications", application),
  });
  if (run.data?.clientSecret) return <FreshSecret made={run.data} rotates={props.listed.rotates} last={run.variables === "reveal"} />;
  return (
    <>
      {run.error && !(props.listed.status.reason && said.some((code) => isProblem(run.error, code))) && <ProblemAlert error={run.error} />}
      <Standing
        {...props}
        button={(action, label) => (
          <Button size="xs" variant="light" loading={run.isPending && run.variables === action} onClick={() => { run.mutate(action); }}>
            {label}
          </Button>
        )}
      />
    </>
  );
}

type Buttoned = Props & { button: (action: PlaceAction, label: string) => ReactNode };

function Standing({ listed, held, button }: Buttoned) {
  const { status } = listed;
  const administrator = administers(useSession());
  if (isRejected(status)) {
    return (
      <Alert role="status" color="red" icon={<Icon name="warn" />} title={words.rejected}>
        <Stack gap="xs">
          <Text size="sm">{status.reason}</Text>
          <Group>{button("retry", words.askAgain)}{button("dismiss", words.forget)}</Group>
        </Stack>
      </Alert>
    );
  }
  if (status.state === "failed") {
    return (
      <Alert role="status" color="red" icon={<Icon name="warn" />} title={status.orphan ? words.unknown : words.failed}>
        <Stack gap="xs">
          {status.reason && <Code block style={{ whiteSpace: "pre-wrap" }}>{status.reason}</Code>}
          <Text size="sm">{status.orphan ? words.orphan(status.vendorName ?? "") : words.failedLead}</Text>
          <Group>{button("retry", words.retry)}{button("dismiss", status.orphan ? words.dismiss : words.forget)}</Group>
        </Stack>
      </Alert>
    );
  }
  if (status.state === "awaiting") {
    return (
      <Alert role="status" color="blue" icon={<Icon name="clock" />} title={words.awaiting}>
        {status.requester && <Text size="sm" mb="xs">{words.askedBy(status.approval?.person?.name ?? status.requester)} <Time at={status.approval?.since ?? status.changedAt} past /></Text>}
        <Group>{button("cancel", words.cancel)}</Group>
      </Alert>
    );
  }
  if (underWay(status.state)) {
    const ends = !stoppable.includes(status.state);
    return (
      <Alert role="status" color="blue" icon={<Icon name="clock" />} title={ends ? words.ending : words.working}>
        <Stack gap="xs">
          {ends && <Text size="sm">{words.endingLead}</Text>}
          {status.reason && <Text size="sm">{status.reason}</Text>}
          {ends && status.reason && !administrator && <Text size="sm">{words.endingNever}</Text>}
          <Group>{button("retry", words.retry)}{ends ? administrator && status.reason && button("dismiss", words.giveUp) : button("cancel", words.cancel)}</Group>
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
  if (status.state === "revoked") return status.reason ? <Text size="sm">{status.reason}</Text> : null;
  return (
    <>
      {listed.secretUntil && !held && (
        <Alert role="status" color={status.approval?.secretUntil ? "pine" : "gray"} icon={<Icon name="key" />} title={status.approval?.secretUntil ? words.waitingSecret : words.onceMore}>
          <Group gap="sm">{button("reveal", words.reveal)}<Text size="sm">{words.until} <Time at={listed.secretUntil} /></Text></Group>
        </Alert>
      )}
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
