import { Alert, List, Text } from "@mantine/core";

import type { Schemas } from "../../api/client";
import { texts } from "../../texts";
import { Icon } from "../../ui/icon";

const words = texts.publisher.openapi;

/** How many operations of a finding are named. */
const named = 6;

/** What a gateway does otherwise than the OpenAPI document says, first of all where it asks for less. */
export function Findings({ findings }: { findings: Schemas["OpenAPIFinding"][] }) {
  const weaker = findings.filter((f) => f.weaker);
  const others = findings.filter((f) => !f.weaker);
  return (
    <>
      {weaker.length > 0 && (
        <Alert role="status" color="yellow" icon={<Icon name="warn" />} title={words.weaker}>
          <Text size="sm">{words.weakerLead}</Text>
          <Listed findings={weaker} />
        </Alert>
      )}
      {others.length > 0 && (
        <Alert role="status" color="blue" icon={<Icon name="book" />} title={words.findings}><Listed findings={others} /></Alert>
      )}
    </>
  );
}

function Listed({ findings }: { findings: Schemas["OpenAPIFinding"][] }) {
  return (
    <List size="sm" mt={4}>
      {findings.map(({ message, line, operations }) => (
        <List.Item key={message}>
          {message}{" "}
          <Text span inherit ff="monospace" style={{ overflowWrap: "anywhere" }}>
            {operations ? words.about(operations.slice(0, named), operations.length - named) : words.line(line)}
          </Text>
        </List.Item>
      ))}
    </List>
  );
}
