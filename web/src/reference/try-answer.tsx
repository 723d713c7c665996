import { Anchor, Code, Group, Stack, Text } from "@mantine/core";
import { Link } from "react-router";

import type { Schemas } from "../api/client";
import { publishes } from "../session/areas";
import { useSession } from "../session/session";
import { useAddress, useArea } from "../shell/place";
import { callSnippets } from "../snippet/call";
import { SnippetTabs } from "../snippet/snippet-tabs";
import { texts } from "../texts";
import { StateBadge } from "../ui/state-badge";
import { CodeBlock } from "../ui/code-block";

const words = texts.reference.tryout;

/** What was sent, as far as the page knows it. */
export type Sent = Pick<Schemas["TryBody"], "fields" | "body"> & { credential: boolean };

/** What came back of a call that was tried out. */
export function TryAnswer({ answer, sent }: { answer: Schemas["TryAnswer"]; sent: Sent }) {
  const to = useAddress();
  const area = useArea();
  const session = useSession();
  const opens = sent.credential || publishes(session); // a developer sees what became of their own applications' calls
  const fields = (answer.fields ?? []).map((f) => `${f.name}: ${f.value}`).join("\n");
  return (
    <Stack gap="xs" role="status" aria-label={words.answer}>
      <Group gap="xs">
        <StateBadge tone={answer.status < 400 ? "good" : "bad"}>{String(answer.status)}</StateBadge>
        <Text size="sm" c="dimmed">{words.took(answer.tookMs)}</Text>
        {answer.decision && opens && <Anchor component={Link} to={to(area, "decisions", answer.decision)} size="sm">{words.why}</Anchor>}
      </Group>
      <Text size="sm"><Text span c="dimmed" inherit>{words.sent}</Text> <Code>{answer.method} {answer.url}</Code></Text>
      {answer.truncated && <Text size="sm" c="yellow">{words.truncated}</Text>}
      {answer.binary ? (
        <Text size="sm" c="dimmed">{words.binary((answer.body ?? "").length)}</Text>
      ) : answer.body ? (
        <CodeBlock label={words.answer}>{pretty(answer.body)}</CodeBlock>
      ) : (
        <Text size="sm" c="dimmed">{words.empty}</Text>
      )}
      <CodeBlock label={words.headers}>{fields}</CodeBlock>
      <Text size="sm" mt="xs">{sent.credential ? words.sameWithToken : words.same}</Text>
      <SnippetTabs
        snippets={callSnippets({ method: answer.method, url: answer.url, fields: sent.fields ?? [], body: sent.body ?? "", credential: sent.credential })}
      />
    </Stack>
  );
}

// JSON with line breaks; anything else as it came.
function pretty(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}
