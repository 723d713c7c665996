import { Alert, Button, Group, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQueryClient } from "@tanstack/react-query";

import { onGateways } from "../../api/gateways";
import { forget, manifestSetOf, type Nouns } from "../../api/objects";
import { isServed, makeDefault } from "../../api/publishing";
import { useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { Confirm } from "../../ui/confirm";
import { sayDone } from "../../ui/say-done";

const words = texts.publisher.apis;

type API = Nouns["apis"];
const nameOf = (api: API) => api.metadata?.name ?? "";

interface Props {
  api: API;
  /** The other versions in its context. */
  others: API[];
  may: boolean;
}

/** Whether the API is the default version of its context; if not, which one is, and the way to make it this one. */
export function DefaultVersion({ api, others, may }: Props) {
  const now = others.find((other) => other.spec.default);
  if (api.spec.default) return <>{words.isDefaultAt(api.spec.context)}</>;
  // What a manifest set owns is changed in its manifest.
  const changeable = may && isServed(api) && manifestSetOf(api) === undefined && (now === undefined || manifestSetOf(now) === undefined);
  return (
    <Group gap="sm">
      <Text span inherit>{now ? words.defaultIs(now.spec.version) : texts.common.no}</Text>
      {changeable && <MakeDefault api={api} now={now} />}
    </Group>
  );
}

function MakeDefault({ api, now }: { api: API; now: API | undefined }) {
  const tenant = useTenant();
  const queries = useQueryClient();
  const [opened, { open, close }] = useDisclosure(false);
  const { context, version } = api.spec;
  const run = useMutation({
    mutationFn: () => makeDefault(tenant, nameOf(api)),
    onSuccess: async () => {
      close();
      const undo = now && { undo: () => makeDefault(tenant, nameOf(now)) }; // as long as the page has not learnt that it is none any more
      sayDone({ tenant, message: words.defaultDone(version, context), reaches: onGateways("apis"), ...undo });
      await forget(queries, tenant, "apis");
    },
  });
  return (
    <>
      <Button size="compact-sm" variant="light" onClick={open}>{words.makeDefault}</Button>
      <Confirm
        opened={opened}
        close={() => {
          close();
          run.reset();
        }}
        title={words.defaultTitle(version, context)}
        action={words.makeDefault}
        harmless
        run={() => { run.mutate(); }}
        pending={run.isPending}
        error={run.error}
      >
        <Text size="sm">{now ? words.defaultMoves(context, version, now.spec.version) : words.defaultBegins(context, version)}</Text>
        {now && api.spec.subscription !== "none" && <Alert color="yellow">{words.defaultCallers(version)}</Alert>}
      </Confirm>
    </>
  );
}
