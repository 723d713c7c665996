import { Button, Stack, Text } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";

import { checkToken, type Checked } from "../../api/key-managers";
import { useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { CodeArea } from "../../ui/code-area";
import { Facts } from "../../ui/facts";
import { ProblemAlert } from "../../ui/problem-alert";
import { FailedStep, Steps, Verdict } from "../../ui/steps";

const words = texts.admin.tokenCheck;

/** A pasted token through the gateway's own decision, by settings that may not be stored yet. */
export function TokenCheck({ what }: { what: Checked }) {
  const tenant = useTenant();
  const [token, setToken] = useState("");
  const judge = useMutation({ mutationFn: () => checkToken(tenant, what, token.trim()) });
  return (
    <Stack gap="sm">
      <Text size="sm" c="dimmed">{words.lead}</Text>
      <CodeArea
        label={words.token}
        value={token}
        onChange={(event) => { setToken(event.currentTarget.value); }}
        minRows={3}
        maxRows={8}
      />
      <div>
        <Button variant="light" disabled={token.trim() === ""} loading={judge.isPending} onClick={() => { judge.mutate(); }}>
          {words.run}
        </Button>
      </div>
      {judge.error && <ProblemAlert error={judge.error} />}
      {judge.data && (
        <Stack gap="sm">
          <Verdict status={judge.data.status} code={judge.data.code} detail={judge.data.detail} />
          <FailedStep steps={judge.data.steps ?? []} />
          <Facts
            rows={[
              [words.issuer, judge.data.issuer],
              [words.clientId, judge.data.clientId],
              [words.subject, judge.data.subject],
              [words.audience, (judge.data.audience ?? []).join(", ")],
              [words.scopes, (judge.data.scopes ?? []).join(" ")],
              [words.fingerprint, judge.data.fingerprint],
            ]}
          />
          <Steps steps={judge.data.steps ?? []} label={words.title} />
        </Stack>
      )}
    </Stack>
  );
}
