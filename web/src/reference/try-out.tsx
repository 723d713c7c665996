import { Button, Collapse, Group, SegmentedControl, SimpleGrid, Stack, Textarea, TextInput, Paper } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";

import type { Schemas } from "../api/client";
import { objectName } from "../api/objects";
import { tryCall } from "../api/publishing";
import { useOpened, useTyped } from "../session/typed";
import { useTenant } from "../shell/place";
import { texts } from "../texts";
import { CodeArea } from "../ui/code-area";
import { Icon } from "../ui/icon";
import { ProblemAlert } from "../ui/problem-alert";
import { TryAnswer } from "./try-answer";
import { callOf, fieldsOf, keyOf, placesOf, type Place } from "./call";
import { CallerFields, credentialOf, type Caller, type CallerSecret } from "./caller";
import type { Described } from "./document";
import type { Operation } from "./operations";

const words = texts.reference.tryout;

interface Props {
  api: Schemas["API"];
  operation: Operation;
  described: Described | undefined;
  /** As whom somebody came to call it: it is open for that at once. */
  asked?: Caller | undefined;
}

/** Sends a call of one operation through the gateway, as an application or with a token, and shows what came back. */
export function TryOut(props: Props) {
  const [opened, { open, close }] = useOpened(`try ${nameOf(props.operation)}`, props.asked !== undefined);
  return (
    <Stack>
      <Group>
        <Button size="xs" variant={opened ? "default" : "filled"} leftSection={<Icon name="play" size={14} />} onClick={opened ? close : open} aria-expanded={opened}>
          {words.open}
        </Button>
      </Group>
      <Collapse expanded={opened}>{opened && <Form {...props} />}</Collapse>
    </Stack>
  );
}

interface TypedCall {
  values: Record<string, string>;
  query: string;
  body: string;
  caller: Caller;
}

// What was typed for a call. Header fields, those of the document too, are in memory alone: they carry keys and tokens.
function useCall({ operation, described, asked }: Props) {
  const [typed, setTyped] = useTyped<TypedCall>(`call ${nameOf(operation)}`, {
    values: {},
    query: "",
    body: described?.body?.example ?? "",
    caller: asked ?? { as: operation.security === "none" ? "nobody" : "application", environment: "production", scopes: [] },
  });
  const [lines, setLines] = useState("");
  const [headers, setHeaders] = useState<TypedCall["values"]>({});
  const put = (some: Partial<TypedCall>) => { setTyped((old) => ({ ...old, ...some })); };
  const fill = (place: Place, value: string) => {
    if (place.in === "header") setHeaders((old) => ({ ...old, [keyOf(place)]: value }));
    else put({ values: { ...typed.values, [keyOf(place)]: value } });
  };
  return { typed: { ...typed, values: { ...typed.values, ...headers } }, put, fill, lines, setLines };
}

const nameOf = (operation: Operation) => `${operation.method} ${operation.path}`;

function Form(props: Props) {
  const { api, operation, described } = props;
  const tenant = useTenant();
  const places = placesOf(operation, described);
  const { typed, put, fill, lines, setLines } = useCall(props);
  const { values, query, body, caller } = typed;
  const [secret, setSecret] = useState<CallerSecret>({});
  const credential = credentialOf(caller, secret);
  const [fault, setFault] = useState<string>();
  const takesBody = described ? described.body !== undefined : !["GET", "HEAD", "DELETE"].includes(operation.method);
  const run = useMutation({
    mutationFn: async () => {
      const call = callOf(operation, { values, query, lines, body: takesBody ? body : "", type: described?.body?.type }, described);
      const answer = await tryCall(tenant, objectName(api), { ...call, ...credential });
      return { answer, sent: { ...call, credential: caller.as !== "nobody" } };
    },
  });
  return (
    <Paper withBorder p="md">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const wrong = fieldsOf(lines).wrong;
          setFault(wrong && words.fieldFault(wrong));
          if (!wrong) run.mutate();
        }}
      >
        <Stack>
          <SegmentedControl
            aria-label={words.as}
            size="xs"
            fullWidth
            maw={400}
            styles={{ label: { whiteSpace: "normal" } }} // on a phone, where one line has no room for them
            data={[
              { value: "application", label: words.application },
              { value: "token", label: words.token },
              { value: "nobody", label: words.nobody },
            ]}
            value={caller.as}
            onChange={(as) => { put({ caller: { ...caller, as } }); }}
          />
          <CallerFields api={api} caller={caller} change={(next) => { put({ caller: next }); }} secret={secret} setSecret={setSecret} />
          <SimpleGrid cols={{ base: 1, sm: 2 }}>
            {places.map((place) => (
              <TextInput
                key={keyOf(place)}
                label={place.name}
                description={place.help}
                required={place.required}
                value={values[keyOf(place)] ?? ""}
                onChange={(event) => { fill(place, event.currentTarget.value); }}
                spellCheck={false}
              />
            ))}
            <TextInput label={words.query} placeholder="page=2" value={query} onChange={(event) => { put({ query: event.currentTarget.value }); }} spellCheck={false} />
          </SimpleGrid>
          <Textarea label={words.fields} description={words.fieldsHelp} value={lines} error={fault} autosize minRows={1} onChange={(event) => { setLines(event.currentTarget.value); }} spellCheck={false} />
          {takesBody && (
            <CodeArea
              label={words.body}
              value={body}
              minRows={3}
              maxRows={16}
              onChange={(event) => { put({ body: event.currentTarget.value }); }}
            />
          )}
          <Group>
            <Button type="submit" loading={run.isPending} disabled={credential === undefined}>{words.run}</Button>
          </Group>
          {run.error && <ProblemAlert error={run.error} />}
          {run.data && <TryAnswer {...run.data} />}
        </Stack>
      </form>
    </Paper>
  );
}
