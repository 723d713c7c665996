import { Anchor, Button, Text } from "@mantine/core";
import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "react-router";

import { holdsQuery, undoLift, unhold, type Held } from "../api/holds";
import { forgetTenant, kindOf } from "../api/objects";
import { administers } from "../session/areas";
import { useSession } from "../session/session";
import { useObjectAddress } from "../shell/object-pages";
import { useTenant } from "../shell/place";
import { texts } from "../texts";
import { Empty } from "../ui/empty";
import { Page } from "../ui/page";
import { ProblemAlert } from "../ui/problem-alert";
import { DataTable } from "../ui/table";
import { Time } from "../ui/time";
import { sayDone } from "../ui/say-done";
import { rowsOf } from "../ui/use-list";

const words = texts.admin.holds;

/** Everything that is held: what, by whom, why and until when. */
export function Holds() {
  const tenant = useTenant();
  const queries = useQueryClient();
  const admin = administers(useSession());
  const list = rowsOf(useInfiniteQuery(holdsQuery(tenant)));
  const lift = useMutation({
    mutationFn: (held: Held) => unhold(tenant, held.noun, held.name),
    onSuccess: async (_, held) => {
      sayDone({ tenant, message: texts.hold.lifted(held.name), undo: () => undoLift(tenant, held.noun, held.name, held.hold) });
      await forgetTenant(queries, tenant);
    },
  });
  return (
    <Page title={words.title} lead={words.lead}>
      {lift.error && <ProblemAlert error={lift.error} />}
      <DataTable
        label={words.title}
        keyOf={(held) => `${held.noun}/${held.name}`}
        empty={<Empty icon="pause" title={words.emptyTitle}>{words.empty}</Empty>}
        columns={[
          { title: words.what, cell: (held) => <What held={held} /> },
          { title: texts.hold.reason, cell: (held) => <Text size="sm" c="red" fw={600}>{held.hold.reason}</Text> },
          { title: words.who, cell: (held) => held.hold.by },
          { title: words.since, wide: true, cell: (held) => <Time at={held.hold.since} past /> },
          { title: words.until, wide: true, cell: (held) => <Time at={held.hold.until} none={words.lifted} /> },
          ...(admin
            ? [{
                title: words.actions,
                cell: (held: Held) => (
                  <Button size="xs" variant="default" loading={lift.isPending && lift.variables === held} onClick={() => { lift.mutate(held); }}>
                    {texts.hold.lift}
                  </Button>
                ),
              }]
            : []),
        ]}
        {...list}
      />
    </Page>
  );
}

function What({ held }: { held: Held }) {
  const address = useObjectAddress()(held.noun, held.name);
  return (
    <>
      {address === undefined ? <Text size="sm" fw={600}>{held.name}</Text> : <Anchor component={Link} to={address} size="sm" fw={600}>{held.name}</Anchor>}
      <Text size="xs" c="dimmed">{kindOf[held.noun]}{held.application && ` ${words.of} ${held.application}`}</Text>
    </>
  );
}
