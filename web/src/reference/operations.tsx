import { Accordion, Badge, Code, Group, List, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";

import type { Schemas } from "../api/client";
import { useTyped } from "../session/typed";
import { texts } from "../texts";
import { CodeBlock } from "../ui/code-block";
import { LongListBar, useLongList } from "../ui/long-list";
import { DataTable } from "../ui/table";
import { typeName, type Content, type Described, type Parameter, type Reference } from "./document";
import { Prose } from "./prose";
import { SchemaView } from "./schema";

export type Operation = Schemas["Operation"];

const words = texts.reference;

interface Props {
  operations: Operation[];
  reference: Reference;
  /** The one that is open from the beginning. */
  first?: Operation | undefined;
  /** What can be done with an operation, such as to try it out. */
  action?: ((operation: Operation, described: Described | undefined) => ReactNode) | undefined;
}

/** The operations of an API: what each asks of a token and, from its OpenAPI document, what it takes and gives. */
export function Operations({ operations, reference, first, action }: Props) {
  const [opened, setOpened] = useTyped<string[]>("operations", first ? [placeOf(first)] : []);
  const parts = useLongList(operations, (o) => `${textOf(o)} ${reference.operation(o.method, o.path)?.summary ?? ""}`, 50);
  if (operations.length === 0) return <Text c="dimmed">{words.none}</Text>;
  return (
    <Stack>
      <LongListBar parts={parts} label={words.search} />
      <Accordion variant="contained" multiple chevronPosition="left" value={opened} onChange={setOpened}>
        {parts.shown.flatMap((i) => operations.slice(i, i + 1)).map((operation) => {
          const { method, path } = operation;
          const described = reference.operation(method, path);
          return (
            <Accordion.Item key={`${method} ${path}`} value={placeOf(operation)}>
              <Accordion.Control>
                <Group gap="xs" wrap="nowrap" align="baseline">
                  <Badge variant="light" color={methodColor[method] ?? "gray"} radius="sm" miw={64}>{method}</Badge>
                  <Stack gap={0} miw={0}>
                    <Text ff="monospace" size="sm" style={{ overflowWrap: "anywhere" }} td={described?.deprecated ? "line-through" : undefined}>{path}</Text>
                    {described?.summary && <Text size="sm" c="dimmed">{described.summary}</Text>}
                  </Stack>
                  <Needed operation={operation} />
                </Group>
              </Accordion.Control>
              <Accordion.Panel>
                <Stack>
                  <Text size="sm">{asks(operation)}</Text>
                  {described && <Said described={described} reference={reference} />}
                  {action?.(operation, described)}
                </Stack>
              </Accordion.Panel>
            </Accordion.Item>
          );
        })}
      </Accordion>
    </Stack>
  );
}

const placeOf = ({ method, path }: Operation) => `${method}:${path}`;

/** How many scopes are named where there is one line for all. */
const few = 3;

// What it asks for, at a glance: it is what people compare operations by.
function Needed({ operation: { security, scopes, allOf } }: { operation: Operation }) {
  const named = [...(allOf ?? []), ...(scopes ?? [])];
  return (
    <Group gap={4} ml="auto" wrap="nowrap" visibleFrom="sm">
      {security === "none" && <Text size="xs" c="dimmed">{words.openToAll}</Text>}
      {named.slice(0, few).map((name) => <Code key={name}>{name}</Code>)}
      {named.length > few && <Text size="xs" c="dimmed">+{named.length - few}</Text>}
    </Group>
  );
}

/** What an operation is found by. */
export const textOf = ({ method, path, scopes, allOf }: Operation) => [method, path, ...(scopes ?? []), ...(allOf ?? [])].join(" ");

/** The same in a line each: method, path, and what is asked for. */
export function OperationsList({ operations }: { operations: Operation[] }) {
  const parts = useLongList(operations, textOf, 50);
  return (
    <Stack gap="xs">
      <LongListBar parts={parts} label={words.search} />
      <List size="sm">
        {parts.shown.flatMap((i) => operations.slice(i, i + 1)).map((o) => (
          <List.Item key={`${o.method} ${o.path}`}>
            <Text span ff="monospace" size="sm">{o.method} {o.path}</Text>{" "}
            <Text span size="sm" c="dimmed">{asks(o)}</Text>
          </List.Item>
        ))}
      </List>
    </Stack>
  );
}

const methodColor: Record<string, string> = { GET: "blue", POST: "pine", PUT: "yellow", PATCH: "yellow", DELETE: "red" };

/** What an operation asks of its caller, as a sentence. */
export function asks(operation: Operation): ReactNode {
  if (operation.security === "none") return words.open;
  const [scopes, allOf] = [operation.scopes ?? [], operation.allOf ?? []];
  if (allOf.length + scopes.length === 0) return words.anyToken;
  const codes = (names: string[]) => names.map((name) => <Code key={name} mr={4}>{name}</Code>);
  return (
    <>
      {allOf.length > 0 && <>{words.everyScope} {codes(allOf)}</>}
      {scopes.length > 0 && <>{allOf.length > 0 ? words.andOneScope : scopes.length > 1 ? words.oneScope : words.theScope} {codes(scopes)}</>}
    </>
  );
}

function Said({ described, reference }: { described: Described; reference: Reference }) {
  return (
    <>
      {described.deprecated && <Text size="sm" c="yellow">{words.deprecated}</Text>}
      {described.description && <Prose>{described.description}</Prose>}
      {described.parameters.length > 0 && <Parameters parameters={described.parameters} />}
      {described.body && <Body title={words.body} content={described.body} reference={reference} />}
      {described.answers.map((answer) => (
        <Stack key={answer.status} gap={4}>
          <Group gap="xs" align="baseline">
            <Code>{answer.status}</Code>
            <Text size="sm" span>{answer.description}</Text>
          </Group>
          {answer.content && <Body title={words.answer} content={answer.content} reference={reference} />}
        </Stack>
      ))}
    </>
  );
}

function Parameters({ parameters }: { parameters: Parameter[] }) {
  return (
    <DataTable
      label={words.parameters}
      rows={parameters}
      uncounted
      keyOf={(p) => `${p.in} ${p.name}`}
      empty={null}
      columns={[
        {
          title: words.parameter,
          cell: (p) => (
            <Text size="sm" ff="monospace">{p.name}{p.required && <Text span inherit c="red"> *</Text>}</Text>
          ),
        },
        { title: words.where, cell: (p) => p.in },
        { title: words.type, cell: (p) => typeName(p.schema) },
        { title: words.meaning, wide: true, cell: (p) => p.description },
      ]}
    />
  );
}

function Body({ title, content, reference }: { title: string; content: Content; reference: Reference }) {
  return (
    <Stack gap="xs">
      {content.schema && <SchemaView schema={content.schema} reference={reference} label={`${title}, ${content.type}`} />}
      {content.example !== "null" && <CodeBlock label={words.example(content.type)}>{content.example}</CodeBlock>}
    </Stack>
  );
}
