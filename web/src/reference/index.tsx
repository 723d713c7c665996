import { Stack } from "@mantine/core";
import { useMemo } from "react";

import type { Schemas } from "../api/client";
import { triesOut } from "../session/areas";
import { useSession } from "../session/session";
import { Reference } from "./document";
import { Operations, type Operation } from "./operations";
import { Prose } from "./prose";
import { easiest, useAskedCaller } from "./asked-caller";
import { TryOut } from "./try-out";

interface Props {
  api: Schemas["API"];
  operations: Operation[];
}

/** What an API takes and gives, with each operation to try out. */
export function APIReference({ api, operations }: Props) {
  const may = triesOut(useSession());
  const document = api.spec.openapi?.document ?? "";
  const reference = useMemo(() => new Reference(document), [document]);
  const caller = useAskedCaller();
  const first = may && caller ? easiest(operations) : undefined;
  return (
    <Stack>
      {reference.description && <Prose>{reference.description}</Prose>}
      <Operations
        operations={operations}
        reference={reference}
        first={first}
        action={may ? (operation, described) => <TryOut api={api} operation={operation} described={described} asked={operation === first ? caller : undefined} /> : undefined}
      />
    </Stack>
  );
}
