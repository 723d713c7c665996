import { Anchor, Stack, Text } from "@mantine/core";
import { Link } from "react-router";

import { objectName } from "../../api/objects";
import { useAddress } from "../../shell/place";
import { texts } from "../../texts";
import { APIState, TakenBy } from "../../ui/api-state";
import { ObjectList } from "../../ui/object-list";

const words = texts.developer.catalog;

/** The APIs that a developer may see, and which key managers' tokens each of them takes. */
export function Catalog() {
  const to = useAddress();
  return (
    <ObjectList
      noun="apis"
      path={["developer", "apis"]}
      words={words}
      icon="book"
      columns={[
        {
          title: words.api,
          cell: (a) => (
            <Stack gap={0}>
              <Text size="sm">
                <Anchor component={Link} to={to("developer", "apis", objectName(a))} fw={600} inherit>{a.spec.title ?? a.metadata?.name}</Anchor>{" "}
                <Text span c="dimmed" inherit>{a.spec.version}</Text>
              </Text>
              <Text size="xs" c="dimmed" ff="monospace">{a.spec.context}/{a.spec.version}</Text>
            </Stack>
          ),
        },
        { title: words.keyManagers, cell: (a) => <TakenBy api={a} /> },
        { title: words.state, wide: true, cell: (a) => <APIState api={a} /> },
      ]}
    />
  );
}
